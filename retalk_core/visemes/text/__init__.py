"""A transcript: its words, their sounds by dictionary, letters or espeak-ng, and when the voice says them."""
