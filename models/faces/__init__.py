"""Networks that find and read faces: detectors, meshes, parsers, the 3DMM regressor."""
