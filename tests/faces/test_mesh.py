"""The mesh of a face: where it is looked for, how its points come back to the frame, what they say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn import astronaut, drawn_face
from heads import turned_mesh
from retalk_nodes.models.faces.blazeface import load_detector
from retalk_nodes.models.faces.facemesh import load_face_mesh
from retalk_nodes.retalk_core.faces.detect import detect
from retalk_nodes.retalk_core.faces.mesh import (
    FACE_OVAL,
    FaceRegion,
    crop_region,
    find_mesh,
    head_pose,
    region_of_detection,
    region_of_points,
)
from retalk_nodes.retalk_core.types import IBUG_FROM_MESH

# Regions


def test_crop_shows_the_region_upright() -> None:
    picture = np.zeros((400, 600, 3), np.uint8)
    region = FaceRegion((300.0, 200.0), side=192.0, angle=np.pi / 2)
    picture[200 - 60, 300] = 255  # a quarter turn anticlockwise brings it to the crop's left

    crop = crop_region(picture, region)

    y, x = np.unravel_index(crop[..., 0].argmax(), crop.shape[:2])
    assert abs(x - (96 - 60)) <= 1
    assert abs(y - 96) <= 1


@pytest.mark.parametrize("centre", [(0.0, 0.0), (-500.0, 80.0), (900.0, 700.0)])
def test_region_beyond_the_picture_repeats_its_edge(centre: tuple[float, float]) -> None:
    picture = np.full((300, 400, 3), 77, np.uint8)

    assert (crop_region(picture, FaceRegion(centre, 150.0, 0.3)) == 77).all()


def test_sixteen_bit_picture_gives_the_same_crop() -> None:
    picture = drawn_face().numpy()
    region = FaceRegion((96.0, 96.0), 200.0, 0.2)

    wide = crop_region(picture.astype(np.uint16) * 257, region)

    assert wide.dtype == np.uint8
    assert np.abs(wide.astype(int) - crop_region(picture, region)).max() <= 1


# Points


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 4.0])
def test_points_scale_with_the_picture(scale: float) -> None:
    picture = astronaut()
    network = load_face_mesh()
    region = region_of_detection(detect(load_detector("short"), picture)[0])
    at_one = find_mesh(network, picture, region)
    resized = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )

    larger = FaceRegion(
        (region.centre[0] * scale, region.centre[1] * scale), region.side * scale, region.angle
    )
    mesh = find_mesh(network, resized, larger)

    assert mesh.score > 0.99
    error = np.abs(mesh.points / scale - at_one.points)[:, :2].mean()
    assert error < 0.5  # pixels of a face that is 106 high


def test_mesh_rests_in_its_own_region() -> None:
    picture = astronaut()
    network = load_face_mesh()
    mesh = find_mesh(network, picture, region_of_detection(detect(load_detector("short"), picture)[0]))
    for _ in range(3):
        before, mesh = mesh, find_mesh(network, picture, region_of_points(mesh.points))

    assert np.abs(mesh.points - before.points)[:, :2].max() < 1.0


def test_lips_of_a_smile_are_apart_but_not_wide() -> None:
    picture = astronaut()  # she shows her upper teeth
    network = load_face_mesh()
    mesh = find_mesh(network, picture, region_of_detection(detect(load_detector("short"), picture)[0]))
    gap = np.linalg.norm(mesh.points[13, :2] - mesh.points[14, :2])
    across = np.linalg.norm(mesh.points[33, :2] - mesh.points[263, :2])

    assert 0.02 < gap / across < 0.25


# Pose and outline


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (35, 0, 0), (-50, 10, 0), (0, -25, 0), (10, 15, 80), (20, 5, -40)]
)
def test_pose_of_a_turned_head_is_read_back(pose: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(np.array(head_pose(turned_mesh(*pose))), pose, atol=1e-3)


def test_positive_yaw_looks_to_the_right_and_positive_pitch_up() -> None:
    def nose_from_ears(*pose: float) -> np.ndarray:
        mesh = turned_mesh(*pose)
        return mesh[[168, 6, 197]].mean(axis=0) - mesh[[234, 454]].mean(axis=0)

    ahead = nose_from_ears(0, 0, 0)
    assert ahead[2] < 0  # the nose is nearer to the camera
    assert nose_from_ears(30, 0, 0)[0] > ahead[0]
    assert nose_from_ears(0, 30, 0)[1] < ahead[1]


def test_oval_goes_once_around_the_jaw_line_and_forehead() -> None:
    assert len(set(FACE_OVAL)) == 36
    assert {10, 152, 234, 454} <= set(FACE_OVAL)
    assert len(IBUG_FROM_MESH) == 68
