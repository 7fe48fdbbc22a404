"""Pictures as a decoder gave them, of which only what is looked at becomes RGB."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...boxes import Box, full_box, sliced_box
from ...errors import InputError
from ..color import ColorTags, RgbConverter, rgb_of_planes
from .halo import enlarged, without_halo
from .layout import PlaneLayout, part_of_frame, plane_arrays, plane_layout
from .turn import Turn

if TYPE_CHECKING:
    import av

MOST_SIZES = 12  # of parts whose filters are kept
MOST_IN_PARTS = 0.7  # of a picture: more is made at once


class AreaReader:
    """Turns frames of one clip, or parts of them, into RGB; several threads may ask."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        color: ColorTags,
        bit_depth: int,
        *,
        interlaced: bool,
        turn: Turn,
    ) -> None:
        """Get ready.

        path: of the clip, for words
        size: height, width of the stored pixels, which `turn` makes upright; other frames are scaled to it
        """
        self.size, self.turn, self.deep = size, turn, bit_depth > 8
        self._path = path
        self._color = replace(color, matrix=color.matrix_for(size))
        self._depth, self._interlaced = bit_depth, interlaced
        self._of_whole = RgbConverter(size, self._color, bit_depth, interlaced=interlaced)
        self._of_parts: OrderedDict[tuple[int, int], RgbConverter] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height, width."""
        return self.turn.stored(self.size)

    @property
    def color(self) -> ColorTags:
        """What the stored numbers mean, with a matrix."""
        return self._color

    def read_all(self, frame: av.VideoFrame) -> np.ndarray:
        """All of a frame, upright, (H, W, 3). Raises InputError for colours that can't be read."""
        import av

        try:
            with self._lock:
                return self.turn.apply(self._of_whole(frame))
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{self._path} has colours of a kind that can't be read ({frame.format.name}): export it "
                "again as H.264 in MP4."
            ) from error

    def read_part(self, frame: av.VideoFrame, box: Box) -> tuple[Box, np.ndarray]:
        """A part of an upright frame that holds a box: where it lies, and its pixels (h, w, 3)."""
        layout, size = self.layout_of(frame), self.size
        if layout is None:
            return full_box(self.upright_size), self.read_all(frame)
        unit = layout.unit(interlaced=self._interlaced)
        wide = enlarged(self.turn.stored_box(box, self.upright_size), size, unit)
        if np.prod(wide.size) > MOST_IN_PARTS * np.prod(size):
            return full_box(self.upright_size), self.read_all(frame)
        with self._lock:
            pixels = self._for(wide.size)(part_of_frame(frame, layout, wide))
        inner = without_halo(wide, size)
        made = self.turn.apply(pixels[inner.slices_in(wide)])
        return self.turn.upright_box(inner, self.upright_size), made

    def read_thinned(self, frame: av.VideoFrame, layout: PlaneLayout, step: int) -> np.ndarray:
        """Every so many-th pixel of every so many-th row, upright, with the sample of chroma it lies on."""
        y, *chroma = plane_arrays(frame, layout)
        rows, columns = np.arange(0, frame.height, step), np.arange(0, frame.width, step)
        high, wide = layout.steps[1]
        planes = [y[::step, ::step], *(plane[np.ix_(rows // high, columns // wide)] for plane in chroma)]
        return self.turn.apply(rgb_of_planes(planes, self._color, layout.bits, deep=self.deep))

    def layout_of(self, frame: av.VideoFrame) -> PlaneLayout | None:
        """How a frame is stored; None where it can't be read in parts.

        At odd sides ffmpeg spreads the chroma over one column or row less: only all of it gives the same.
        """
        layout = plane_layout(frame.format.name)
        if layout is None or (frame.height, frame.width) != self.size:
            return None
        rows, columns = layout.unit(interlaced=self._interlaced)
        return None if self.size[0] % rows or self.size[1] % columns else layout

    def _for(self, size: tuple[int, int]) -> RgbConverter:
        if size not in self._of_parts:
            while len(self._of_parts) >= MOST_SIZES:
                self._of_parts.popitem(last=False)
            self._of_parts[size] = RgbConverter(size, self._color, self._depth, interlaced=self._interlaced)
        self._of_parts.move_to_end(size)
        return self._of_parts[size]


class StoredPicture:
    """A decoded picture, which is sliced like an array (H, W, 3) of RGB; see `types.Pixels`.

    What was made of it is kept with it. Nobody writes into what comes out.
    """

    def __init__(self, frame: av.VideoFrame, reader: AreaReader) -> None:
        self.frame, self.reader = frame, reader
        self._made: list[tuple[Box, np.ndarray]] = []

    @property
    def shape(self) -> tuple[Any, ...]:
        """Height, width, 3."""
        return (*self.reader.upright_size, 3)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, or uint16 above 8 bit."""
        return np.dtype(np.uint16 if self.reader.deep else np.uint8)

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray:
        asked, (rows, columns) = sliced_box(part, self.shape[:2])
        box, pixels = self._holding(asked)
        if asked == box and rows == columns == 1:
            return pixels
        here = asked.within(box)
        return pixels[here.top : here.bottom : rows, here.left : here.right : columns]

    def thinned(self, step: int) -> np.ndarray:
        """About every so many-th pixel of every so many-th row, (h, w, 3), in the colour stored for it."""
        layout = self.reader.layout_of(self.frame)
        if layout is None or self._is_whole:
            return np.ascontiguousarray(self[:, :][::step, ::step])
        return self.reader.read_thinned(self.frame, layout, step)

    @property
    def _is_whole(self) -> bool:
        return any(box == full_box(self.reader.upright_size) for box, _ in self._made)

    def _holding(self, asked: Box) -> tuple[Box, np.ndarray]:
        for box, pixels in self._made:
            if box.holds(asked):
                return box, pixels
        all_of_it = full_box(self.reader.upright_size)
        # What is shown for long, and looked at here and there, shall not be kept many times over.
        kept = sum(int(np.prod(box.size)) for box, _ in self._made)
        if asked == all_of_it or kept > np.prod(all_of_it.size):
            made = all_of_it, self.reader.read_all(self.frame)
        else:
            made = self.reader.read_part(self.frame, asked)
        self._made = [made] if made[0] == all_of_it else [made, *self._made]
        return made
