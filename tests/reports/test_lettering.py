"""Words in pictures."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.reports.lettering import words_size, write_words


@pytest.mark.parametrize("size", [10, 14, 40])
def test_words_are_as_large_as_they_say_and_lie_where_they_were_put(size: int) -> None:
    picture = np.zeros((120, 400, 3), np.uint8)
    write_words(picture, "0:01.250  shot 2", (20, 30), size, (255, 255, 255))
    rows, columns = np.nonzero(picture[..., 0] > 128)
    width, height = words_size("0:01.250  shot 2", size)
    assert columns.min() >= 20 and columns.max() < 20 + width and columns.max() - columns.min() > 0.9 * width
    assert rows.min() >= 30 and rows.max() < 30 + height
    assert 0.5 * size < rows.max() - rows.min() < 1.3 * size


def test_a_rim_lies_around_every_letter() -> None:
    picture = np.full((60, 200, 3), 128, np.uint8)
    write_words(picture, "face", (10, 10), 24, (255, 255, 255), rim=(0, 0, 0))
    white, black = picture[..., 0] > 240, picture[..., 0] < 15
    assert white.sum() > 100
    rows, columns = np.nonzero(black)
    inner_rows, inner_columns = np.nonzero(white)
    margins = [  # of the rim on each side of the letters: the same, so nothing drifts apart
        inner_rows.min() - rows.min(),
        rows.max() - inner_rows.max(),
        inner_columns.min() - columns.min(),
        columns.max() - inner_columns.max(),
    ]
    assert min(margins) >= 2 and max(margins) <= 4


def test_what_does_not_fit_is_cut_off() -> None:
    picture = np.zeros((12, 30, 3), np.uint8)
    for corner in ((-10, -5), (20, 4), (300, 300), (-500, 0)):
        write_words(picture, "far too long for this", corner, 20, (255, 0, 0), rim=(0, 255, 0))
    write_words(picture, "", (3, 3), 10, (255, 255, 255))
    assert picture.shape == (12, 30, 3) and picture.any()
