"""Rectangles of pixels in a picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """Half-open pixel ranges in a picture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def corner(self) -> np.ndarray:
        """The left top (2,): x, y."""
        return np.array((self.left, self.top), np.float32)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def slices_in(self, other: Box) -> tuple[slice, slice]:
        """The same pixels, counted from the left top of a box that holds them."""
        return self.within(other).slices

    def within(self, other: Box) -> Box:
        """The same, counted from the left top of a box that holds it."""
        x, y = other.left, other.top
        return Box(self.left - x, self.top - y, self.right - x, self.bottom - y)

    def holds(self, other: Box) -> bool:
        """Whether another lies inside."""
        return self.shared(other) == other

    def shared(self, other: Box) -> Box:
        """The part that lies in both; without rows or columns where there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(left, top, max(right, left), max(bottom, top))


def full_box(size: tuple[int, int]) -> Box:
    """All of a picture of this height and width."""
    return Box(0, 0, size[1], size[0])


def sliced_box(part: tuple[slice, slice], size: tuple[int, int]) -> tuple[Box, tuple[int, int]]:
    """What slices of rows and columns take of a picture of this height and width, and their steps.

    raises: ValueError for slices that don't run downwards and to the right
    """
    rows, columns = (side.indices(length) for side, length in zip(part, size, strict=True))
    if rows[2] < 1 or columns[2] < 1:
        raise ValueError("pictures are read downwards and to the right")
    box = Box(columns[0], rows[0], max(columns[1], columns[0]), max(rows[1], rows[0]))
    return box, (rows[2], columns[2])
