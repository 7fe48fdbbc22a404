"""Boxes stay in their frame, patches write what they support."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch, box_around, paste_patch


def test_a_box_knows_its_size_and_place() -> None:
    box = Box(3, 5, 10, 20)
    assert box.size == (15, 7)
    assert box.corner.tolist() == [3, 5]
    assert np.zeros((30, 30))[box.slices].shape == (15, 7)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(10.2, 20.7), (30.1, 40.9)], Box(8, 18, 33, 43)),
        ([(-50, -50), (500, 500)], Box(0, 0, 100, 80)),
        ([(-50, -50), (-40, -40)], Box(0, 0, 1, 1)),
        ([(500, 500), (600, 600)], Box(99, 79, 100, 80)),
    ],
)
def test_a_box_lies_in_the_frame_and_holds_a_pixel(points: list[tuple[float, float]], expected: Box) -> None:
    assert box_around(np.array(points), (80, 100)) == expected


def test_only_what_a_patch_supports_is_pasted() -> None:
    frame = np.zeros((6, 8, 3), np.uint8)
    support = np.array([[True, False], [False, True]])
    paste_patch(frame, Patch(Box(3, 2, 5, 4), np.full((2, 2, 3), 9, np.uint8), support))
    assert np.argwhere(frame.any(axis=2)).tolist() == [[2, 3], [3, 4]]
