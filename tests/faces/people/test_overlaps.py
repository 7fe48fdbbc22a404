"""Two faces in one place: who is in front, and which mouths and faces are hidden."""

from __future__ import annotations

import numpy as np
from painted import painted
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL
from retalk_nodes.retalk_core.faces.people.likeness import Person, look_at
from retalk_nodes.retalk_core.faces.people.overlaps import (
    Neighbour,
    covered_by,
    hidden_lips,
    inside_outline,
    neighbours_mask,
    spared,
)
from scenes import drawn_mesh

SIZE = (200, 320)
LEFT, RIGHT = drawn_mesh(60, (110, 80)), drawn_mesh(60, (175, 80))


def outline(mesh: np.ndarray) -> np.ndarray:
    return mesh[list(FACE_OVAL), :2]


def test_the_face_in_front_is_told_at_first_sight() -> None:
    picture = painted([(LEFT, 1), (RIGHT, 2)], SIZE)  # the right one was painted last
    looks = [look_at(picture, mesh) for mesh in (LEFT, RIGHT)]
    people = [Person(look) for look in looks]

    assert covered_by(LEFT, looks[0], people[0], RIGHT, looks[1], people[1]) > 0
    assert covered_by(RIGHT, looks[1], people[1], LEFT, looks[0], people[0]) < 0


def test_faces_apart_hide_nothing_of_each_other() -> None:
    far = RIGHT + np.array((100, 0, 0))
    picture = painted([(LEFT, 1)], SIZE)
    look = look_at(picture, LEFT)

    assert covered_by(LEFT, look, Person(look), far, look, Person(look)) == 0
    assert hidden_lips(LEFT, [outline(far)]) == 0
    assert hidden_lips(LEFT, [outline(LEFT)]) == 1


def test_a_mouth_is_hidden_by_degrees() -> None:
    shares = [hidden_lips(LEFT, [outline(LEFT + np.array((shift, 0, 0)))]) for shift in range(130, -10, -10)]

    assert shares[0] == 0 and shares[-1] == 1
    assert (np.diff(shares) >= 0).all()


def test_what_another_face_may_cover_is_spared() -> None:
    look = look_at(painted([(LEFT, 1)], SIZE), LEFT)
    left = spared(look, LEFT, [RIGHT])

    assert not (left.seen & inside_outline(RIGHT, LEFT)).any()
    assert left.seen.sum() == (look.seen & ~inside_outline(RIGHT, LEFT)).sum() > 100


def test_a_neighbour_behind_is_kept_but_for_what_the_followed_face_hides() -> None:
    corner = np.zeros(2, np.float32)
    behind = neighbours_mask([Neighbour(outline(RIGHT), before=False)], LEFT, corner, SIZE)
    before = neighbours_mask([Neighbour(outline(RIGHT), before=True)], LEFT, corner, SIZE)
    both = (RIGHT[list(FACE_OVAL), 0].min().astype(int) + 12, 90)

    assert behind[80, 215] > 0.99 and before[80, 215] > 0.99  # on the other's face alone
    assert behind[both[1], both[0]] < 0.1 and before[both[1], both[0]] > 0.9  # where both lie
    assert behind[80, 90] == 0 and before[80, 90] == 0
    part = neighbours_mask([Neighbour(outline(RIGHT), before=True)], LEFT, np.array((50.0, 20.0)), (100, 200))
    np.testing.assert_allclose(part[20:80, 20:180], before[40:100, 70:230], atol=0.02)
