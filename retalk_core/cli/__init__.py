"""The `retalk` command: arguments, options, progress bars, and what each command does."""
