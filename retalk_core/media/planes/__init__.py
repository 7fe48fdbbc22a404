"""Decoded pictures in the planes they are stored in: read and edited in part, and else left alone."""
