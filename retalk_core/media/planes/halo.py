"""Parts of a picture that suit its planes."""

from __future__ import annotations

from ...boxes import Box

# ffmpeg's conversion of chroma looks so many pixels to each side: beyond, a part's pixels are the whole's.
HALO = 8
# Pixels to whose multiples parts are enlarged, so that few sizes occur: each has filters of its own.
SIZE_STEP = 64


def enlarged(box: Box, size: tuple[int, int], unit: tuple[int, int]) -> Box:
    """A box with a halo, of one of a few sizes, inside a picture of this height and width.

    unit: rows and columns whose multiples it begins at; it ends at them too, or with the picture
    """
    top, bottom = _enlarged(box.top, box.bottom, size[0], unit[0])
    left, right = _enlarged(box.left, box.right, size[1], unit[1])
    return Box(left, top, right, bottom)


def without_halo(box: Box, size: tuple[int, int]) -> Box:
    """The part of an enlarged box whose pixels don't depend on what is beyond it."""
    return Box(
        box.left + HALO if box.left else 0,
        box.top + HALO if box.top else 0,
        box.right - HALO if box.right < size[1] else size[1],
        box.bottom - HALO if box.bottom < size[0] else size[0],
    )


def _enlarged(start: int, stop: int, length: int, unit: int) -> tuple[int, int]:
    wanted = -(-(stop - start + 2 * HALO + unit) // SIZE_STEP) * SIZE_STEP
    if wanted >= length:
        return 0, length
    begin = min(max(start - HALO, 0) // unit * unit, (length - wanted) // unit * unit)
    return begin, begin + wanted
