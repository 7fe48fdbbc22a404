"""A track: short gaps filled, paths smoothed, edits that fade, and why a frame shows none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from heads import FPS, clip, covered, landscape, moved, turned_mesh
from retalk_nodes.retalk_core.errors import NoFaceError
from retalk_nodes.retalk_core.faces import track
from retalk_nodes.retalk_core.faces.detect import FaceNetworks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.steady import smooth

# Gaps


def test_short_gap_is_filled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    pictures = [moved(portrait, (222 + 3 * i, 150)) for i in range(20)]
    straight = track_faces(clip(pictures), networks).track.mesh
    for i in range(8, 13):
        pictures[i][70:240, 140 + 3 * i : 305 + 3 * i] = 90  # a hand before the face

    tracked = track_faces(clip(pictures), networks)

    assert tracked.cuts == ()
    assert tracked.filled.tolist() == [8 <= i < 13 for i in range(20)]
    assert tracked.track.present.all()
    assert (tracked.track.scores[8:13] < 0.5).all()
    assert (tracked.track.mesh[8:13] - straight[8:13])[..., :2].abs().mean() < 2


def test_long_gap_is_not_filled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip([portrait] * 10 + [covered(portrait)] * 15 + [portrait] * 10), networks)
    track = tracked.track

    assert track.present.tolist() == [True] * 10 + [False] * 15 + [True] * 10
    assert not tracked.filled.any()
    assert set(tracked.reasons[10:25]) == {"no face"}
    assert track.mesh.isfinite().all() and track.boxes.isfinite().all()
    assert (track.weight[10:25] == 0).all() and (track.scores[10:25] == 0).all()


def test_gap_beside_a_cut_is_not_filled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    other = [landscape(5)] * 3
    tracked = track_faces(clip([portrait] * 6 + other + [cv2.flip(portrait, 1)] * 6), networks)

    assert tracked.track.present.tolist() == [True] * 6 + [False] * 3 + [True] * 6
    assert (tracked.track.weight[:6] == 1).all()


def test_edit_eases_out_and_in_beside_a_gap(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip([portrait] * 10 + [covered(portrait)] * 15 + [portrait] * 10), networks)
    weight = tracked.track.weight.numpy()

    assert weight[0] == weight[5] == weight[-1] == 1  # the clip's ends are no gaps
    assert (np.diff(weight[5:11]) <= 0).all() and (np.diff(weight[24:31]) >= 0).all()
    assert np.abs(np.diff(weight)).max() < 0.5


def test_no_face_at_all_is_an_error_that_counts_the_frames(networks: FaceNetworks) -> None:
    with pytest.raises(NoFaceError, match=r"any of the 3 frames \(512x400"):
        track_faces(clip([landscape(1)] * 3), networks)


def test_face_that_shrinks_away_is_too_small(networks: FaceNetworks, portrait: np.ndarray) -> None:
    scales = np.geomspace(0.6, 0.2, 24)
    tracked = track_faces(clip([moved(portrait, (250, 200), scale) for scale in scales]), networks)

    assert tracked.track.present[0] and not tracked.track.present[-1]
    assert tracked.reasons[-1] == "too small"


# Smoothing and fading


def test_smoothing_keeps_paths_and_calms_trembling() -> None:
    rng = np.random.default_rng(0)
    path = (np.linspace(0, 1, 40)[:, None, None] ** 2 * 50).astype(np.float32) + np.zeros(
        (1, 468, 3), np.float32
    )
    trembling = path + rng.normal(0, 1, path.shape).astype(np.float32)

    assert np.abs(smooth(path) - path).max() < 1e-3
    assert (smooth(trembling) - path).std() < 0.8 * (trembling - path).std()


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_clips_shorter_than_the_window_are_tracked(
    networks: FaceNetworks, portrait: np.ndarray, frames: int
) -> None:
    track = track_faces(clip([portrait] * frames), networks).track

    assert track.present.all() and track.weight.eq(1).all() and track.mesh.isfinite().all()


def test_edit_fades_towards_profile_without_a_jump() -> None:
    yaw = np.concatenate([np.zeros(10), np.linspace(0, 70, 30), np.full(10, 70)])
    mesh = np.stack([turned_mesh(angle, 0, 0) for angle in yaw])
    present, shot = np.ones(50, bool), np.zeros(50, int)

    weight = track._weights(mesh, present, shot, np.arange(50) / FPS, [slice(0, 50)])

    assert (weight[yaw < 20] > 0.99).all()
    assert (weight[yaw > 60] == 0).all()
    assert (np.diff(weight) <= 1e-9).all() and np.abs(np.diff(weight)).max() < 0.25
