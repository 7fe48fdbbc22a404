"""A plane lies where the face lies, however large, turned or moved it is."""

from __future__ import annotations

import cv2
import numpy as np
from retalk_nodes.retalk_core.faces.canonical import OUTER_LIP, load_mouth_model
from retalk_nodes.retalk_core.marks.cells.plane import (
    face_affine,
    face_plane,
    frame_affine,
    frame_plane,
    residual,
    sample,
)


def turned(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return load_mouth_model().reference[:, :2] @ np.array([(cosine, sine), (-sine, cosine)]) + shift


def test_the_same_place_on_any_face() -> None:
    faces = [turned(100, 0, (200, 150)), turned(320, 0.4, (500, 700))]
    places = []
    for mesh in faces:
        affine = face_affine(mesh)
        places.append(mesh[list(OUTER_LIP)] @ affine[:, :2].T + affine[:, 2])
    assert np.abs(places[0] - places[1]).max() < 1e-4
    cells = (places[0] * face_plane().side).astype(int)
    assert face_plane().carries[cells[:, 1], cells[:, 0]].all()


def test_the_mouth_moves_without_the_plane() -> None:
    mesh = turned(100, 0.1, (200, 150))
    opened = mesh.copy()
    opened[list(OUTER_LIP), 1] += 30
    assert np.array_equal(face_affine(mesh), face_affine(opened))


def test_a_frame_is_looked_at_alike_at_any_size() -> None:
    rng = np.random.default_rng(0)
    large = cv2.GaussianBlur(rng.integers(0, 255, (480, 640), np.uint8), (0, 0), 8)
    small = cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA)
    looked = [sample(luma, frame_affine(luma.shape), 64) for luma in (large, small)]
    assert np.abs(looked[0] - looked[1]).mean() < 0.5


def test_shading_is_no_mark_and_contrast_makes_none() -> None:
    rng = np.random.default_rng(0)
    fine = rng.standard_normal((240, 320)).astype(np.float32) * 5
    affine, side = frame_affine((240, 320)), frame_plane().side
    plain = residual(128 + fine, affine, side)
    shaded = residual(128 + np.linspace(-60, 60, 320, dtype=np.float32) + 3 * fine, affine, side)
    assert np.corrcoef(plain.ravel(), shaded.ravel())[0, 1] > 0.95
