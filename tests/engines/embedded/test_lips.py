"""Where pixels lie between lips, and where a lip really begins."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.engines.embedded.lips import (
    between_lips,
    lip_rims,
    pixel_centres,
    seen_lips,
    upper_side,
)
from retalk_nodes.retalk_core.faces.canonical import INNER_LIP, LIP_PAIRS, OUTER_LIP
from scenes import drawn_mesh

BOX = Box(0, 0, 260, 260)


def points(opening: float, roll: float = 0.0) -> np.ndarray:
    return drawn_mesh(120.0, (130.0, 70.0), (0, 0, roll), (opening, 5 * opening**2, 0))[:, :2]


@pytest.mark.parametrize("roll", [0.0, 25.0])
def test_a_pixel_is_between_the_lips_where_their_outline_says_so(roll: float) -> None:
    face = points(0.12, roll)
    between = between_lips(face, pixel_centres(BOX))
    mask = np.where(np.abs(between.across) < 0.97, between.mask(1.0), 0)
    outline = np.zeros(BOX.size, np.uint8)
    cv2.fillPoly(outline, [np.round((face[list(INNER_LIP)] - 0.5) * 16).astype(np.int32)], 1, shift=4)
    assert abs(int((mask > 0.5).sum()) - int(outline.sum())) < 0.1 * outline.sum()
    assert mask[cv2.erode(outline, np.ones((5, 5), np.uint8)) > 0].min() == 1
    assert mask[cv2.dilate(outline, np.ones((7, 7), np.uint8)) == 0].max() == 0


def test_beyond_the_corners_nothing_is_between_the_lips() -> None:
    face = points(0.12)
    between = between_lips(face, pixel_centres(BOX))
    beyond = np.abs(between.across) > 1.02
    assert beyond.any() and between.mask(1.0)[beyond].max() <= 0.5
    assert np.abs(between.gap[beyond]).max() < 1e-3


def test_the_gap_is_the_distance_of_the_lips() -> None:
    face = points(0.12)
    x, y = ((face[13] + face[14]) / 2).astype(int)
    gap = between_lips(face, pixel_centres(BOX)).gap[y, x]
    assert gap == pytest.approx(np.linalg.norm(face[14] - face[13]), rel=0.05)


def test_the_upper_half_is_above_the_line_on_which_lips_meet() -> None:
    face = points(0.1)
    half = upper_side(face, pixel_centres(BOX), 4.0)
    x, y = face[13].astype(int)
    assert half[y - 2, x] == 1 and half[int(face[14, 1]) + 2, x] == 0
    steps = half[:, x]
    assert ((steps > 0) & (steps < 1)).sum() <= 1  # sharp between the corners
    beside = half[:, int(face[308, 0]) + 10]
    assert ((beside > 0) & (beside < 1)).sum() >= 3  # soft beyond them


def drawn(opening: float, beside: float) -> np.ndarray:
    """A mouth of red lips and white teeth, whose lower lip begins `beside` pixels under the mesh's edge."""
    face = points(opening)
    picture = np.full((260, 260, 3), (200, 160, 140), np.uint8)
    cv2.fillPoly(picture, [np.round(face[list(OUTER_LIP)]).astype(np.int32)], (180, 60, 70))
    inner = face[list(INNER_LIP)].copy()
    inner[11:, 1] += beside
    cv2.fillPoly(picture, [np.round(inner).astype(np.int32)], (230, 225, 215))
    return picture


def test_a_rim_is_found_where_teeth_lie_on_the_meshs_lip() -> None:
    face = points(0.12)
    right, wrong = (lip_rims(drawn(0.12, beside), face).begins for beside in (0.0, 4.0))
    thickness = np.linalg.norm(face[17] - face[14])
    assert wrong[1, 0] > right[1, 0] + 0.5 * 4 / thickness
    np.testing.assert_allclose(wrong[0], right[0], atol=0.05)


def test_a_gleam_on_a_lip_is_not_taken_for_teeth() -> None:
    face = points(0.12)
    plain = drawn(0.12, 0.0)
    gleaming = plain.copy()
    place = (face[14] + 0.4 * (face[17] - face[14])).round().astype(int)
    cv2.ellipse(gleaming, place.tolist(), (30, 1), 0, 0, 360, (250, 225, 225), -1)
    before, after = (lip_rims(picture, face) for picture in (plain, gleaming))
    np.testing.assert_allclose(after.begins, before.begins, atol=0.05)
    assert after.last[1, 0] > before.last[1, 0] + 0.2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lips_that_touch_have_no_rim(dtype: type[np.generic]) -> None:
    face = points(-0.075)
    upper, lower = np.array(LIP_PAIRS).T
    face[lower] = face[upper]
    rims = lip_rims(drawn(0.0, 3.0).astype(dtype), face)
    assert not rims.begins.any() and not rims.last.any()


SKIN, LIP, THROAT = (200, 150, 130), (180, 70, 90), (40, 15, 20)


def painted(face: np.ndarray, gap: float = 0.0, wide: float = 1.0) -> np.ndarray:
    """Lips on skin, that end at a share of the mesh's width, with a dark slit of a width in eye distances."""
    picture = np.full((*BOX.size, 3), SKIN, np.uint8)
    outline = face[list(OUTER_LIP)]
    middle = outline.mean(axis=0)
    cv2.fillPoly(picture, [np.round(middle + (outline - middle) * (wide, 1)).astype(np.int32)], LIP)
    x, y = np.round(face[13]).astype(int)
    if gap:
        tall = round(gap * 120 / 2)
        cv2.ellipse(picture, (int(x), int(y)), (20, tall), 0, 0, 360, THROAT, -1)
    return picture


def test_a_slit_between_lips_is_seen_though_the_mesh_has_them_shut() -> None:
    face = points(0.003)
    gaps = [seen_lips(painted(face, gap), face, np.array(SKIN)).gap for gap in (0.0, 0.05, 0.1)]
    assert gaps[0] < 0.01
    assert gaps[1:] == pytest.approx([0.05, 0.1], abs=0.03) and gaps[2] > gaps[1]


def test_lips_that_are_drawn_in_fill_less_of_the_meshs_width() -> None:
    face = points(0.003)
    whole, drawn_in = (
        seen_lips(painted(face, wide=wide), face, np.array(SKIN)).extent for wide in (1.0, 0.6)
    )
    assert whole > 0.8 and drawn_in < 0.75 * whole


def test_pale_lips_are_told_from_skin_by_less_than_red_ones() -> None:
    face = points(0.003)
    red = seen_lips(painted(face), face, np.array(SKIN)).contrast
    pale = seen_lips(np.full((*BOX.size, 3), SKIN, np.uint8), face, np.array(SKIN)).contrast
    assert red > 0.2 and pale < 0.01
