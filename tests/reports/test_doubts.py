"""What looks wrong about a dub is doubted, and what looks right is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.faces.canonical import OUTER_LIP
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.reports.doubts import KINDS, DoubtWatch, Judged
from retalk_nodes.retalk_core.types import FaceTrack, Frame
from scenes import FPS, talking

COUNT = 30
SIDE = 320


@pytest.fixture(scope="module")
def faces() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return talking(COUNT, SIDE)


@pytest.fixture(scope="module")
def track(faces: FaceNetworks, pictures: list[np.ndarray]) -> FaceTrack:
    return track_faces((Frame(i, Fraction(i, FPS), p) for i, p in enumerate(pictures)), faces).track


def whole(pixels: np.ndarray) -> Patch:
    height, width = pixels.shape[:2]
    return Patch(Box(0, 0, width, height), pixels, np.ones((height, width), bool))


def judge(
    track: FaceTrack,
    before: list[np.ndarray],
    after: list[np.ndarray],
    faces: FaceNetworks | None = None,
    patch: Callable[[np.ndarray], Patch | None] = whole,
) -> Judged:
    times = [Fraction(i, FPS) for i in range(len(before))]
    watch = DoubtWatch(track, np.arange(len(before)), times, Fraction(len(before), FPS), faces)
    for i, (one, other) in enumerate(zip(before, after, strict=True)):
        watch.see(i, one, other, patch(other))
    return watch.judged()


def kinds(judged: Judged) -> set[str]:
    return {doubt.kind for doubt in judged.doubts}


def mouth_of(track: FaceTrack, row: int) -> np.ndarray:
    return track.mesh[row, list(OUTER_LIP), :2].numpy()


def covered(track: FaceTrack, pictures: list[np.ndarray], rows: range) -> list[np.ndarray]:
    """Some frames with a plain cloth before the mouth."""
    made = [picture.copy() for picture in pictures]
    for row in rows:
        x, y = mouth_of(track, row).mean(axis=0)
        cv2.circle(made[row], (round(float(x)), round(float(y))), 60, (150, 190, 200), -1)
    return made


def test_a_mouth_that_speaks_is_not_doubted(
    track: FaceTrack, pictures: list[np.ndarray], faces: FaceNetworks
) -> None:
    judged = judge(track, pictures, [*pictures[1:], pictures[-1]], faces)
    assert kinds(judged) == set() and judged.frames == 0 and judged.edited == COUNT


def test_frames_that_were_left_alone_are_not_judged(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    judged = judge(track, covered(track, pictures, range(COUNT)), pictures, patch=lambda pixels: None)
    assert judged == Judged((), 0, 0)


def test_a_mouth_that_a_mask_kept_is_not_judged(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    def chin(pixels: np.ndarray) -> Patch:
        return replace(whole(pixels), support=np.zeros(pixels.shape[:2], bool))

    assert judge(track, covered(track, pictures, range(COUNT)), pictures, patch=chin).edited == 0


def test_a_mouth_of_another_light_is_doubted_where_it_is(
    track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    after = [picture // 2 if 10 <= i < 15 else picture for i, picture in enumerate(pictures)]
    judged = judge(track, pictures, after)
    (doubt,) = (doubt for doubt in judged.doubts if doubt.kind == "brightness")
    assert doubt.frames == 5 <= judged.frames  # flicker is judged by the second
    assert doubt.ranges == ((0.4, 0.6),)
    assert doubt.severity == "serious" and doubt.worst == pytest.approx(np.log(2), abs=0.05)
    assert "0:00:00.400 to 0:00:00.600" in str(doubt) and KINDS["brightness"].advice in str(doubt)


def test_lips_on_cloth_are_doubted(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    judged = judge(track, covered(track, pictures, range(5, 12)), pictures)
    (doubt,) = (doubt for doubt in judged.doubts if doubt.kind == "covered")
    assert doubt.frames == 7 and doubt.ranges == ((0.2, 0.48),)


def test_a_mouth_beyond_the_frame_is_doubted(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    edge = round(float(np.median(mouth_of(track, 0)[:, 1])))
    cut = [picture[:edge] for picture in pictures]
    low = replace(track, frame_size=(edge, SIDE))
    judged = judge(low, cut, cut)
    assert "outside" in kinds(judged) and judged.frames > COUNT / 2


def test_softened_and_invented_lips_are_doubted(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    soft = [cv2.GaussianBlur(picture, (0, 0), 4) for picture in pictures]
    assert "sharpness" in kinds(judge(track, pictures, soft))
    assert "sharpness" in kinds(judge(track, soft, pictures))


def test_a_mouth_that_flickers_is_doubted(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    after = [np.clip(p.astype(int) + 14 * (-1) ** i, 0, 255).astype(np.uint8) for i, p in enumerate(pictures)]
    assert "flicker" in kinds(judge(track, pictures, after))


def test_a_still_picture_that_speaks_is_not_said_to_flicker(
    track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    one = replace(track, mesh=track.mesh[:1].expand(COUNT, -1, -1))
    spoken = [pictures[0].copy() for _ in range(COUNT)]
    for i, picture in enumerate(spoken):
        x, y = (round(float(each)) for each in mouth_of(one, 0).mean(axis=0))
        cv2.ellipse(picture, (x, y), (18, 2 + 4 * (i % 4)), 0, 0, 360, (60, 20, 20), -1)
    assert "flicker" not in kinds(judge(one, [pictures[0]] * COUNT, spoken))
    moving = [np.roll(pictures[0], i % 2, axis=0) for i in range(COUNT)]  # only just
    assert "flicker" in kinds(judge(one, moving, spoken))


def test_a_track_that_lags_is_doubted(
    track: FaceTrack, pictures: list[np.ndarray], faces: FaceNetworks
) -> None:
    moved = replace(track, mesh=track.mesh + 12)
    judged = judge(moved, pictures, pictures, faces)
    assert "place" in kinds(judged)
    assert "place" not in kinds(judge(moved, pictures, pictures))  # nothing to find it anew with


def test_a_mouth_that_is_detected_elsewhere_is_doubted(
    track: FaceTrack, pictures: list[np.ndarray], faces: FaceNetworks
) -> None:
    moved = replace(track, mesh=track.mesh + 40)
    assert "detector" in kinds(judge(moved, pictures, pictures, faces))


def test_another_persons_face_is_doubted(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    mesh = track.mesh.clone()
    middle = mesh[:5].mean(dim=1, keepdim=True)
    mesh[:5, :, 1] = (middle + 1.4 * (mesh[:5] - middle))[..., 1]
    judged = judge(replace(track, mesh=mesh), pictures, pictures)
    (doubt,) = (doubt for doubt in judged.doubts if doubt.kind == "person")
    assert doubt.frames == 5


def test_a_face_of_another_colour_is_doubted(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    given = [np.ascontiguousarray(p[..., ::-1]) if i < 6 else p for i, p in enumerate(pictures)]
    (doubt,) = (doubt for doubt in judge(track, given, given).doubts if doubt.kind == "colour")
    assert doubt.frames == 6


def test_a_stretch_without_doubt_divides_ranges(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    dark = (2, 3, 5, 20, 29)
    after = [picture // 2 if i in dark else picture for i, picture in enumerate(pictures)]
    (doubt,) = (doubt for doubt in judge(track, pictures, after).doubts if doubt.kind == "brightness")
    assert doubt.ranges == ((0.08, 0.24), (0.8, 0.84), (1.16, 1.2))  # a fifth of a second is joined
