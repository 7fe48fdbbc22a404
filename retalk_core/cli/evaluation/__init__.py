"""What `retalk eval` and `retalk selfcheck` do: judge videos, compare systems, ask people."""
