"""Decoded pictures in the planes they are stored in: read in part, edited in part, and else left as they are."""
