"""Who edits frames: frames in, patches out."""
