"""StyleGAN2's blocks, and how to compute only a part of a picture with them."""
