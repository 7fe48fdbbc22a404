"""Marks in picture and sound that say that a clip was dubbed, and by which dub: laying and finding them.

picture.find_picture_mark(frames: Iterable of (H, W, 3) RGB, fps, *, key=PUBLIC_KEY, progress) -> MarkFound
sound.find_sound_mark(samples: (n,) float mono, rate, *, key=PUBLIC_KEY) -> MarkFound
identity.mark_id(parts) -> int: 64 bits of a hash of all that a dub depends on; marks carry its first bits"""
