"""How pictures are stored: luma and two planes of chroma, which may have fewer rows and columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...boxes import Box
from ..color import plane_values

if TYPE_CHECKING:
    import av

_STEPS = {"420": (2, 2), "422": (1, 2), "444": (1, 1), "440": (2, 1)}  # pixels to a sample of chroma
FEW_ROWS = 32  # that are compared first
_NAME = re.compile(r"yuvj?(420|422|444|440)p(\d*)(?:le)?")


class PlaneLayout(NamedTuple):
    """How a format stores pictures."""

    chroma: str  # 420 and the like
    bits: int

    @property
    def steps(self) -> Sequence[tuple[int, int]]:
        """Rows and columns of pixels to a sample, for each of the three planes."""
        return (1, 1), _STEPS[self.chroma], _STEPS[self.chroma]

    @property
    def dtype(self) -> type[np.generic]:
        """Of samples."""
        return np.uint8 if self.bits == 8 else np.uint16

    def unit(self, *, interlaced: bool) -> tuple[int, int]:
        """Rows and columns that parts begin at multiples of: whole samples, of both fields if interlaced."""
        rows, columns = _STEPS[self.chroma]
        return (2 * rows if interlaced else rows), columns


def plane_layout(name: str) -> PlaneLayout | None:
    """The layout of one of ffmpeg's formats; None where it isn't luma and chroma in planes of their own."""
    found = _NAME.fullmatch(name)
    return PlaneLayout(found[1], int(found[2] or 8)) if found else None


def plane_arrays(frame: av.VideoFrame, layout: PlaneLayout) -> list[np.ndarray]:
    """The samples of each plane, to read and to write."""
    return [plane_values(plane, layout.dtype) for plane in frame.planes]


def are_same(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    """Whether two frames have the same samples; False for kinds of frames that aren't looked at."""
    kinds = [(frame.format.name, frame.height, frame.width, frame.color_range) for frame in (one, other)]
    if kinds[0] != kinds[1]:
        return False
    pairs = list(zip(_rows(one), _rows(other), strict=True))
    step = one.height // FEW_ROWS + 1  # frames that differ do so in few rows as a rule
    few = all(np.array_equal(a[::step], b[::step]) for a, b in pairs)
    return bool(pairs) and few and all(np.array_equal(a, b) for a, b in pairs)


def _rows(frame: av.VideoFrame) -> list[np.ndarray]:
    """The bytes of each plane's rows; none where it isn't known how many are samples."""
    name, planes = frame.format, frame.planes
    if len(planes) == 1:
        width = planes[0].width * name.padded_bits_per_pixel // 8
        return [np.frombuffer(memoryview(planes[0]), np.uint8).reshape(planes[0].height, -1)[:, :width]]
    if len(planes) == 2:  # chroma's samples take turns
        return []
    dtype = np.uint8 if name.components[0].bits == 8 else np.uint16
    return [plane_values(plane, dtype) for plane in planes]


def part_of_frame(frame: av.VideoFrame, layout: PlaneLayout, box: Box) -> av.VideoFrame:
    """A part of a frame, whose edges suit the layout, as a frame of its own; a copy."""
    import av

    height, width = box.size
    part = av.VideoFrame(width, height, frame.format.name)
    part.colorspace, part.color_range = int(frame.colorspace), int(frame.color_range)
    for target, source, step in zip(
        plane_arrays(part, layout), plane_arrays(frame, layout), layout.steps, strict=True
    ):
        target[:] = source[samples(box, step)]
    return part


def samples(box: Box, step: tuple[int, int]) -> tuple[slice, slice]:
    """Which rows and columns of a plane belong to a box; the last ones may reach beyond it."""
    (rows, columns), (left, top, right, bottom) = step, box
    return slice(top // rows, -(-bottom // rows)), slice(left // columns, -(-right // columns))
