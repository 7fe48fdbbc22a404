"""Two clips of the same moments: which frame they show can be told from a pixel."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream
from retalk_nodes.retalk_core.reports.proxies import Look, writing_pair

RATE, FRAMES, SIZE = 25, 75, (180, 320)


def shade(frame: int) -> int:
    """The grey of a frame of the first clip: neighbours differ clearly."""
    return 40 + frame * 37 % 160


def write_two_clips(folder: Path) -> None:
    """Write before.mp4, grey and silent, and after.mp4, red and with a tone."""
    tone = SoundArray(np.sin(np.arange(16_000 * 3) / 20).astype(np.float32)[None] * 0.2, 16_000)
    looks = (
        Look(folder / "before.mp4", SIZE, ColorTags()),
        Look(folder / "after.mp4", SIZE, ColorTags(), sound=SoundStream(tone, 0, Fraction(FRAMES, RATE))),
    )
    with writing_pair(*looks) as see:
        for frame in range(FRAMES):
            grey = np.full((*SIZE, 3), shade(frame), np.uint8)
            red = np.stack([grey[..., 0], grey[..., 1] // 4, grey[..., 2] // 4], axis=-1)
            see(grey, red, Fraction(frame, RATE), Fraction(1, RATE))
