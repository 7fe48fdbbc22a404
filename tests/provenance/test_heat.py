"""A heat map shows where the mark is, where it isn't, and where nobody knows."""

from __future__ import annotations

import numpy as np
from retalk_nodes.retalk_core.provenance.heat import MAP_SIDE, NOTHING, draw_heat


def test_each_part_has_its_colour() -> None:
    drawn = draw_heat(np.array([[0.0, 1.0, np.nan, 3.0]], np.float32))
    assert drawn.dtype == np.uint8 and drawn.shape == (MAP_SIDE // 4, MAP_SIDE, 3)
    none, whole, unknown, more = (drawn[5, MAP_SIDE // 8 + MAP_SIDE // 4 * part] for part in range(4))
    assert none[2] > none[0] > none[1] and none.max() < 100  # dark violet
    assert whole[0] > 200 and whole[1] > 200 and whole[2] < 100  # yellow
    assert (unknown == NOTHING).all() and (more == whole).all()


def test_without_a_map_all_is_grey() -> None:
    assert (draw_heat(None) == NOTHING).all() and draw_heat(np.zeros((0, 4))).size
