"""What a clip is, wherever its frames come from; clips of pictures in memory, and of parts of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, OptionError
from ..times import timecode
from ..types import Frame
from .color import ColorTags, LightLevels
from .fields import Interlacing
from .planes.layout import FEW_ROWS


@dataclass(frozen=True, eq=False)
class Clip(ABC):
    """A clip, or a still picture, whose frames can be streamed as often as needed."""

    path: Path  # of the file; only a name where the pictures are in memory
    first: int  # the file's frame that is this clip's first
    size: tuple[int, int]  # height, width of the upright picture
    times: tuple[Fraction, ...]  # seconds since the first frame
    end: Fraction  # seconds; when the last frame stops showing
    rate: Fraction | None  # frames per second; None: frames are not shown equally long
    bit_depth: int
    color: ColorTags
    rotation: int  # degrees clockwise that the stored pixels are turned by; already done
    pixel_aspect: Fraction  # width of a pixel divided by its height
    interlacing: Interlacing
    light: LightLevels
    has_sound: bool
    is_still: bool
    damaged: set[int]  # frames found so far that can't be decoded and show the one before instead
    notes: tuple[str, ...] = field(default=(), kw_only=True)  # what is odd about the file, for the report

    def __len__(self) -> int:
        return len(self.times)

    @property
    def durations(self) -> tuple[Fraction, ...]:
        """Seconds that each frame is shown for."""
        return tuple(after - time for time, after in pairwise((*self.times, self.end)))

    def shown_at(self, times: Iterable[Fraction]) -> tuple[int, ...]:
        """The frame that shows at each time, the last one beyond the end."""
        return tuple(max(bisect_right(self.times, time) - 1, 0) for time in times)

    @abstractmethod
    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        """Give frames in the order asked for; all of them by default.

        Runs forwards and backwards and repeats are cheap, jumps may cost a seek. A frame that has the pixels
        of the one before it has its picture: the same object. Pixels are (H, W, 3) RGB:
        uint8, or uint16 over its whole range for clips above 8 bit; of a file's frames they are made where
        they are looked at. A repeated frame may be the same array: don't write into it. Memory doesn't grow
        with the clip.
        """

    def deinterlaced(self) -> Clip:
        """The same clip with one moment in each frame; pictures in memory stay as they are."""
        return self


def clip_of_pictures(pictures: Tensor, rate: Fraction, bit_depth: int = 8) -> Clip:
    """A clip of pictures in memory.

    pictures:  (T, H, W, 3 or more) in [0, 1]; what is beyond RGB is dropped, what is no number is black
    rate:      frames per second, above 0
    bit_depth: 8 gives frames in uint8, anything above in uint16 over its whole range
    raises:    InputError if there is no picture

    One picture alone is a still picture, which can be shown for any time.
    """
    if pictures.ndim != 4 or pictures.shape[3] < 3 or not pictures.numel():
        raise InputError(
            f"Pictures of shape {tuple(pictures.shape)} can't be a clip: give at least one picture with red, "
            "green and blue."
        )
    count, height, width = pictures.shape[:3]
    return _PictureClip(
        path=Path("pictures"),
        first=0,
        size=(height, width),
        times=tuple(i / rate for i in range(count)),
        end=count / rate,
        rate=rate,
        bit_depth=bit_depth,
        color=ColorTags(),
        rotation=0,
        pixel_aspect=Fraction(1),
        interlacing="none",
        light=LightLevels(),
        has_sound=False,
        is_still=count == 1,
        damaged=set(),
        _pictures=pictures,
    )


def part_of(clip: Clip, start: Fraction, duration: Fraction | None = None) -> Clip:
    """The frames of a clip that appear from `start` on and before `start + duration`, both in seconds.

    Times are counted from the first of them. Raises OptionError where there is none.
    """
    stop = clip.end if duration is None else start + duration
    first, last = bisect_left(clip.times, start), bisect_left(clip.times, stop)
    if first >= last:
        raise OptionError(
            f"The clip is trimmed to {timecode(start)} to {timecode(stop)}, where it has no frame; it "
            f"ends at {timecode(clip.end)}. Trim it less."
        )
    zero = clip.times[first]
    until = clip.times[last] if last < len(clip) else clip.end
    times = tuple(time - zero for time in clip.times[first:last])
    changes = {"first": clip.first + first, "times": times, "end": until - zero}
    # `damaged` counts the whole clip's frames, as the report does
    return _DerivedClip(**{**_facts(clip), **changes}, _base=clip, _skipped=first)


def written_as(clip: Clip) -> Interlacing:
    """How a file of a clip's frames is interlaced: as the clip, unless that is turned on its side."""
    return clip.interlacing if clip.rotation in (0, 180) else "none"


def watched(clip: Clip, look: Callable[[], None]) -> Clip:
    """The same clip; `look` is called before each frame is handed out, and may raise to stop the work."""
    return _DerivedClip(**_facts(clip), _base=clip, _look=look)


def whole_numbers(picture: Tensor, bit_depth: int = 8) -> np.ndarray:
    """A picture (H, W, 3 or more) in [0, 1] as RGB (H, W, 3), rounded: uint8, or uint16 above 8 bit."""
    white, kind = (255.0, np.uint8) if bit_depth <= 8 else (65535.0, np.uint16)
    rgb = np.nan_to_num(picture[..., :3].detach().cpu().float().numpy(), nan=0.0)
    return np.rint(rgb.clip(0, 1) * white).astype(kind)


@dataclass(frozen=True, eq=False)
class _PictureClip(Clip):
    _pictures: Tensor = field(repr=False)  # (T, H, W, C)

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        last, pixels = -1, np.empty(0)
        for index in range(len(self)) if indices is None else indices:
            if last < 0 or not _is_same(self._pictures[last], self._pictures[index]):
                pixels = whole_numbers(self._pictures[index], self.bit_depth)
            last = index
            yield Frame(index, self.times[index], pixels)


@dataclass(frozen=True, eq=False)
class _DerivedClip(Clip):
    _base: Clip = field(repr=False)
    _skipped: int = 0  # of the base's frames
    _look: Callable[[], None] | None = field(default=None, repr=False)

    def deinterlaced(self) -> Clip:
        base = self._base.deinterlaced()
        return replace(self, _base=base, interlacing=base.interlacing)

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        asked = range(len(self)) if indices is None else indices
        for frame in self._base.frames(self._skipped + index for index in asked):
            if self._look is not None:
                self._look()
            index = frame.index - self._skipped
            yield Frame(index, self.times[index], frame.picture)


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two pictures (H, W, C) are of the same numbers; those that aren't show it in few rows."""
    return torch.equal(one[:: len(one) // FEW_ROWS + 1], other[:: len(one) // FEW_ROWS + 1]) and torch.equal(
        one, other
    )


def _facts(clip: Clip) -> dict[str, Any]:
    return {each.name: getattr(clip, each.name) for each in fields(Clip)}
