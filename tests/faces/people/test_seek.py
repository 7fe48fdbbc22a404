"""Meshes are found where they were, and where a detector sees a face."""

from __future__ import annotations

import numpy as np
from heads import landscape, moved
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, look
from retalk_nodes.retalk_core.faces.people.company import is_on, is_same
from retalk_nodes.retalk_core.faces.people.seek import Seeker


def test_a_face_is_followed_over_a_jump_and_not_into_nothing(
    networks: FaceNetworks, portrait: np.ndarray
) -> None:
    seeker = Seeker(networks)
    face = look(networks, portrait)[0]
    mesh = seeker.settle(portrait, face)
    assert mesh is not None and is_same(face, mesh.points)

    jumped = moved(portrait, (232, 138), size=(400, 512))
    there = seeker.follow(jumped, mesh.points)
    again = seeker.settle(jumped, look(networks, jumped)[0])
    assert there is not None and again is not None
    assert np.abs(there.points - again.points)[:, :2].mean() < 1  # pixels
    assert is_on(there.points, again.points)
    assert seeker.follow(landscape(3), mesh.points) is None


def test_all_faces_in_view_are_settled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    two = moved(portrait, (110, 200), 1.2, size=(400, 720))
    two = moved(portrait[:, 130:320], (550 + 0, 200), 1.0, size=(400, 720), onto=two)

    assert len(Seeker(networks).settle_all(two, look(networks, two))) == len(look(networks, two)) >= 1
