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
    box: Box  # where the pixels lie
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

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray:
        asked, (rows, columns) = sliced_box(part, self.shape[:2])
        pixels = self.base[asked.slices].copy()  # the base may be shown again
        both = asked.shared(self.box)
        inside = both.slices_in(self.box)
        np.copyto(pixels[both.slices_in(asked)], self.pixels[inside], where=self.support[inside][..., None])
        return pixels[::rows, ::columns]
