"""How stored pixels are turned to stand upright."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...boxes import Box


class Turn(NamedTuple):
    """What makes stored pixels upright: swap rows with columns, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise."""
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_x and self.mirror_y else 0

    def stored(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the stored pixels, from those of the upright ones; and the other way round."""
        return size[::-1] if self.transpose else size

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Stored pixels (H, W, ...) made upright."""
        if self == Turn():
            return pixels
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1])

    def stored_box(self, box: Box, size: tuple[int, int]) -> Box:
        """Where the stored pixels lie that an upright picture of this height and width has in a box."""
        left, top, right, bottom = self._mirrored(box, size)
        return Box(top, left, bottom, right) if self.transpose else Box(left, top, right, bottom)

    def upright_box(self, box: Box, size: tuple[int, int]) -> Box:
        """The other way round, for an upright picture of that height and width."""
        left, top, right, bottom = box
        return self._mirrored(Box(top, left, bottom, right) if self.transpose else box, size)

    def _mirrored(self, box: Box, size: tuple[int, int]) -> Box:
        (height, width), (left, top, right, bottom) = size, box
        if self.mirror_x:
            left, right = width - right, width - left
        if self.mirror_y:
            top, bottom = height - bottom, height - top
        return Box(left, top, right, bottom)
