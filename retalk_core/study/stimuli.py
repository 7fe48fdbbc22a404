"""The videos of a study: small, playable anywhere, and without a word of who made them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..images import eight_bit, shrink, shrunk_size
from ..media.clip import Clip, part_of
from ..media.reader import open_clip, prefetch
from ..media.sound import SoundSource, SoundStream
from ..media.writer import VideoWriter
from ..reports.lettering import words_size, write_words
from ..reports.proxies import PROXY_SIDE
from ..times import exact_tick
from ..types import Progress, silent
from .results import RatedClip

_QUALITY = 16  # constant rate factor: the encoder is not to be rated
_BLUR = 8  # the anchor's pictures have so many times fewer pixels along a side
_WHITE, _RIM = (255, 255, 255), (0, 0, 0)

Change = Callable[[np.ndarray], np.ndarray]


def common_end(clip: RatedClip) -> Fraction:
    """Seconds that all versions of a clip last."""
    return min(open_clip(path).end for path in (clip.source, *clip.videos.values()))


def write_stimulus(
    video: Path,
    sound: SoundSource,
    end: Fraction,
    output: Path,
    change: Change | None = None,
    progress: Progress = silent,
) -> None:
    """Write a video small, up to a time, with a sound.

    change: what each picture (h, w, 3) uint8 of the small size goes through
    """
    clip: Clip = open_clip(video)
    if clip.end > end:
        clip = part_of(clip, Fraction(0), end)
    scale = min(1.0, PROXY_SIDE / max(clip.size))
    durations = clip.durations
    with VideoWriter(
        output,
        shrunk_size(clip.size, scale),
        rate=clip.rate,
        tick=exact_tick(clip.times, clip.end),
        quality=_QUALITY,
        color=clip.color,
        pixel_aspect=clip.pixel_aspect,
        sound=SoundStream(sound, 0, clip.end),
        for_jumps=True,
    ) as writer:
        for number, frame in enumerate(prefetch(clip.frames())):
            picture = eight_bit(shrink(frame.pixels, scale))
            picture = picture if change is None else change(picture)
            writer.write(picture, clip.times[number], durations[number])
            progress(number + 1, len(clip))


def spoiled(picture: np.ndarray) -> np.ndarray:
    """A picture with hardly any detail, as the bad anchor has it."""
    height, width = picture.shape[:2]
    few = cv2.resize(picture, (max(1, width // _BLUR), max(1, height // _BLUR)), interpolation=cv2.INTER_AREA)
    return cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)


def asking(quality: int, sync: int) -> Change:
    """What writes into a picture which answers are to be chosen."""
    lines = ("Attention check", f"Picture: choose {quality}", f"Lips: choose {sync}")

    def write(picture: np.ndarray) -> np.ndarray:
        written = picture.copy()
        height, width = written.shape[:2]
        size = next(size for size in range(height // 8, 0, -1) if words_size(lines[1], size)[0] < 0.9 * width)
        for number, words in enumerate(lines):
            corner = (
                (width - words_size(words, size)[0]) // 2,
                height // 2 + round((number - 1.5) * 1.4 * size),
            )
            write_words(written, words, corner, size, _WHITE, _RIM)
        return written

    return write
