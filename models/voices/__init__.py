"""Networks that listen to a voice."""
