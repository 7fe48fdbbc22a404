"""Whole pictures: sharpness (CPBD), naturalness (NIQE), distances of sets (FID, KID), what an edit left around it."""
