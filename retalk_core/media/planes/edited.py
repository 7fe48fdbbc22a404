"""A picture into which other pixels are put, without a copy of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...types import Pixels
from .rect import Rect


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
    def rect(self) -> Rect:
        """Where the pixels lie."""
        (top, left), (height, width) = self.corner, self.support.shape
        return Rect(top, left, top + height, left + width)

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray:
        height, width = self.shape[:2]
        rows, columns = (side.indices(length) for side, length in zip(part, (height, width), strict=True))
        asked = Rect(rows[0], columns[0], max(rows[1], rows[0]), max(columns[1], columns[0]))
        pixels = self.base[asked.slices].copy()  # the base may be shown again
        both = asked.shared(self.rect)
        inside = both.within(self.rect).slices
        np.copyto(
            pixels[both.within(asked).slices], self.pixels[inside], where=self.support[inside][..., None]
        )
        return pixels[:: rows[2], :: columns[2]]
