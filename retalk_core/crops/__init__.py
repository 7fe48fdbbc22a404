"""Cut faces out of frames, bring them to another framing, blend and paste them back."""
