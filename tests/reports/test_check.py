"""Looking at a finished dub again: what differs, how well the mouth follows, and nothing that grows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.metrics.mouth import MouthWatch
from retalk_nodes.retalk_core.metrics.pictures.outside import psnr
from retalk_nodes.retalk_core.metrics.sync import FEWEST, LAGS, best_lag
from retalk_nodes.retalk_core.reports import check
from retalk_nodes.retalk_core.reports.check import ResultWatch, check_result, mouth_crop
from retalk_nodes.retalk_core.types import FaceTrack, Frame
from scenes import FPS, deepened, drawn_mesh, drawn_track, portrait, scenery, talking, write_clip

COUNT = 12
EDIT = Box(50, 80, 115, 135)  # around the mouth


@pytest.fixture(scope="module")
def faces() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return talking(COUNT)


@pytest.fixture(scope="module")
def track(faces: FaceNetworks, pictures: list[np.ndarray]) -> FaceTrack:
    return track_faces((Frame(i, Fraction(i, FPS), p) for i, p in enumerate(pictures)), faces).track


def times(count: int) -> list[Fraction]:
    return [Fraction(i, FPS) for i in range(count)]


def patch_of(pixels: np.ndarray) -> Patch:
    part = pixels[EDIT.slices].copy()
    return Patch(EDIT, part, np.ones(part.shape[:2], bool))


def watched(
    track: FaceTrack, before: list[np.ndarray], after: list[np.ndarray], edited: list[bool] | None = None
) -> ResultWatch:
    watch = ResultWatch(track, np.arange(len(before)), times(len(before)))
    for i, (one, other) in enumerate(zip(before, after, strict=True)):
        watch.see(i, one, other, patch_of(other) if edited is None or edited[i] else None)
    return watch


# Outside the edit


@pytest.mark.parametrize("depth", [8, 16])
def test_a_lossless_result_is_exact_outside_the_edit(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path, depth: int
) -> None:
    frames = pictures if depth == 8 else deepened(pictures)
    after = [frame.copy() for frame in frames]
    for frame in after:
        frame[EDIT.slices] //= 2
    result = write_clip(tmp_path / "out.mkv", after)
    checked = check_result(result, watched(track, frames, after), faces.mesh, np.zeros(COUNT))
    assert checked.measured["loss_outside"] is None
    assert checked.measured.frames == COUNT


def test_a_lossy_result_tells_how_much_was_lost(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    lost = []
    for quality in ("10", "40"):
        result = write_clip(tmp_path / "out.mp4", pictures, codec="libx264", options={"crf": quality})
        watch = watched(track, pictures, pictures)
        lost.append(check_result(result, watch, faces.mesh, np.zeros(COUNT)).measured["loss_outside"])
    assert lost[0] and lost[1] and 20 < lost[1] < lost[0] - 3 < 60


def test_one_changed_pixel_outside_the_edit_is_noticed(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    spoilt = [picture.copy() for picture in pictures]
    for picture in spoilt:
        picture[3, 5] ^= 128
    result = write_clip(tmp_path / "out.mkv", spoilt)
    loss = check_result(result, watched(track, pictures, pictures), faces.mesh, np.zeros(COUNT)).measured[
        "loss_outside"
    ]
    assert loss is not None and 40 < loss < 70


def test_padding_of_odd_sides_is_not_compared(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    odd = [np.ascontiguousarray(picture[:159, :157]) for picture in pictures]
    padded = [np.pad(picture, ((0, 1), (0, 1), (0, 0)), constant_values=255) for picture in odd]
    result = write_clip(tmp_path / "out.mkv", padded)
    checked = check_result(result, watched(track, odd, odd), faces.mesh, np.zeros(COUNT))
    assert checked.measured["loss_outside"] is None


# The mouth


def test_a_result_like_its_source_is_as_sharp_and_as_calm(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    result = write_clip(tmp_path / "out.mkv", pictures)
    checked = check_result(result, watched(track, pictures, pictures), faces.mesh, np.zeros(COUNT))
    assert checked.opening.shape == (COUNT,) and np.isfinite(checked.opening).all()
    assert 0.08 < checked.opening.min() < checked.opening.max() < 0.2
    assert checked.measured["lip_sharpness"] == pytest.approx(1, abs=0.1)
    assert checked.measured["lip_flicker"] == pytest.approx(1.2, abs=0.5)  # landmarks found anew tremble more


def test_the_opening_is_the_results_and_not_the_sources(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    own, frozen = (
        check_result(
            write_clip(tmp_path / "out.mkv", shown),
            watched(track, pictures, shown),
            faces.mesh,
            np.zeros(COUNT),
        ).opening
        for shown in (pictures, [pictures[0]] * COUNT)
    )
    assert frozen.std() < 0.6 * own.std()
    assert frozen.mean() == pytest.approx(own[0], abs=0.01)


def test_a_mouth_is_looked_for_only_where_it_was_edited(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    edited = [i % 3 != 0 for i in range(COUNT)]
    result = write_clip(tmp_path / "out.mkv", pictures)
    watch = watched(track, pictures, pictures, edited)
    checked = check_result(result, watch, faces.mesh, np.zeros(COUNT))
    np.testing.assert_array_equal(np.isfinite(checked.opening), edited)


def test_a_mouth_that_can_no_longer_be_found_is_no_opening(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    result = write_clip(tmp_path / "out.mkv", scenery(COUNT))
    checked = check_result(result, watched(track, pictures, pictures), faces.mesh, np.zeros(COUNT))
    assert not np.isfinite(checked.opening).any()
    assert checked.measured["lip_sharpness"] is None and checked.measured["lag_frames"] is None


def test_nothing_edited_gives_nothing_to_measure(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    result = write_clip(tmp_path / "out.mkv", pictures)
    watch = watched(track, pictures, pictures, [False] * COUNT)
    measured = check_result(result, watch, faces.mesh, np.zeros(COUNT)).measured
    assert measured["lip_sharpness"] is None and measured["lip_flicker"] is None
    assert measured["loss_outside"] is None
    assert watch.mouths == watch.worst == []


# Bounds


def test_only_the_beginning_of_a_long_result_is_looked_at(
    faces: FaceNetworks,
    track: FaceTrack,
    pictures: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "CHECKED_FRAMES", 5)
    told: list[tuple[int, int | None]] = []
    result = write_clip(tmp_path / "out.mkv", pictures)
    watch = watched(track, pictures, pictures)
    checked = check_result(
        result, watch, faces.mesh, np.zeros(COUNT), lambda done, total: told.append((done, total))
    )
    assert checked.measured.frames == len(checked.opening) == 5
    assert told == [(i, 5) for i in range(1, 6)]


@pytest.mark.parametrize("count", [1, 3, 30, 2000])
def test_what_is_kept_for_the_check_doesnt_grow_with_the_clip(count: int) -> None:
    track = drawn_track([drawn_mesh(51.0, (81.0, 66.0))])
    watch = ResultWatch(track, np.zeros(count, int), times(count))
    picture = portrait()
    patch = patch_of(picture)
    for i in range(count):
        watch.see(i, picture, picture, patch)
    assert 1 <= len(watch.outside) <= check.SAMPLED_FRAMES
    assert min(count, check.SHEET_MOUTHS) * 0.5 <= len(watch.mouths) <= check.SHEET_MOUTHS
    assert watch.checked == len(watch.edited) == min(count, check.CHECKED_FRAMES)
    assert len(watch.worst) <= check.SHEET_WORST
    for shown in (watch.mouths, watch.worst):
        seconds = [mouth.seconds for mouth in shown]
        assert seconds == sorted(seconds) and all(time < count / FPS for time in seconds)


def test_the_mouths_that_lost_most_sharpness_are_shown() -> None:
    count = 60
    track = drawn_track([drawn_mesh(51.0, (81.0, 66.0))])
    watch = ResultWatch(track, np.zeros(count, int), times(count))
    sharp = portrait()
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3)
    unlucky = [8, 9, 31, 32, 50]
    for i in range(count):
        watch.see(i, sharp, blurred if i in unlucky else sharp, patch_of(sharp))
    worst = [round(mouth.seconds * FPS) for mouth in watch.worst]
    chosen = [round(mouth.seconds * FPS) for mouth in watch.mouths]
    assert set(unlucky) <= {*worst, *chosen} and not set(worst) & set(chosen)
    assert set(unlucky) & set(worst)
    assert watch.worst[0].mask.max() == 255 and watch.worst[0].mask.min() == 0


@pytest.mark.parametrize("centre", [(81.0, 66.0), (-300.0, 10.0), (150.0, 170.0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mouths_picture_is_always_of_one_size(centre: tuple[float, float], dtype: type[np.generic]) -> None:
    crop = mouth_crop(portrait().astype(dtype), drawn_mesh(51.0, centre))
    assert crop.shape == (check.SHEET_SIDE, check.SHEET_SIDE, 3) and crop.dtype == np.uint8


# Measures


def voice(count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.convolve(random.uniform(0, 1, count + 4), np.ones(5) / 5, "valid")


@pytest.mark.parametrize("lag", [-LAGS, -3, -1, 0, 1, 5, LAGS])
def test_the_lag_is_below_zero_where_the_mouth_leads(lag: int) -> None:
    loudness = voice(200)
    opening = np.roll(loudness, lag)  # the mouth shows at i + lag what is heard at i
    found = best_lag(0.1 * opening + 0.02, loudness, np.ones(200, bool))
    assert found is not None
    assert found[0] == lag and found[1] > 0.95


def test_frames_that_dont_count_may_hold_anything() -> None:
    loudness = voice(200)
    opening = loudness.copy()
    opening[50:90] = np.nan
    assert best_lag(opening, loudness, np.isfinite(opening)) == (0, pytest.approx(1))


@pytest.mark.parametrize(
    ("opening", "loudness", "count"),
    [
        (voice(100), np.zeros(100), 100),
        (np.full(100, 0.1), voice(100), 100),
        (voice(FEWEST - 1), voice(FEWEST - 1), FEWEST - 1),
        (voice(100), voice(100), 10),
    ],
    ids=["silence", "a mouth that doesn't move", "too few frames", "too few that count"],
)
def test_without_anything_to_compare_there_is_no_lag(
    opening: np.ndarray, loudness: np.ndarray, count: int
) -> None:
    assert best_lag(opening, loudness, np.arange(len(opening)) < count) is None


@pytest.mark.parametrize(("error", "decibels"), [(1.0, 0), (0.01, 20), (1e-6, 60), (0.0, 100)])
def test_noise_is_told_in_decibels(error: float, decibels: float) -> None:
    assert psnr(error) == pytest.approx(decibels)


def test_a_trembling_mouth_flickers_and_a_still_one_doesnt(
    track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    still, moving, trembling = MouthWatch(), MouthWatch(), MouthWatch()
    assert still.flicker == [] and still.sharpness == []
    for i in range(COUNT):
        still.see(pictures[0], track.mesh[0].numpy())
        moving.see(pictures[i], track.mesh[i].numpy())
        trembling.see(np.roll(pictures[0], 2 * (i % 2), axis=0), track.mesh[0].numpy())
    assert not any(still.flicker)
    assert 0 < np.mean(moving.flicker) < np.mean(trembling.flicker)
    assert len(still.opening) == COUNT
