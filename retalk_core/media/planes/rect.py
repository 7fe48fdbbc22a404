"""Rectangles of pixels that suit the planes of a picture."""

from __future__ import annotations

from typing import NamedTuple

# ffmpeg's conversion of chroma looks so many pixels to each side: beyond, a part's pixels are the whole's.
HALO = 8
# Pixels to whose multiples parts are enlarged, so that few sizes occur: each has filters of its own.
SIZE_STEP = 64


class Rect(NamedTuple):
    """Half-open ranges of rows and columns."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def holds(self, other: Rect) -> bool:
        """Whether another lies inside."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.bottom >= other.bottom
            and self.right >= other.right
        )

    def shared(self, other: Rect) -> Rect:
        """The part that lies in both; without rows or columns where there is none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Rect(top, left, max(bottom, top), max(right, left))

    def within(self, other: Rect) -> Rect:
        """The same pixels, counted from the left top of one that holds them."""
        top, left = other.top, other.left
        return Rect(self.top - top, self.left - left, self.bottom - top, self.right - left)


def whole_rect(size: tuple[int, int]) -> Rect:
    """All of a picture of this height and width."""
    return Rect(0, 0, *size)


def enlarged(rect: Rect, size: tuple[int, int], unit: tuple[int, int]) -> Rect:
    """A rectangle with a halo, of one of a few sizes, inside a picture of this height and width.

    unit: rows and columns whose multiples it begins at; it ends at them too, or with the picture
    """
    top, bottom = _enlarged(rect.top, rect.bottom, size[0], unit[0])
    left, right = _enlarged(rect.left, rect.right, size[1], unit[1])
    return Rect(top, left, bottom, right)


def without_halo(rect: Rect, size: tuple[int, int]) -> Rect:
    """The part of an enlarged rectangle whose pixels don't depend on what is beyond it."""
    return Rect(
        rect.top + HALO if rect.top else 0,
        rect.left + HALO if rect.left else 0,
        rect.bottom - HALO if rect.bottom < size[0] else size[0],
        rect.right - HALO if rect.right < size[1] else size[1],
    )


def _enlarged(start: int, stop: int, length: int, unit: int) -> tuple[int, int]:
    wanted = -(-(stop - start + 2 * HALO + unit) // SIZE_STEP) * SIZE_STEP
    if wanted >= length:
        return 0, length
    begin = min(max(start - HALO, 0) // unit * unit, (length - wanted) // unit * unit)
    return begin, begin + wanted
