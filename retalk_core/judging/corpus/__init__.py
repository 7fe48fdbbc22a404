"""Many videos as one corpus: a folder, means with intervals, distances to real pictures."""
