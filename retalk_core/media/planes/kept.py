"""Frames to encode whose samples are the decoder's own wherever nothing was edited."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...boxes import Box
from ...types import Pixels
from ..color import ColorTags, YuvConverter, frame_flags
from ..fields import KEPT, Interlacing
from .edited import EditedPicture
from .halo import enlarged
from .layout import PlaneLayout, plane_arrays, plane_layout, samples
from .stored import MOST_SIZES, StoredPicture
from .turn import Turn

if TYPE_CHECKING:
    import av


@dataclass(frozen=True)
class WantedPlanes:
    """The frames that an encoder takes."""

    size: tuple[int, int]  # height, width; of a padded picture
    color: ColorTags
    bits: int
    pixel_format: str  # ffmpeg's name
    interlacing: Interlacing


class PlaneKeeper:
    """Makes frames of pictures that are stored as the encoder wants them.

    A picture goes another way, by RGB, where its format, its colours' matrix or their range are not the
    encoder's, or where it is turned and its samples of chroma don't fit the turned pixels.
    """

    def __init__(self, wanted: WantedPlanes) -> None:
        self._wanted = wanted
        self._color = replace(wanted.color, matrix=wanted.color.matrix_for(wanted.size))
        self._layout = plane_layout(wanted.pixel_format)
        self._flagged = frame_flags(wanted.color, wanted.interlacing)
        self._converters: OrderedDict[tuple[int, int], YuvConverter] = OrderedDict()

    def __call__(self, picture: Pixels) -> av.VideoFrame | None:
        """A frame of a picture; None where it has to go by RGB."""
        base = picture.base if isinstance(picture, EditedPicture) else picture
        if self._layout is None or not isinstance(base, StoredPicture) or not self._fits(base, self._layout):
            return None
        frame = self._as_stored(base, self._layout)
        if isinstance(picture, EditedPicture):
            self._put(frame, picture, self._layout)
        return self._flagged(frame)

    def _fits(self, base: StoredPicture, layout: PlaneLayout) -> bool:
        reader, frame = base.reader, base.frame
        if (frame.height, frame.width) != reader.size or plane_layout(frame.format.name) != layout:
            return False
        if reader.turn != Turn():
            rows, columns = layout.unit(interlaced=self._interlaced)
            if rows != columns or reader.size[0] % rows or reader.size[1] % columns:
                return False
        same_range = bool(reader.color.full_range) == bool(self._color.full_range)
        return same_range and reader.color.matrix == self._color.matrix

    @property
    def _interlaced(self) -> bool:
        return self._wanted.interlacing in KEPT

    def _as_stored(self, base: StoredPicture, layout: PlaneLayout) -> av.VideoFrame:
        """The decoder's samples, upright, their last row and column repeated where there must be more."""
        import av

        height, width = self._wanted.size
        frame = av.VideoFrame(width, height, self._wanted.pixel_format)
        frame.colorspace = self._color.matrix
        frame.color_range = 2 if self._color.full_range else 1
        for target, source in zip(plane_arrays(frame, layout), plane_arrays(base.frame, layout), strict=True):
            upright = base.reader.turn.apply(source)
            lacking = [(0, there - here) for there, here in zip(target.shape, upright.shape, strict=True)]
            target[:] = np.pad(upright, lacking, "edge") if any(more for _, more in lacking) else upright
        return frame

    def _put(self, frame: av.VideoFrame, picture: EditedPicture, layout: PlaneLayout) -> None:
        """Write what was edited over a frame's samples: those that an edited pixel has a part in."""
        unit = layout.unit(interlaced=self._interlaced)
        inner = _on_units(picture.box, unit)
        wide = enlarged(inner, self._wanted.size, unit)
        made = plane_arrays(self._for(wide.size)(_padded(picture, wide)), layout)
        support = np.zeros(inner.size, bool)
        support[picture.box.slices_in(inner)] = picture.support
        planes = zip(plane_arrays(frame, layout), made, layout.steps, strict=True)
        for place, (target, source, step) in enumerate(planes):
            there, here = samples(inner, step), samples(inner.within(wide), step)
            edited = support if place == 0 else _of_chroma(support, unit, step)
            np.copyto(target[there], source[here], where=edited)

    def _for(self, size: tuple[int, int]) -> YuvConverter:
        if size not in self._converters:
            while len(self._converters) >= MOST_SIZES:
                self._converters.popitem(last=False)
            wanted = self._wanted
            self._converters[size] = YuvConverter(
                size, self._color, wanted.bits, wanted.pixel_format, wanted.interlacing
            )
        self._converters.move_to_end(size)
        return self._converters[size]


def _on_units(box: Box, unit: tuple[int, int]) -> Box:
    """A box with what it takes to begin and end at multiples of rows and columns."""
    (rows, columns), (left, top, right, bottom) = unit, box
    return Box(
        left // columns * columns,
        top // rows * rows,
        -(-right // columns) * columns,
        -(-bottom // rows) * rows,
    )


def _padded(picture: Pixels, box: Box) -> np.ndarray:
    """A part of a picture, whose last row and column are repeated where the part goes beyond it."""
    there = picture[box.slices]
    lacking = [(0, wanted - has) for wanted, has in zip(box.size, there.shape[:2], strict=True)]
    return np.pad(there, (*lacking, (0, 0)), "edge") if any(more for _, more in lacking) else there


def _of_chroma(support: np.ndarray, unit: tuple[int, int], step: tuple[int, int]) -> np.ndarray:
    """Which samples of chroma pixels (h, w) have a part in; sides are multiples of the unit's."""
    (height, width), (rows, columns) = support.shape, unit
    blocks = support.reshape(height // rows, rows, width // columns, columns).any(axis=(1, 3))
    return blocks.repeat(rows // step[0], axis=0).repeat(columns // step[1], axis=1)
