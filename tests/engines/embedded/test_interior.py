"""A mouth's inside is drawn where no picture lends one, and teeth don't line shut lips."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.crops.patch import Box
from retalk_nodes.retalk_core.engines.embedded.face import Face, Texture, lent_opening
from retalk_nodes.retalk_core.engines.embedded.interior import darken_line, fill_interior
from scenes import drawn_mesh

BOX = Box(0, 0, 260, 260)
EYES = 120.0  # pixels between the eyes' outer corners


def face_of(opening: float) -> Face:
    """A face whose mouth is that open, in eye distances."""
    mesh = drawn_mesh(EYES, (130.0, 70.0), drivers=(opening, 5 * opening**2, 0))
    return Face(mesh, mesh[:, :2], opening, 1.0)


def texture_of(opening: float, share: float = 1.0) -> Texture:
    picture = np.zeros((4, 4, 3), np.uint8)
    return Texture(picture, np.zeros(2, np.float32), np.zeros((468, 2)), opening, 0.1, share)


def skin() -> np.ndarray:
    return np.full((*BOX.size, 3), 0.6, np.float32)


def test_textures_lend_their_openings_by_share() -> None:
    assert lent_opening([texture_of(0.1, 0.25), texture_of(0.02, 0.75)]) == pytest.approx(0.04)


def test_a_mouth_that_no_picture_shows_open_gets_a_dark_inside() -> None:
    face = face_of(0.15)
    filled = fill_interior(skin(), face, [texture_of(0.0)], BOX, EYES)
    x, y = ((face.target[13] + face.target[14]) / 2).astype(int)
    assert filled[y + 2, x].mean() < 0.35
    changed = np.abs(filled - skin()).max(axis=2) > 0.01
    lips = face.target[[0, 17, 61, 291]]
    rows, columns = np.nonzero(changed)
    assert lips[0, 1] < rows.min() and rows.max() < lips[1, 1]
    assert lips[2, 0] < columns.min() and columns.max() < lips[3, 0]


@pytest.mark.parametrize(("wanted", "lent"), [(0.1, 0.08), (0.1, 0.1), (0.0, 0.0), (0.003, 0.0)])
def test_nothing_is_drawn_where_a_picture_lends_it_or_the_mouth_is_shut(wanted: float, lent: float) -> None:
    given = skin()
    assert fill_interior(given, face_of(wanted), [texture_of(lent)], BOX, EYES) is given


def test_between_shut_lips_an_open_mouths_teeth_are_shaded() -> None:
    face = face_of(0.0)
    white = np.ones((*BOX.size, 3), np.float32)
    x, y = face.target[13].astype(int)
    white[np.arange(260) > y + 4] = 0.6  # the lower lip
    shaded = darken_line(white, face, [texture_of(0.1)], BOX, EYES)
    assert shaded[y, x].mean() < white[y, x].mean() - 0.2
    np.testing.assert_array_equal(shaded[:100], white[:100])


@pytest.mark.parametrize(("wanted", "lent"), [(0.0, 0.0), (0.1, 0.2)])
def test_lips_that_part_or_match_are_left_alone(wanted: float, lent: float) -> None:
    given = skin()
    assert darken_line(given, face_of(wanted), [texture_of(lent)], BOX, EYES) is given
