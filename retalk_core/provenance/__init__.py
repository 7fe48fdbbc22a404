"""What a finished file says of its making, who signs that, where it is remembered, and what a file is."""
