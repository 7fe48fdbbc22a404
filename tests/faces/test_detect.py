"""Faces are found where they are, and overlapping finds become one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn import drawn_face
from retalk_nodes.models.faces.blazeface import DetectorKind, load_detector
from retalk_nodes.retalk_core.faces.detect import detect, merge_overlapping, overlap


@pytest.mark.parametrize("kind", ["short", "full"])
def test_drawn_face_is_found_where_it_was_drawn(kind: DetectorKind) -> None:
    side = 400
    face = cv2.resize(drawn_face().numpy(), (side, side))
    picture = np.full((600, 900, 3), 110, np.uint8)
    picture[120 : 120 + side, 300 : 300 + side] = face

    faces = detect(load_detector(kind), picture, threshold=0.3)

    assert len(faces) == 1
    left, top, right, bottom = faces[0].box
    assert abs((left + right) / 2 - 500) < 20
    right_eye, left_eye = faces[0].keypoints[:2]
    np.testing.assert_allclose(right_eye, (300 + 0.38 * side, 120 + 0.42 * side), atol=20)
    np.testing.assert_allclose(left_eye, (300 + 0.62 * side, 120 + 0.42 * side), atol=20)
    assert top < right_eye[1] < bottom


def test_evenly_grey_picture_shows_no_face() -> None:
    assert detect(load_detector("short"), np.full((240, 320, 3), 128, np.uint8)) == []


def test_one_pixel_picture_is_looked_at() -> None:
    assert detect(load_detector("short"), np.zeros((1, 1, 3), np.uint8)) == []


def test_overlapping_finds_become_their_weighted_mean() -> None:
    points = np.zeros((3, 8, 2), np.float32)
    points[:, 0] = ((100, 100), (110, 100), (300, 100))  # centres
    points[:, 1] = 80  # sizes

    faces = merge_overlapping(np.array([0.9, 0.6, 0.7], np.float32), points)

    assert [round(face.score, 3) for face in faces] == [0.9, 0.7]
    assert (faces[0].box[0] + faces[0].box[2]) / 2 == pytest.approx(104)


def test_overlap_is_the_shared_part_of_the_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], float)

    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 0])
