"""A mouth's inside: lips over teeth over throat, nothing beyond the lips, and a line where they are shut."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.engines.embedded.drawn import drawn_teeth
from retalk_nodes.retalk_core.engines.embedded.face import Face, Jaws, Texture, lent_opening
from retalk_nodes.retalk_core.engines.embedded.interior import fill_inside
from retalk_nodes.retalk_core.engines.embedded.shape import teeth_places
from retalk_nodes.retalk_core.faces.canonical import head_poses
from scenes import drawn_mesh

BOX = Box(0, 0, 260, 260)
EYES = 120.0  # pixels between the eyes' outer corners
CENTRE = (130.0, 70.0)


REST = 0.075  # eye distances that the model's own face is open


def face_of(opening: float) -> Face:
    """A face whose mouth is that open, in eye distances."""
    h = opening - REST
    driven = np.array([[h, 5 * h**2 if h > 0 else 0, 0]])
    mesh, rest = drawn_mesh(EYES, CENTRE, drivers=tuple(driven[0])), drawn_mesh(EYES, CENTRE)
    pose = head_poses(rest[None])
    upper, lower = teeth_places(pose.to_canonical(rest[None]), driven)[0]
    return Face(mesh, mesh[:, :2], opening, 1.0, Jaws(pose, upper, lower))


def texture_of(opening: float, share: float = 1.0) -> Texture:
    picture = np.zeros((4, 4, 3), np.uint8)
    points = np.zeros((468, 2))
    return Texture(picture, np.zeros(2, np.float32), points, opening, 0.1, share, np.zeros((2, 9)))


def filled(face: Face, lent: float, lips: float = 0.6) -> np.ndarray:
    """The inside put between lips of one grey."""
    picture = np.full((*BOX.size, 3), lips, np.float32)
    fill_inside(picture, face, [texture_of(lent)], drawn_teeth(120), BOX, EYES)
    return picture


def test_textures_lend_their_openings_by_share() -> None:
    assert lent_opening([texture_of(0.1, 0.25), texture_of(0.02, 0.75)]) == pytest.approx(0.04)


def test_an_open_mouth_gets_light_teeth_and_a_dark_throat_between_the_lips_only() -> None:
    face = face_of(0.15)
    result = filled(face, 0.0)
    x, top = (face.target[13]).astype(int)
    bottom = int(face.target[14, 1])
    column = result[top : bottom + 1, x - 6].mean(axis=1)  # beside the gap between the front teeth
    assert column.max() > 0.4 and column.min() < 0.2
    assert column[: len(column) // 2].argmax() < column.argmin()  # teeth hang above the throat
    rows, columns = np.nonzero(np.abs(result - 0.6).max(axis=2) > 0.01)
    lips = face.target[[0, 17, 61, 291]]
    assert lips[0, 1] < rows.min() and rows.max() < lips[1, 1]
    assert lips[2, 0] < columns.min() and columns.max() < lips[3, 0]


def test_the_upper_teeth_stay_while_the_jaw_opens_and_the_lower_ones_go_down() -> None:
    narrow, wide = face_of(0.1), face_of(0.17)
    np.testing.assert_allclose(narrow.jaws.upper, wide.jaws.upper, atol=1e-6)
    assert wide.jaws.lower[1] > narrow.jaws.lower[1] + 0.02
    edge = int(narrow.target[13, 1]) + 2  # under the lip of both mouths
    x = int(narrow.target[13, 0]) - 6
    rows = [filled(face, 0.0)[edge : edge + 5, x].mean(axis=1) for face in (narrow, wide)]
    np.testing.assert_allclose(rows[0], rows[1], atol=0.12)


def test_touching_lips_show_nothing_of_the_inside() -> None:
    np.testing.assert_array_equal(filled(face_of(0.0), 0.0), np.full((*BOX.size, 3), np.float32(0.6)))


def test_between_shut_lips_a_line_is_drawn_where_the_picture_has_none() -> None:
    face = face_of(0.0)
    result = filled(face, 0.1)
    x, y = face.target[13].astype(int)
    assert result[y - 1 : y + 2, x].min() < 0.6 - 0.15
    np.testing.assert_array_equal(result[: y - 12], np.full_like(result[: y - 12], 0.6))


def test_the_inside_is_lit_as_the_face_is() -> None:
    face = face_of(0.15)
    bright, dim = filled(face, 0.0, 0.8), filled(face, 0.0, 0.2)
    x, y = face.target[13].astype(int)
    inside = np.s_[y + 4 : y + 12, x - 12 : x + 12]
    assert dim[inside].mean() == pytest.approx(0.25 * bright[inside].mean(), rel=0.1)
