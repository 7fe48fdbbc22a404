"""Whole pictures: sharpness (CPBD), naturalness (NIQE), distances (FID, KID), what is outside an edit."""
