"""Drawn teeth: single ones, of two rows that meet, the same each time."""

from __future__ import annotations

import numpy as np
from retalk_nodes.retalk_core.engines.embedded.drawn import LOWER_TIPS, UPPER_TIPS, drawn_teeth
from retalk_nodes.retalk_core.engines.embedded.teeth import row_grid, sample_row


def lightness(row: np.ndarray, y: float) -> np.ndarray:
    x = np.linspace(-0.15, 0.15, 601, dtype=np.float32)[None]
    return sample_row(row, drawn_teeth(120).fineness, x, np.full_like(x, y))[0, :, :3].mean(axis=1)


def test_teeth_are_single_ones() -> None:
    along = lightness(drawn_teeth(120).upper, 0.0)
    dips = (along[1:-1] < along[:-2]) & (along[1:-1] <= along[2:]) & (along[1:-1] < 0.85 * along.max())
    assert dips.sum() >= 5  # gaps between neighbours
    assert along.max() > 0.5


def test_the_rows_are_alike_on_both_sides() -> None:
    for row in (drawn_teeth(120).upper, drawn_teeth(120).lower):
        along = lightness(row, 0.015)
        np.testing.assert_allclose(along, along[::-1], atol=0.05)


def test_the_upper_row_ends_below_the_lower_ones_tips_when_the_mouth_is_shut() -> None:
    assert min(UPPER_TIPS[:3]) > max(LOWER_TIPS[:3])
    _, y = row_grid(drawn_teeth(120).fineness)
    for row, above in ((drawn_teeth(120).upper, False), (drawn_teeth(120).lower, True)):
        nothing = y < -0.01 if above else y > 0.05
        assert row[nothing].max() < 0.01
