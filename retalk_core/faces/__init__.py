"""Follow one face through a clip: detect, find its mesh, tell cuts, fill gaps, correct by hand."""
