"""Show two clips at the same moments: small copies of both to play, and one picture of both side by side."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from ..images import eight_bit
from ..media.clip import Clip
from ..media.color import ColorTags
from ..media.reader import prefetch
from ..media.sound import SoundStream
from ..media.writer import VideoWriter
from ..times import exact_tick
from ..types import Progress, silent
from .proxies import Look, writing_pair


@dataclass(frozen=True)
class Moments:
    """When two clips are looked at, and which of their frames show then."""

    times: tuple[Fraction, ...]  # seconds
    end: Fraction  # seconds; when the last frame stops showing
    first: tuple[int, ...]  # frames of the one clip
    second: tuple[int, ...]  # frames of the other

    @property
    def durations(self) -> tuple[Fraction, ...]:
        """Seconds that each pair is shown for."""
        return tuple(after - before for before, after in pairwise((*self.times, self.end)))

    @property
    def rate(self) -> Fraction | None:
        """Pairs of frames per second where all are shown equally long, else None."""
        lengths = set(self.durations)
        return 1 / lengths.pop() if len(lengths) == 1 else None


@dataclass(frozen=True)
class Pair:
    """Two clips that were compared."""

    seconds: float
    rate: float  # pairs of frames per second
    size: tuple[int, int]  # height, width of both side by side


def common_moments(first: Clip, second: Clip) -> Moments:
    """The times of the clip with more frames a second, then those of the longer one; the other one holds.

    A still picture is shown all the time.
    """
    moving = [clip for clip in (first, second) if not clip.is_still] or [first]
    finer = max(moving, key=lambda clip: len(clip) / clip.end)
    longer = max(moving, key=lambda clip: clip.end)
    times = list(finer.times)
    if longer.end > finer.end:
        times += longer.times[bisect_left(longer.times, finer.end) :]
    return Moments(tuple(times), longer.end, first.shown_at(times), second.shown_at(times))


def compare_clips(
    first: Clip,
    second: Clip,
    output: Path,
    copies: tuple[Path, Path],
    sound: SoundStream | None = None,
    progress: Progress = silent,
) -> Pair:
    """Write two clips side by side, and small copies of both that are easily played.

    output: the file of both, at the first one's height
    copies: the files of the small copies, .mp4; both have the same times
    """
    moments = common_moments(first, second)
    durations = moments.durations
    width = max(1, round(second.size[1] * first.size[0] / second.size[0]))
    size = (first.size[0], first.size[1] + width)
    looks = (
        Look(copies[0], first.size, first.color, first.pixel_aspect),
        Look(copies[1], second.size, second.color, second.pixel_aspect, sound),
    )
    with (
        VideoWriter(
            output,
            size,
            rate=moments.rate,
            tick=exact_tick(moments.times, moments.end),
            color=first.color if first.color == second.color else ColorTags(),
            sound=sound,
        ) as both,
        writing_pair(*looks) as see,
    ):
        pairs = zip(
            prefetch(first.frames(moments.first)), prefetch(second.frames(moments.second)), strict=True
        )
        for index, (one, two) in enumerate(pairs):
            time, duration = moments.times[index], durations[index]
            both.write(beside(one.pixels, two.pixels, width), time, duration)
            see(one.pixels, two.pixels, time, duration)
            progress(index + 1, len(moments.times))
    return Pair(float(moments.end), float(len(moments.times) / moments.end), size)


def beside(first: np.ndarray, second: np.ndarray, width: int) -> np.ndarray:
    """Two pictures (H, W, 3) beside each other as uint8; the second gets the first's height, and a width."""
    one, two = eight_bit(first), eight_bit(second)
    if two.shape[:2] != (len(one), width):
        smaller = len(one) < len(two)
        two = cv2.resize(
            two, (width, len(one)), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        )
    return np.hstack([one, two])
