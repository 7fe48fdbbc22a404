from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box, full_box, sliced_box

PICTURE = np.arange(6 * 9).reshape(6, 9)


def test_a_box_says_what_is_taken_out_of_a_picture() -> None:
    box = Box(2, 1, 7, 5)
    np.testing.assert_array_equal(PICTURE[box.slices], PICTURE[1:5, 2:7])
    assert box.size == (4, 5) and box.corner.tolist() == [2, 1]
    np.testing.assert_array_equal(PICTURE[full_box(PICTURE.shape).slices], PICTURE)


def test_a_box_is_counted_from_another_that_holds_it() -> None:
    outer, inner = Box(1, 1, 8, 6), Box(3, 2, 5, 6)
    assert outer.holds(inner) and outer.holds(outer) and not inner.holds(outer)
    np.testing.assert_array_equal(PICTURE[outer.slices][inner.slices_in(outer)], PICTURE[inner.slices])


def test_what_two_boxes_share_may_be_nothing() -> None:
    assert Box(0, 0, 4, 4).shared(Box(1, 2, 3, 6)) == Box(1, 2, 3, 4)
    assert Box(0, 0, 4, 4).shared(Box(6, 5, 8, 8)).size == (0, 0)


def test_slices_are_a_box_and_steps() -> None:
    assert sliced_box((slice(None), slice(2, -1, 2)), (6, 9)) == (Box(2, 0, 8, 6), (1, 2))
    assert sliced_box((slice(4, 2), slice(20)), (6, 9)) == (Box(0, 4, 9, 4), (1, 1))
    with pytest.raises(ValueError, match="downwards"):
        sliced_box((slice(None, None, -1), slice(None)), (6, 9))
