"""Which picture lends a shot its teeth: one that shows both rows, none where the mouth stays shut."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from retalk_nodes.retalk_core.engines.embedded.drawn import drawn_teeth
from retalk_nodes.retalk_core.engines.embedded.gather import gather_teeth
from retalk_nodes.retalk_core.engines.embedded.retrieval import fill_bank
from retalk_nodes.retalk_core.engines.embedded.shape import learn_shot
from retalk_nodes.retalk_core.engines.embedded.teeth import Teeth
from retalk_nodes.retalk_core.faces.canonical import INNER_LIP
from retalk_nodes.retalk_core.types import Frame
from scenes import drawn_mesh, drawn_track


def gathered(openings: list[float], teeth: list[bool]) -> Teeth:
    """The teeth of a shot of drawn mouths, of which some show teeth and the others are evenly dark."""
    meshes = [drawn_mesh(120.0, (130.0, 70.0), drivers=(h, 5 * h * h, 0)) for h in openings]
    shapes = learn_shot(drawn_track(meshes, (260, 260)), np.arange(len(meshes)), 25.0)
    frames = []
    for i, (mesh, shown) in enumerate(zip(meshes, teeth, strict=True)):
        picture = np.full((260, 260, 3), (180, 130, 115), np.uint8)
        cv2.fillPoly(picture, [np.round(mesh[list(INNER_LIP), :2]).astype(np.int32)], (60, 30, 30))
        if shown:
            inner = np.zeros((260, 260), np.uint8)
            cv2.fillPoly(inner, [np.round(mesh[list(INNER_LIP), :2]).astype(np.int32)], 1)
            y = int((mesh[13, 1] + mesh[14, 1]) / 2)
            inner[y - 2 : y + 3] = 0
            picture[inner > 0] = (220, 210, 200)
        frames.append(Frame(i, Fraction(i, 25), picture))
    bank = fill_bank(shapes, np.arange(len(meshes)), np.stack(meshes), frames)
    return gather_teeth(shapes, bank, np.stack(meshes))


def test_a_mouth_that_stays_shut_gets_drawn_teeth() -> None:
    assert gathered([-0.075, -0.07, -0.06], [False] * 3) is drawn_teeth(120)


def test_the_picture_that_shows_teeth_lends_them() -> None:
    teeth = gathered([0.0, 0.09, 0.08, 0.1], [False, False, True, False])
    assert teeth is not drawn_teeth(120)
    assert teeth.upper[..., 3].max() > 0.9 and teeth.upper[..., 0].max() > 0.7


def test_the_same_bank_gives_the_same_teeth() -> None:
    one, other = (gathered([0.0, 0.08, 0.1], [False, True, True]) for _ in range(2))
    np.testing.assert_array_equal(one.upper, other.upper)
    np.testing.assert_array_equal(one.lower, other.lower)
