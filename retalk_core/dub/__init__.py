"""One dub, from a clip and a voice to a file or to frames: options, timeline, two passes, report."""
