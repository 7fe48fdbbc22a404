"""A picture into which other pixels are put, without a copy of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...boxes import Box, sliced_box
from ...types import Pixels


@dataclass(frozen=True, eq=False)
class EditedPicture:
    """A picture with some pixels put into it; sliced like an array (H, W, 3), see `types.Pixels`."""

    base: Pixels
    corner: tuple[int, int]  # the row and the column that the pixels begin at
    pixels: np.ndarray  # (h, w, 3) as in the base
    support: np.ndarray  # (h, w) bool; elsewhere the base shows

    @property
    def shape(self) -> tuple[Any, ...]:
        """Height, width, 3."""
        return self.base.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The base's."""
        return self.base.dtype

    @property
    def box(self) -> Box:
        """Where the pixels lie."""
        (top, left), (height, width) = self.corner, self.support.shape
        return Box(left, top, left + width, top + height)

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray:
        asked, (rows, columns) = sliced_box(part, self.shape[:2])
        pixels = self.base[asked.slices].copy()  # the base may be shown again
        both = asked.shared(self.box)
        inside = both.slices_in(self.box)
        np.copyto(pixels[both.slices_in(asked)], self.pixels[inside], where=self.support[inside][..., None])
        return pixels[::rows, ::columns]
