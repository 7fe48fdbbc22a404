"""Carrying pixels along with a mesh: nothing moves unasked, affine motion is exact, the rest stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import box_around
from retalk_nodes.retalk_core.engines.embedded.warp import (
    FINEST,
    backward_map,
    carry,
    lower_face,
    mouth_patch,
    paint,
    with_lips,
    with_middle,
    with_ring,
)
from retalk_nodes.retalk_core.faces.canonical import INNER_LIP, LIP_PAIRS, load_mouth_model
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL
from scenes import drawn_mesh

FRAME = Box(0, 0, 180, 160)
FAR = np.zeros(468 + len(FACE_OVAL))  # depth of points that all lie at the same distance
# A mesh takes 468 points, a ring of 36 more for the lower face, or 18 between the lips for the mouth.
NO_RIMS = np.zeros((2, 9))


def slope(box: Box, dtype: type[np.generic] = np.float32) -> np.ndarray:
    """A picture (h, w, 3) whose value tells the place: x, y and their sum, by pixel centres."""
    y, x = np.mgrid[box.top : box.bottom, box.left : box.right].astype(np.float32) + 0.5
    return np.stack([x, y, 0.5 * (x + y)], axis=-1).astype(dtype)


def face(**placed: object) -> np.ndarray:
    return drawn_mesh(centre=(90.0, 60.0), **placed)[:, :2]  # type: ignore[arg-type]


def warp(
    source: np.ndarray, target: np.ndarray, box: Box = FRAME, finest: int = FINEST
) -> tuple[np.ndarray, np.ndarray]:
    """The lower face's map and its mask, with the ring that holds the rest in place."""
    return backward_map(
        with_ring(source, source), paint(with_ring(target, source), lower_face(), box, FAR, finest)
    )


def opened(amount: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A face and the same face with a lower jaw, its upper part in place."""
    given = face()
    target = face(drivers=(amount, 5 * amount**2, 0))
    moves = load_mouth_model().moves[:, None]
    return given, given + moves * (target - given)


# Nothing moves


@pytest.mark.parametrize("size", [30.0, 60.0, 300.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_target_that_is_the_source_moves_nothing(size: float, dtype: type[np.generic]) -> None:
    mesh = drawn_mesh(size, (1.5 * size, size), degrees=(4, 9, 7))[:, :2]
    box = Box(0, 0, int(3 * size), int(2.6 * size))
    positions, moved = warp(mesh, mesh, box)
    picture = np.random.default_rng(0).integers(0, 255, (*box.size, 3)).astype(dtype)
    assert not moved.any()
    off = carry(picture, positions, box.corner).astype(float) - picture
    assert np.abs(off).max() <= 1


def test_texture_from_the_same_place_is_the_same_texture() -> None:
    mesh = face(drivers=(0.1, 0.05, 0))
    source, target = with_lips(mesh, mesh, NO_RIMS), with_middle(mesh)
    positions, moved = backward_map(source, paint(target, mouth_patch(), FRAME, FAR[:486]), soften=2.0)
    assert not moved.any()
    np.testing.assert_allclose(carry(slope(FRAME), positions, FRAME.corner), slope(FRAME), atol=0.01)


# Known motion


@pytest.mark.parametrize(
    "affine",
    [
        [[1, 0, 6.25], [0, 1, -3.5]],
        [[1.2, 0, -20], [0, 1.1, -5]],
        [[0.95, 0.12, 3], [-0.1, 1.04, 4]],
    ],
    ids=["moved", "scaled", "turned"],
)
@pytest.mark.parametrize("size", [60.0, 240.0])
def test_an_affine_motion_of_the_mesh_carries_a_slope_exactly(affine: list[list[float]], size: float) -> None:
    matrix = np.array(affine)
    source = drawn_mesh(size, (1.5 * size, size), drivers=(0.12, 0.072, 0))[:, :2]
    target = source @ matrix[:, :2].T + matrix[:, 2]
    box = box_around(target, (10_000, 10_000))
    had, has = (with_middle(mesh) for mesh in (source, target))
    positions, moved = backward_map(had, paint(has, mouth_patch(), box, FAR[:486], finest=max(box.size)))
    wanted = (slope(box)[..., :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T  # where colours come from
    inside = _well_inside(moved) & _near(target[[13, 14]].mean(axis=0), box, 0.4 * size)
    assert inside.sum() > 0.2 * size**2
    off = np.abs(positions - wanted)[inside].max(axis=1)
    # Triangles thinner than a pixel or two are moved as a whole: a scaled lip's edge is a little off.
    assert np.percentile(off, 90) < 0.02 and off.max() < 1
    whole = Box(0, 0, int(4 * size), int(4 * size))
    carried = carry(slope(whole), positions, whole.corner)[inside][:, :2]
    # Bicubic sampling at thirty-seconds of a pixel is 0.08 of the slope's step off at most.
    assert np.abs(carried - positions[inside]).max() < 0.1


def _near(place: np.ndarray, box: Box, radius: float) -> np.ndarray:
    return np.linalg.norm(slope(box)[..., :2] - place, axis=-1) < radius


def _well_inside(mask: np.ndarray) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), np.ones((17, 17), np.uint8)).astype(bool)


@pytest.mark.parametrize("size", [60.0, 240.0])
def test_a_lowered_jaw_takes_the_chin_along(size: float) -> None:
    given = drawn_mesh(size, (1.5 * size, size))[:, :2]
    target = given.copy()
    target[load_mouth_model().moves == 1] += (0, 0.1 * size)
    box = Box(0, 0, int(3 * size), int(3 * size))
    positions, _ = warp(given, target, box)
    x, y = target[199].astype(int)  # between the lower lip and the chin
    came_from = positions[y, x] - (np.array([x, y]) + 0.5)
    np.testing.assert_allclose(came_from, (0, -0.1 * size), atol=0.1)


# The rest stays


def test_nothing_outside_the_moved_area_changes() -> None:
    given, target = opened()
    positions, moved = warp(given, target)
    own = slope(FRAME)[..., :2]
    assert moved.any() and not moved.all()
    assert np.abs(positions - own)[~moved].max() <= 2e-3
    assert np.abs(positions - own)[moved].max() > 1


@pytest.mark.parametrize("size", [60.0, 260.0])
def test_a_moving_mouth_leaves_eyes_and_surroundings_alone(size: float) -> None:
    given = drawn_mesh(size, (1.6 * size, 1.1 * size))[:, :2]
    moves = load_mouth_model().moves[:, None]
    target = given + moves * (
        drawn_mesh(size, (1.6 * size, 1.1 * size), drivers=(0.15, 0.11, 0))[:, :2] - given
    )
    box = Box(0, 0, int(3.2 * size), int(3.2 * size))
    _, moved = warp(given, target, box)
    spread = 2 * max(1.0, box.size[0] / FINEST)  # of a coarse map
    rows, columns = np.nonzero(moved)
    eyes = given[[33, 133, 362, 263]]
    ring = with_ring(given, given)[468:]
    assert rows.min() > eyes[:, 1].max()
    assert rows.max() <= ring[:, 1].max() + spread
    assert ring[:, 0].min() - spread <= columns.min() and columns.max() <= ring[:, 0].max() + spread


def test_a_map_of_a_part_is_a_part_of_the_map() -> None:
    given, target = opened()
    whole, moved = warp(given, target, finest=256)  # as fine as the part
    part = Box(61, 70, 122, 131)
    positions, mask = warp(given, target, part)
    np.testing.assert_allclose(positions, whole[part.slices], atol=0.1)
    assert (mask != moved[part.slices]).mean() < 0.002


def test_a_coarse_map_of_a_large_face_is_near_the_fine_one() -> None:
    given, target = opened()
    fine, _ = warp(given, target)
    coarse, mask = warp(4 * given, 4 * target, Box(0, 0, 720, 640))
    sampled = coarse[2::4, 2::4]  # a pixel's own place is half a small pixel beside the middle of four
    inside = _well_inside(mask[2::4, 2::4])
    difference = (sampled / 4 - fine) - (np.float32(0.125))
    assert np.abs(difference)[inside].mean() < 0.15


# Odd meshes


def test_a_face_without_area_moves_nothing_and_breaks_nothing() -> None:
    point = np.full((468, 2), 50.0, np.float32)
    positions, _ = warp(point, point + 3)
    assert np.isfinite(positions).all()


def test_a_face_beyond_the_frame_leaves_it_alone() -> None:
    given, target = opened()
    far = np.array([5000.0, -9000.0])
    positions, moved = warp(given + far, target + far)
    assert not moved.any() and np.isfinite(positions).all()


def test_nearer_triangles_cover_farther_ones() -> None:
    square = np.array([(20, 20), (80, 20), (20, 80)], np.float32)
    target = np.concatenate([square, square])
    source = np.concatenate([square + np.array([5, 0]), square + np.array([0, 7])])
    triangles = np.array([(0, 1, 2), (3, 4, 5)], np.int32)
    for depth, expected in ((np.repeat([0.0, 9.0], 3), (5, 0)), (np.repeat([9.0, 0.0], 3), (0, 7))):
        positions, _ = backward_map(source, paint(target, triangles, Box(0, 0, 100, 100), depth))
        np.testing.assert_allclose(positions[30, 30] - 30.5, expected, atol=1e-4)


@pytest.mark.parametrize(("had", "has"), [(0.15, 0.02), (0.05, 0.15)], ids=["closing", "opening"])
def test_what_lies_behind_a_lip_moves_as_its_edge_does_and_isnt_stretched(had: float, has: float) -> None:
    given, wanted = face(drivers=(had, 5 * had**2, 0)), face(drivers=(has, 5 * has**2, 0))
    source, target = with_lips(given, wanted, NO_RIMS), with_middle(wanted)
    for lip, first in ((0, 468), (1, 477)):
        edges = [pair[lip] for pair in LIP_PAIRS]
        behind = slice(first, first + len(LIP_PAIRS))
        scale = np.linalg.norm(given[308] - given[78]) / np.linalg.norm(wanted[308] - wanted[78])
        np.testing.assert_allclose(
            source[behind] - source[edges], scale * (target[behind] - target[edges]), atol=0.05
        )


def test_a_rim_that_shows_no_lip_is_left_out() -> None:
    given = face(drivers=(0.1, 0.05, 0))
    rims = np.zeros((2, 9))
    rims[1, 0] = 0.5
    source = with_lips(given, given, rims)
    np.testing.assert_allclose(source[14], (given[14] + given[17]) / 2, atol=1e-4)
    np.testing.assert_allclose(source[13], given[13], atol=1e-4)


def test_movement_isnt_smoothed_from_one_lip_to_the_other() -> None:
    square = np.array(
        [(10, 10), (90, 10), (90, 50), (10, 50), (10, 50), (90, 50), (90, 90), (10, 90)], np.float32
    )
    source = square + np.repeat([(0, -20), (0, 20)], 4, axis=0)
    triangles = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)], np.int32)
    box = Box(0, 0, 100, 100)
    halves = np.zeros(box.size, np.float32)
    halves[:50] = 1
    positions, _ = backward_map(source, paint(square, triangles, box, np.zeros(8)), 3.0, halves)
    np.testing.assert_allclose(positions[48, 50, 1] - 48.5, -20, atol=0.5)
    np.testing.assert_allclose(positions[51, 50, 1] - 51.5, 20, atol=0.5)


def test_triangles_only_name_points_that_exist() -> None:
    assert lower_face().min() >= 0 and lower_face().max() < 468 + len(FACE_OVAL)
    assert mouth_patch().min() >= 0 and mouth_patch().max() < 468 + 2 * len(LIP_PAIRS)
    assert set(INNER_LIP) <= set(mouth_patch().ravel().tolist())
