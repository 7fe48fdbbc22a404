"""A map shows where the mark is and where it isn't, and which region was changed later."""

from __future__ import annotations

import numpy as np
from retalk_nodes.retalk_core.provenance.heat import MAP_SIDE, NOTHING, draw_heat, unmarked_region


def test_each_part_has_its_colour() -> None:
    drawn = draw_heat(np.array([[0.0, 1.0, np.nan, 3.0]], np.float32))
    assert drawn.dtype == np.uint8 and drawn.shape == (MAP_SIDE // 4, MAP_SIDE, 3)
    none, whole, unknown, more = (drawn[5, MAP_SIDE // 8 + MAP_SIDE // 4 * part] for part in range(4))
    assert none[2] > none[0] > none[1] and none.max() < 100  # dark violet
    assert whole[0] > 200 and whole[1] > 200 and whole[2] < 100  # yellow
    assert (unknown == NOTHING).all() and (more == whole).all()


def test_without_a_map_all_is_grey() -> None:
    assert (draw_heat(None) == NOTHING).all() and draw_heat(np.zeros((0, 4))).size


def test_the_largest_region_inside_that_lacks_the_mark_is_found() -> None:
    heat = np.random.default_rng(0).normal(0.8, 0.1, (40, 40))
    assert unmarked_region(heat) is None
    heat[20:30, 10:30] = 0.02
    heat[2:5, 2:5] = 0.02
    region = unmarked_region(heat)
    assert region is not None and region[1:] == (0.25, 0.5, 0.75, 0.75)
    assert abs(region.share - 200 / 1600) < 1e-6
    assert region.covers((0.3, 0.5, 0.7, 0.7)) and region.covers((0.0, 0.4, 1.0, 1.0))
    assert not region.covers((0.0, 0.0, 0.2, 0.2))


def test_what_was_cropped_away_or_carries_nothing_is_no_such_region() -> None:
    heat = np.full((40, 40), 0.8)
    heat[:, :6] = 0.0
    assert unmarked_region(heat) is None
    faint = np.full((40, 40), 0.15)
    faint[10:25, 10:25] = 0.0
    assert unmarked_region(faint) is None  # so little is left of it that compression may have taken the rest
    heat = np.full((40, 40), 0.8)
    heat[10:20, 10:20] = np.nan
    assert unmarked_region(heat) is None
    assert unmarked_region(np.zeros((4, 4))) is None and unmarked_region(None) is None
