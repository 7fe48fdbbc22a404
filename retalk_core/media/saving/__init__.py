"""Finished files kept packet by packet, and encoders in hardware."""
