"""Files of weights that other programs write, read without running anything in them."""
