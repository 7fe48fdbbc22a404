"""A mouth against its surroundings, with figures that can be worked out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.faces.canonical import OUTER_LIP
from retalk_nodes.retalk_core.metrics.surroundings import (
    MouthView,
    brightness_step,
    cheek_tint,
    foreign_part,
    lip_contrast,
    mouth_shift,
    proportions,
    share_outside,
    skin_change,
    view_mouth,
)
from scenes import drawn_mesh

SKIN, LIPS = (200, 150, 120), (150, 60, 60)
SIDE = 300


@pytest.fixture
def mesh() -> np.ndarray:
    return drawn_mesh(60, (150, 130))


def drawn(mesh: np.ndarray, *, skin: tuple[int, int, int] = SKIN, lips: bool = True) -> np.ndarray:
    """A plain face with lips, or without."""
    picture = np.full((SIDE, SIDE, 3), skin, np.uint8)
    if lips:
        cv2.fillPoly(picture, [np.round(mesh[list(OUTER_LIP), :2]).astype(np.int32)], LIPS)
    return picture


def seen(before: np.ndarray, after: np.ndarray, mesh: np.ndarray) -> MouthView:
    return view_mouth(before, after, np.ones((SIDE, SIDE), bool), np.zeros(2), mesh)


def test_what_did_not_change_has_no_step(mesh: np.ndarray) -> None:
    picture = drawn(mesh)
    view = seen(picture, picture, mesh)
    assert brightness_step(view) == 0 and skin_change(view) == 0
    assert view.edited.all()


@pytest.mark.parametrize("deep", [False, True])
def test_a_mouth_of_half_the_brightness_is_a_step_of_a_half(mesh: np.ndarray, deep: bool) -> None:
    before, after = drawn(mesh), drawn(mesh) // 2
    if deep:
        before, after = before.astype(np.uint16) * 257, after.astype(np.uint16) * 257
    assert brightness_step(seen(before, after, mesh)) == pytest.approx(np.log(2), abs=0.04)


def test_only_the_skin_beside_the_lips_counts_as_changed(mesh: np.ndarray) -> None:
    plain, lips = drawn(mesh, lips=False), drawn(mesh)
    assert skin_change(seen(plain, lips, mesh)) < 0.02
    assert skin_change(seen(lips, np.full_like(lips, 60), mesh)) > 0.3


def test_lips_have_contrast_and_cloth_has_none(mesh: np.ndarray) -> None:
    lips, cloth = (drawn(mesh, lips=there) for there in (True, False))
    assert lip_contrast(seen(lips, lips, mesh)) > 0.01
    assert lip_contrast(seen(cloth, cloth, mesh)) < 1e-4


def test_a_microphone_is_no_skin_and_a_soft_shadow_is_let_pass(mesh: np.ndarray) -> None:
    middle = mesh[[13, 14], :2].mean(axis=0)
    place = (round(float(middle[0])), round(float(middle[1]) + 24))
    hard = cv2.circle(drawn(mesh), place, 9, (30, 30, 30), -1)
    soft = cv2.GaussianBlur(cv2.circle(drawn(mesh), place, 12, (120, 90, 70), -1), (0, 0), 9)
    assert foreign_part(seen(hard, hard, mesh)) > 0.04
    assert foreign_part(seen(soft, soft, mesh)) == 0
    free = view_mouth(hard, hard, np.zeros((SIDE, SIDE), bool), np.zeros(2), mesh)
    assert foreign_part(free) == 0  # a mask keeps the microphone as it is


def test_lips_below_the_frame_are_outside(mesh: np.ndarray) -> None:
    lips = mesh[list(OUTER_LIP), 1]
    assert share_outside(mesh, (SIDE, SIDE)) == 0
    assert share_outside(mesh, (int(lips.min()), SIDE)) == 1
    assert 0.2 < share_outside(mesh, (round(float(np.median(lips))), SIDE)) < 0.8


def test_a_shift_is_counted_in_eye_distances(mesh: np.ndarray) -> None:
    eyes = float(np.linalg.norm(mesh[33, :2] - mesh[263, :2]))
    moved = mesh + np.array((0.3 * eyes, 0, 0), np.float32)
    assert mouth_shift(mesh, moved) == pytest.approx(0.3, abs=1e-4)


def test_proportions_stay_whatever_the_head_does_and_tell_faces_apart() -> None:
    degrees = ((0, 0, 0), (10, 20, 30))
    one, turned = (drawn_mesh(60, (150, 130), each) for each in degrees)
    longer = one.copy()
    longer[:, 1] = 130 + 1.3 * (longer[:, 1] - 130)
    usual, same, other = proportions(np.stack([one, turned, longer]))
    assert np.linalg.norm(same - usual, axis=1).mean() < 0.01
    assert np.linalg.norm(other - usual, axis=1).mean() > 0.06


def test_a_tint_knows_colour_and_not_light(mesh: np.ndarray) -> None:
    light, dark, blue = (drawn(mesh, skin=skin) for skin in (SKIN, (100, 75, 60), (120, 150, 200)))
    np.testing.assert_allclose(cheek_tint(light, mesh), cheek_tint(dark, mesh), atol=0.03)
    assert np.abs(cheek_tint(light, mesh) - cheek_tint(blue, mesh)).max() > 0.3
