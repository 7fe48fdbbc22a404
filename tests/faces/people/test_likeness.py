"""What people look like: the same in any light and size, and unlike each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from painted import blots
from retalk_nodes.retalk_core.faces.people.likeness import (
    LIKE,
    UNLIKE,
    Person,
    has_changed,
    look_at,
    unlikeness,
)
from scenes import drawn_mesh

MESH = drawn_mesh(60, (80, 70))


def test_a_face_is_like_itself_and_unlike_others() -> None:
    one, other = look_at(blots(1), MESH), look_at(blots(2), MESH)

    assert unlikeness(one, one) == pytest.approx(0, abs=1e-6)
    assert unlikeness(one, other) > UNLIKE


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.05])
def test_brightness_and_size_do_not_count(gain: float) -> None:
    person = Person(look_at(blots(1), MESH))
    darker = np.clip(blots(1).astype(np.float32) * gain, 0, 255).astype(np.uint8)
    larger = cv2.resize(darker, (480, 480), interpolation=cv2.INTER_LINEAR)

    assert person.unlikeness(look_at(darker, MESH)) < LIKE
    assert person.unlikeness(look_at(larger, MESH * 3)) < LIKE
    assert not has_changed(person, look_at(darker, MESH))


def test_sixteen_bit_looks_the_same() -> None:
    one, other = look_at(blots(1), MESH), look_at(blots(1).astype(np.uint16) * 257, MESH)

    assert unlikeness(one, other) < 0.02


def test_something_before_part_of_a_face_is_a_change() -> None:
    person = Person(look_at(blots(1), MESH))
    part = blots(1)
    part[:, :75] = (40, 60, 160)

    assert has_changed(person, look_at(part, MESH))


def test_few_looks_are_remembered_however_many_there_are() -> None:
    person = Person(look_at(blots(0), MESH))
    for seed in range(40):
        person.learn(look_at(blots(seed), MESH))

    assert len(person._looks) <= 8 and person.frames == 41


def test_nothing_is_said_of_a_face_that_is_out_of_view() -> None:
    away = look_at(blots(1), MESH + np.array((500, 0, 0)))

    assert not away.seen.any()
    assert unlikeness(away, look_at(blots(1), MESH)) == np.inf
