"""What looks wrong about any video is doubted, with its times."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.judging.doubting import Doubting, standing_still
from retalk_nodes.retalk_core.media.clip import Clip, clip_of_pictures
from retalk_nodes.retalk_core.reports.doubts import Doubt
from retalk_nodes.retalk_core.types import FaceTrack
from scenes import talking

COUNT = 30


@pytest.fixture(scope="module")
def faces() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def clip() -> Clip:
    pictures = torch.from_numpy(np.stack(talking(COUNT, 320))).float() / 255
    return clip_of_pictures(pictures, Fraction(25))


@pytest.fixture(scope="module")
def track(clip: Clip, faces: FaceNetworks) -> FaceTrack:
    return track_faces(clip.frames(), faces).track


def told(clip: Clip, track: FaceTrack, faces: FaceNetworks, **given: object) -> tuple[Doubt, ...]:
    """What is doubted of a clip that is seen alone."""
    doubting = Doubting(clip, track, np.arange(len(clip)), faces)
    for frame in clip.frames():
        doubting.see_alone(frame.index, frame.pixels)
    opening = np.abs(np.sin(np.arange(len(clip)) / 3)) * 0.1
    asked = {"opening": opening, "loudness": np.full(len(clip), 0.8), "values": {}} | given
    return doubting.doubts(**asked)  # type: ignore[arg-type]


def test_a_plain_clip_is_not_doubted(clip: Clip, track: FaceTrack, faces: FaceNetworks) -> None:
    assert told(clip, track, faces) == ()


def test_a_covered_mouth_is_doubted_without_a_source(clip: Clip, faces: FaceNetworks) -> None:
    pictures = [frame.pixels.copy() for frame in clip.frames()]
    seen = track_faces(clip.frames(), faces).track
    for picture, mesh in zip(pictures, seen.mesh.numpy(), strict=True):
        x, y = mesh[[13, 14], :2].mean(axis=0).astype(int).tolist()
        cv2.rectangle(picture, (x - 60, y - 30), (x + 60, y + 40), (150, 110, 95), -1)
    covered = clip_of_pictures(torch.from_numpy(np.stack(pictures)).float() / 255, Fraction(25))

    found = told(covered, seen, faces)

    (doubt,) = [each for each in found if each.kind == "covered"]
    assert doubt.severity == "serious" and doubt.frames == COUNT and doubt.advice == ""
    assert doubt.ranges == ((0.0, pytest.approx(COUNT / 25)),) and "0:00:00.000 to" in str(doubt)


def test_frames_without_a_face_are_told(clip: Clip, track: FaceTrack, faces: FaceNetworks) -> None:
    opening = np.full(COUNT, 0.05)
    opening[10:15] = np.nan
    (doubt,) = told(clip, track, faces, opening=opening, loudness=None)
    assert (doubt.kind, doubt.frames, doubt.severity) == ("unseen", 5, "slight")
    assert doubt.ranges == ((0.4, 0.6),)


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ({"lag_frames": 5, "opening_loudness": 0.6}, ["late"]),
        ({"lag_frames": 5, "opening_loudness": 0.2}, []),
        ({"lag_frames": 1, "opening_loudness": 0.6}, []),
        ({"lag_frames": 5, "opening_loudness": 0.6, "sync_offset": 0, "lse_c": 4.0}, []),
        ({"sync_offset": -3, "lse_c": 4.0}, ["late"]),
        ({"sync_offset": -3, "lse_c": 0.4}, []),
    ],
)
def test_a_sure_lag_is_doubted(
    clip: Clip, track: FaceTrack, faces: FaceNetworks, values: dict[str, float], kinds: list[str]
) -> None:
    assert [doubt.kind for doubt in told(clip, track, faces, values=values)] == kinds


def test_a_mouth_that_stands_still_in_speech_is_found_and_one_in_a_pause_is_not() -> None:
    seconds = np.arange(100) / 25
    opening = 0.1 * np.abs(np.sin(np.arange(100) / 2))
    opening[30:70] = 0.02
    loud = np.full(100, 0.8)

    still = standing_still(seconds, opening, loud)

    assert still[32:68].all() and not still[:25].any() and not still[75:].any()
    assert not standing_still(seconds, opening, np.where(np.arange(100) < 75, 0.1, loud)).any()
    opening[50] = np.nan
    assert not standing_still(seconds, opening, loud)[45:55].any()
