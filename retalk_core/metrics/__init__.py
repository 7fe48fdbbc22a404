"""Numbers about mouths and pictures: pure functions on arrays, which know neither engine nor file."""
