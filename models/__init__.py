"""Networks and the weights that fit them."""
