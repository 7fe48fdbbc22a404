"""Who is who: what a face looks like, who else is near it, and which of two faces is in front."""
