import itertools

import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.media.planes.turn import Turn

TURNS = [Turn(*each) for each in itertools.product((False, True), repeat=3)]


@pytest.mark.parametrize("turn", TURNS)
def test_a_box_is_turned_as_its_pixels_are(turn: Turn) -> None:
    stored = np.arange(7 * 11).reshape(7, 11)
    upright = turn.apply(stored)
    size = turn.stored((7, 11))
    assert upright.shape == size and turn.stored(size) == (7, 11)
    box = Box(2, 1, 7, 4)
    there = turn.stored_box(box, size)
    assert np.array_equal(turn.apply(stored[there.slices]), upright[box.slices])
    assert turn.upright_box(there, size) == box


def test_turns_say_how_far_clockwise_they_are() -> None:
    assert Turn().degrees == 0 and Turn(False, True, True).degrees == 180
    assert Turn(True, True, False).degrees == 90 and Turn(True, False, True).degrees == 270
