"""A row for each network, in rooms like the networks' own; catalog.py joins them.

Telltales have the names of the official files. Spectrally normalised weights are none: folding renames them.
"""
