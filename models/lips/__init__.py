"""Networks that draw lips: L-Net, and E-Net, which redraws its faces sharply."""
