"""Words in pictures, by Pillow: OpenCV's versions don't agree how wide letters are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

Colour = tuple[int, int, int]


def write_words(
    picture: np.ndarray,
    words: str,
    corner: tuple[int, int],
    size: int,
    colour: Colour,
    rim: Colour | None = None,
) -> None:
    """Draw a line of words into a picture (H, W, 3) uint8; what doesn't fit is cut off.

    corner: left and top of the line, in pixels
    size:   of the letters, in pixels
    rim:    colour around the letters, so that they can be read on any ground
    """
    edge = max(1, size // 8) if rim is not None else 0
    left, top = corner[0] - edge, corner[1] - edge
    if rim is not None:
        _paint(picture, _letters(words, size, edge, edge), (left, top), rim)
    _paint(picture, _letters(words, size, edge, 0), (left, top), colour)


def words_size(words: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of a line of words."""
    _, _, right, bottom = _font(size).getbbox(words)
    return int(np.ceil(right)), int(np.ceil(bottom))


def _paint(picture: np.ndarray, letters: Image.Image, corner: tuple[int, int], colour: Colour) -> None:
    left, top = max(corner[0], 0), max(corner[1], 0)
    cover = np.asarray(letters, np.float32)[top - corner[1] :, left - corner[0] :, None] / 255
    part = picture[top : top + cover.shape[0], left : left + cover.shape[1]]
    cover = cover[: part.shape[0], : part.shape[1]]
    part[:] = np.rint(part * (1 - cover) + np.array(colour, np.float32) * cover).astype(np.uint8)


def _letters(words: str, size: int, edge: int, stroke: int) -> Image.Image:
    """How far each pixel is covered, 0 to 255; `edge` pixels are free on every side."""
    from PIL import Image, ImageDraw

    width, height = words_size(words, size)
    letters = Image.new("L", (width + 2 * edge, height + 2 * edge))
    ImageDraw.Draw(letters).text((edge, edge), words, fill=255, font=_font(size), stroke_width=stroke)
    return letters


@lru_cache(maxsize=16)
def _font(size: int) -> Any:  # noqa: ANN401 - Pillow's two kinds of font share no type
    """The font that Pillow brings."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
