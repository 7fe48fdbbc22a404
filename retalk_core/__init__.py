"""The pipeline: plain functions on tensors, given their networks."""
