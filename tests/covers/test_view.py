from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.covers import view
from retalk_nodes.retalk_core.faces.canonical import INNER_LIP, OUTER_LIP, load_mouth_model
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL


def face(
    scale: float = 100.0, angle: float = 0.0, middle: tuple[float, float] = (150.0, 100.0)
) -> np.ndarray:
    """The reference face in a frame: an eye distance of `scale` pixels, turned by `angle` radians."""
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return scale * load_mouth_model().reference[:, :2] @ turn.T + middle


def test_the_view_names_the_same_points_as_the_rooms_above() -> None:
    assert view.OVAL == FACE_OVAL
    assert view.LIP_OUTLINE == OUTER_LIP and view.LIP_INSIDE == INNER_LIP


def test_steady_points_are_where_a_frontal_face_has_them() -> None:
    rest = load_mouth_model().reference[list(view.STEADY_POINTS), :2]
    assert np.abs(rest - view.STEADY_PLACES).max() < 0.12


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, np.pi])
def test_a_mouth_lies_at_the_same_place_however_the_head_is_turned_and_however_large_it_is(
    angle: float,
) -> None:
    upright, turned = face(), face(60.0, angle)
    for points in (upright, turned):
        affine = view.view_affine(points)
        mouth = points[[13, 14]].mean(axis=0) @ affine[:, :2].T + affine[:, 2]
        assert mouth[0] == pytest.approx(view.SIDE / 2, abs=1)
        assert 0.3 * view.SIDE < mouth[1] < 0.6 * view.SIDE
    assert np.allclose(
        turned @ view.view_affine(turned)[:, :2].T + view.view_affine(turned)[:, 2],
        upright @ view.view_affine(upright)[:, :2].T + view.view_affine(upright)[:, 2],
        atol=1e-3,
    )


def test_colours_are_told_against_the_skins_so_that_the_light_does_not_count() -> None:
    rng = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(rng.uniform(90, 200, (300, 300, 3)).astype(np.uint8), (0, 0), 4)
    bright = view.look_at_lower_face(pixels, face()).picture
    dim = view.look_at_lower_face((pixels * 0.5).astype(np.uint8), face()).picture
    assert bright.shape == (6, 64, 64) and bright.dtype == np.float32
    assert np.abs(bright[:3] - dim[:3]).max() < 0.08
    assert np.array_equal(bright[3:], dim[3:]) and set(np.unique(bright[3:])) == {0.0, 1.0}
    assert (bright[3] >= bright[4]).all() and bright[5].mean() > bright[3].mean()


def test_sixteen_bits_look_like_eight() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    eight = view.look_at_lower_face(pixels, face()).picture
    sixteen = view.look_at_lower_face(pixels.astype(np.uint16) * 257, face()).picture
    assert np.abs(eight - sixteen).max() < 0.02


def test_what_is_cut_out_is_what_lies_there_at_every_size() -> None:
    for scale in (40.0, 100.0, 900.0):
        points = face(scale, middle=(1.6 * scale, 1.2 * scale))
        side = int(3.2 * scale)
        pixels = np.zeros((side, side, 3), np.uint8)
        mouth = points[[13, 14]].mean(axis=0)
        cv2.circle(
            pixels, tuple((mouth - 0.5).round().astype(int).tolist()), int(0.2 * scale), (255, 255, 255), -1
        )
        seen = view.cut(pixels, view.view_affine(points)).mean(axis=2)
        y, x = np.nonzero(seen > 0.5)
        affine = view.view_affine(points)
        wanted = mouth @ affine[:, :2].T + affine[:, 2]
        assert (x.mean() + 0.5, y.mean() + 0.5) == pytest.approx(tuple(wanted), abs=0.7)


def test_the_skins_colour_is_found_with_a_hand_before_the_mouth() -> None:
    pixels = np.full((300, 300, 3), (200, 150, 120), np.uint8)
    pixels[170:] = (10, 200, 30)
    assert view.skin_colour(pixels, face()) == pytest.approx(np.array((200, 150, 120)) / 255, abs=0.02)
