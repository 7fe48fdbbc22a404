"""Cells that carry a mark: where they lie in picture and sound, how they change, and what they say."""
