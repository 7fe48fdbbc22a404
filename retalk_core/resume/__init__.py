"""What a stopped dub goes on from: a store of finished parts, and their files."""
