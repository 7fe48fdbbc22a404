"""Networks that change an expression: D-Net, GANimation."""
