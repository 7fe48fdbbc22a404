"""Windows add up, at any rate."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.cells.spectrum import BANDS, BLOCKS, hop_of, sound_layout, window_of


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_squares_of_windows_add_up(rate: int) -> None:
    squares = window_of(rate).reshape(4, hop_of(rate)) ** 2
    assert np.allclose(squares.sum(axis=0), 1.5, atol=1e-5)
    assert abs(hop_of(rate) / rate - 0.016) < 1e-4


def test_all_cells_carry_something() -> None:
    layout = sound_layout(b"key")
    assert len(layout.signs) == BLOCKS * BANDS
    assert set(np.unique(layout.bit)) == set(range(-1, 96))
