"""SyncNet's cepstra, distances, score and crops are those of its own evaluation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import recipe
from recordings import metric_recording
from retalk_nodes.retalk_core.metrics import lse, sync_crops
from retalk_nodes.retalk_core.metrics.registry import measure


def test_cepstra_are_the_recorded_ones() -> None:
    recorded = metric_recording("lse_face_3")

    given = lse.mel_cepstra(recorded["sound_16k"])

    np.testing.assert_allclose(given, recorded["mfcc"], rtol=0, atol=1e-9)


def test_a_long_sound_is_worked_out_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(0).integers(-9000, 9000, 16_037)
    whole = lse.mel_cepstra(sound)

    monkeypatch.setattr(lse, "AT_ONCE", 7)

    np.testing.assert_allclose(lse.mel_cepstra(sound), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("samples", [1, 399, 400, 401, 560, 561])
def test_any_sound_has_a_column(samples: int) -> None:
    given = lse.mel_cepstra(np.zeros(samples))

    assert len(given) == 1 + max(0, -(-(samples - 400) // 160))
    assert np.isfinite(given).all()


def test_a_planted_shift_is_found() -> None:
    recorded = metric_recording("lse_face_3")

    distances = lse.shift_distances(recorded["planted_face"], recorded["planted_sound"]).mean(axis=0)
    score = measure({"sync_distances": distances})

    np.testing.assert_allclose(distances, recorded["planted_mean_distance"], rtol=1e-6)
    assert score["lse_d"] == pytest.approx(float(recorded["planted_lse_d"]), rel=1e-5)
    assert score["lse_c"] == pytest.approx(float(recorded["planted_lse_c"]), rel=1e-5)
    assert score["sync_offset"] == int(recorded["planted_av_offset"]) == -3


@pytest.mark.parametrize("shift", range(-5, 6))
def test_every_shift_is_found_with_its_sign(shift: int) -> None:
    sound = np.random.default_rng(1).normal(size=(80, 32))

    distances = lse.shift_distances(np.roll(sound, -shift, axis=0), sound).mean(axis=0)

    assert lse.sync_offset(distances) == -shift


def test_stretches_of_sound_go_with_their_frames() -> None:
    cepstra = np.arange(100 * 13).reshape(100, 13).astype(float)

    given = lse.sound_stretches(cepstra, 20)

    assert given.shape == (20, 1, 13, 20)
    np.testing.assert_array_equal(given[3, 0], cepstra[12:32].T)


def test_faces_are_followed_and_cropped_as_recorded() -> None:
    recorded = metric_recording("lse_crop")
    found = recorded["detections"]

    trails = sync_crops.link_boxes(found[:, 0].astype(int), found[:, 1:], fewest=30, smallest=20)

    assert len(trails) == 2
    for index, trail in enumerate(trails):
        np.testing.assert_array_equal(trail.frames, recorded[f"track{index}_frames"])
        np.testing.assert_allclose(trail.boxes, recorded[f"track{index}_boxes"], atol=1e-9)
    trail = trails[1]
    pictures = [
        recipe.image_u8(int(recorded["recipe_seed"]), f"crop/{frame}", (1, 3, 120, 200))[0].transpose(1, 2, 0)
        for frame in trail.frames
    ]
    crops = list(sync_crops.face_crops(pictures, trail.boxes, original=True))
    np.testing.assert_array_equal(np.stack(crops[::13])[:, ::2, ::2], recorded["track1_crops"])


def test_our_boxes_are_calm_at_the_ends_too() -> None:
    boxes = np.tile([40.0, 30.0, 100.0, 90.0], (20, 1))
    pictures = [np.full((120, 200, 3), 7, np.uint8)] * 20

    same, original = (
        list(sync_crops.face_crops(pictures, boxes, original=original)) for original in (False, True)
    )

    assert all(np.array_equal(a, b) for a, b in pairwise(same))
    assert np.array_equal(same[10], original[10])
