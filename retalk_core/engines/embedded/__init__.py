"""The engine that needs no checkpoint: a voice moves the mouth, the clip's own pictures dress it."""
