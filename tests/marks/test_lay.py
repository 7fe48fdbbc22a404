"""A mark stays inside the edit, and is faint."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.faces.canonical import load_mouth_model
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY
from retalk_nodes.retalk_core.marks.lay import (
    FACE_STRENGTH,
    USUAL_CELL,
    FaceMarker,
    FrameMarker,
    face_strength,
)

NUMBER = 0x0123_4567_89AB_CDEF
MESH = load_mouth_model().reference[:, :2] * 120 + (160, 110)


def picture(kind: type = np.uint8) -> np.ndarray:
    """Smooth skin with a rough part."""
    rng = np.random.default_rng(0)
    rough = cv2.GaussianBlur(rng.normal(0, 30, (300, 320, 3)).astype(np.float32), (0, 0), 1.5)
    rough[:, :160] *= 0.05
    levels = np.clip(150 + rough, 0, 255)
    return np.rint(levels * (257 if kind is np.uint16 else 1)).astype(kind)


def edit(pixels: np.ndarray) -> Patch:
    box = Box(80, 130, 250, 280)
    support = np.zeros(box.size, np.uint8)
    cv2.ellipse(support, (85, 70), (80, 70), 0, 0, 360, 1, -1)
    return Patch(box, pixels[box.slices].copy(), support > 0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_not_a_pixel_outside_the_edit_changes(kind: type) -> None:
    before = picture(kind)
    patch = edit(before)
    after = before.copy()
    paste_patch(after, FaceMarker(PUBLIC_KEY, NUMBER).mark(patch, MESH, 0.0))
    changed = (after != before).any(axis=2)
    inside = np.zeros_like(changed)
    inside[patch.box.slices] = patch.support
    assert changed.any() and not changed[~inside].any()
    error = (after.astype(float) - before)[inside] / (257 if kind is np.uint16 else 1)
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 38  # at the swing's height; over time it is half


def test_texture_hides_more_than_smooth_skin() -> None:
    before = picture()
    after = FrameMarker(PUBLIC_KEY, NUMBER).mark(before, 0.0)
    error = np.abs(after.astype(float) - before).mean(axis=(0, 2))
    assert error[200:].mean() > 1.3 * error[:120].mean()


def test_fine_cells_are_marked_more_strongly() -> None:
    assert face_strength(USUAL_CELL) == FACE_STRENGTH
    strengths = [face_strength(cell) for cell in (0.0, 2.0, 4.0, 6.0, 9.0, 15.0, 90.0)]
    assert strengths == sorted(strengths, reverse=True) and strengths[1] > 1.5 * strengths[-1] > 0


def test_a_mark_swings() -> None:
    before, marker = picture(), FrameMarker(PUBLIC_KEY, NUMBER)
    up, down = (marker.mark(before, time).astype(float) - before for time in (0.0, 0.4))
    assert np.corrcoef(up.mean(axis=2).ravel(), down.mean(axis=2).ravel())[0, 1] < -0.8


def test_a_face_beside_its_edit_is_left_alone() -> None:
    before = picture()
    patch = edit(before)
    elsewhere = FaceMarker(PUBLIC_KEY, NUMBER).mark(patch, MESH + 1000, 0.0)
    assert np.array_equal(elsewhere.pixels, patch.pixels)


def test_the_same_dub_is_the_same_picture() -> None:
    before = picture()
    once, again = (FaceMarker(PUBLIC_KEY, NUMBER).mark(edit(before), MESH, 0.32) for _ in range(2))
    assert np.array_equal(once.pixels, again.pixels)
