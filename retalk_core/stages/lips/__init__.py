"""Lips that follow speech: the networks that draw them, behind one protocol, and E-Net behind those."""
