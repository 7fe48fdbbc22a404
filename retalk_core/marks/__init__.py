"""Marks in picture and sound that say that a clip was dubbed, and by which dub: keys, payload, laying, finding.

picture.find_picture_mark(frames: Iterable[(H, W, 3) uint8 RGB], fps, *, key=PUBLIC_KEY, progress=silent) -> MarkFound
sound.find_sound_mark(samples: (n,) float32 mono, rate: int, *, key=PUBLIC_KEY) -> MarkFound
identity.mark_id(parts: Mapping) -> int: 64 bits of a hash of all that a dub depends on; marks carry its first bits
"""
