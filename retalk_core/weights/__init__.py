"""Files of weights on this machine: find, identify, download, verify, convert, try out."""
