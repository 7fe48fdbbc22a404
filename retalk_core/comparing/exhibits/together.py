"""Several videos side by side in one, with sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...images import eight_bit
from ...media.reader import open_clip, prefetch
from ...media.sound import SoundSource, SoundStream
from ...media.writer import VideoWriter
from ...reports.lettering import words_size, write_words
from ...times import exact_tick
from ...types import Progress, silent
from .strips import StripRow

WIDEST = 1920  # pixels
_CELL = 480  # pixels of a picture's width, at most
_BAR, _LETTERS = 30, 16
_INK, _GROUND = (235, 235, 235), (24, 24, 24)
_QUALITY = 18


def write_together(
    shown: Sequence[StripRow], voice: SoundSource, output: Path, progress: Progress = silent
) -> None:
    """Write videos side by side, each under its name; the last tells times and shape of the pictures.

    output: .mp4; what a video lacks at the end is its last frame
    """
    clips = [open_clip(each.video) for each in shown]
    last = clips[-1]  # a result: the source before it may go on
    columns = min(len(clips), max(1, math.ceil(math.sqrt(len(clips)))))
    width = min(_CELL, WIDEST // columns, last.size[1]) // 2 * 2
    height = max(2, round(last.size[0] * width / last.size[1]) // 2 * 2)
    rows = math.ceil(len(clips) / columns)
    ground = np.full((rows * (height + _BAR), columns * width, 3), _GROUND, np.uint8)
    for place, each in enumerate(shown):
        row, column = divmod(place, columns)
        size = _fitting(each.words, width - 12)
        write_words(ground, each.words, (column * width + 6, row * (height + _BAR) + 7), size, _INK)
    frames = [prefetch(clip.frames(clip.shown_at(last.times))) for clip in clips]
    durations = last.durations
    with VideoWriter(
        output,
        (ground.shape[0], ground.shape[1]),
        rate=last.rate,
        tick=exact_tick(last.times, last.end),
        quality=_QUALITY,
        sound=SoundStream(voice, 0, last.end),
        for_jumps=True,
    ) as writer:
        for number, pictures in enumerate(zip(*frames, strict=True)):
            page = ground.copy()
            for place, frame in enumerate(pictures):
                row, column = divmod(place, columns)
                top, left = row * (height + _BAR) + _BAR, column * width
                page[top : top + height, left : left + width] = _scaled(frame.pixels, width, height)
            writer.write(page, last.times[number], durations[number])
            progress(number + 1, len(last))


def _scaled(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    picture = eight_bit(pixels)
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _fitting(words: str, width: int) -> int:
    """A size of letters at which a line fits, as far as one can still be read."""
    return next((size for size in range(_LETTERS, 9, -1) if words_size(words, size)[0] <= width), 9)
