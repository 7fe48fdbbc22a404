"""How stored pixels are turned to stand upright."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .rect import Rect


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

    def stored_rect(self, rect: Rect, size: tuple[int, int]) -> Rect:
        """Where the stored pixels lie that an upright picture of this height and width has in a rectangle."""
        height, width = size
        top, left, bottom, right = rect
        if self.mirror_y:
            top, bottom = height - bottom, height - top
        if self.mirror_x:
            left, right = width - right, width - left
        return Rect(left, top, right, bottom) if self.transpose else Rect(top, left, bottom, right)

    def upright_rect(self, rect: Rect, size: tuple[int, int]) -> Rect:
        """The other way round, for an upright picture of that height and width."""
        top, left, bottom, right = (rect[1], rect[0], rect[3], rect[2]) if self.transpose else rect
        height, width = size
        if self.mirror_y:
            top, bottom = height - bottom, height - top
        if self.mirror_x:
            left, right = width - right, width - left
        return Rect(top, left, bottom, right)
