"""Crops are laid, cut and pasted as the programs did that other lips come from: their own recordings."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from crop_scenes import AFFINES, scene
from retalk_nodes.retalk_core.crops.framing import fit_similarity
from retalk_nodes.retalk_core.crops.originals import (
    HEAD_POINTS,
    HEAD_SIDE,
    align_head,
    cut_again,
    cut_plain,
    head_affines,
    head_points,
    mean_ahead,
    padded_boxes,
    paste_box,
    unit_of_head,
    whole_box,
)
from retalk_nodes.retalk_core.crops.patch import paste_patch
from retalk_nodes.retalk_core.crops.region import close_region, open_region
from retalk_nodes.retalk_core.stages.lips.lipgan import LIPGAN, pair_whole_first
from retalk_nodes.retalk_core.stages.lips.wav2lip import WAV2LIP, pair_small
from torch import Tensor

Recording = Callable[[str], dict[str, np.ndarray]]


def affine_of(box: np.ndarray) -> np.ndarray:
    """Of a box left, top, right, bottom."""
    scale = 1 / (box[2:] - box[:2])
    return np.column_stack([np.diag(scale), -box[:2] * scale])


def recorded_network(whole: Tensor, windows: Tensor) -> Tensor:
    """The recordings' stand-in: one minus a picture (T, 3, 96, 96), and a row that tells the speech."""
    drawn = 1 - whole
    drawn[:, :, 60] = (windows.mean(dim=(1, 2, 3)) / 8 + 0.5)[:, None, None]
    return drawn.flip(1).permute(0, 2, 3, 1)


def written(frame: np.ndarray, drawn: Tensor, box: np.ndarray, rounds: str) -> np.ndarray:
    """A frame (H, W, 3) with a face put in, by the steps that the engine takes."""
    affine = torch.from_numpy(affine_of(box).astype(np.float32))
    region = open_region(frame, [affine])
    region.put(drawn, affine, weight=1.0, rounds=rounds)
    patch = close_region(region, frame)
    result = frame.copy()
    assert patch is not None
    paste_patch(result, patch)
    left, top, right, bottom = box
    outside = np.ones(frame.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(result[outside], frame[outside])
    return result


# Wav2Lip


@pytest.mark.parametrize("count", [3, 12])
def test_wav2lips_boxes_are_the_recorded_ones(recording: Recording, count: int) -> None:
    recorded = recording("wav2lip_run")
    plain = padded_boxes(recorded[f"rects_{count}"].astype(float), recorded["frames_bgr"].shape[1:3])
    order = [1, 3, 0, 2]
    np.testing.assert_array_equal(plain[:, order], recorded[f"boxes_y1y2x1x2_{count}_plain"])
    np.testing.assert_array_equal(mean_ahead(plain)[:, order], recorded[f"boxes_y1y2x1x2_{count}_smooth"])


@pytest.mark.parametrize(
    ("name", "rate", "count"), [("25", Fraction(25), 27), ("29_97", Fraction(30000, 1001), 32)]
)
def test_wav2lip_hears_what_was_recorded_to_the_last_window(
    recording: Recording, name: str, rate: Fraction, count: int
) -> None:
    recorded = recording("wav2lip_run")
    heard = WAV2LIP.spectrogram(torch.from_numpy(recorded["wav_16k"]))
    windows = WAV2LIP.windows(heard, [i / rate for i in range(count)])
    np.testing.assert_allclose(windows, recorded[f"mel_windows_{name}"], atol=1e-5, rtol=0)


def test_frames_are_written_as_wav2lip_wrote_them(recording: Recording) -> None:
    recorded = recording("wav2lip_run")
    frames = recorded["frames_bgr"][..., ::-1].copy()
    boxes = padded_boxes(
        recorded["rects_x1y1x2y2"].astype(float), frames.shape[1:3]
    )  # unsmoothed in that run
    cut = [cut_plain(frame, affine_of(box), "wav2lip", 96) for frame, box in zip(frames, boxes, strict=True)]
    faces = torch.from_numpy(np.stack(cut))
    pairs = pair_small(faces, faces)
    np.testing.assert_array_equal(np.rint(255 * pairs.numpy()), recorded["faces_times255"])
    windows = torch.from_numpy(recorded["mel_windows_25"])
    for expected, item in zip(recorded["written_25"], (0, 2, 26), strict=True):
        shown = item % 3
        drawn = recorded_network(pairs[shown : shown + 1, 3:], windows[item : item + 1])[0]
        result = written(frames[shown], drawn, boxes[shown], WAV2LIP.wants.rounds)
        np.testing.assert_array_equal(result[..., ::-1], expected)


# LipGAN


def test_lipgan_hears_what_was_recorded_of_the_frames_that_have_a_face(recording: Recording) -> None:
    recorded = recording("lipgan_run")
    heard = LIPGAN.spectrogram(torch.from_numpy(recorded["wav_16k"]))
    # A frame without a face, the second of three, was left out together with its window.
    times = [Fraction(i, 25) for i in range(23) if i % 3 != int(recorded["no_face_in_frame"])]
    windows = LIPGAN.windows(heard, times)[: len(recorded["mel_windows"])]
    np.testing.assert_allclose(windows[:, 0], recorded["mel_windows"], atol=1e-5, rtol=0)


def test_frames_are_written_as_lipgan_wrote_them_within_one_level(recording: Recording) -> None:
    recorded = recording("lipgan_run")
    frames = recorded["frames_bgr"][..., ::-1].copy()
    boxes = padded_boxes(recorded["rects_x1y1x2y2"].astype(float), frames.shape[1:3], below=0)
    shown = [0, 2]  # in turn, since the second frame has no face
    cut = [cut_plain(frames[i], affine_of(boxes[i]), "lipgan", 96) for i in shown]
    faces = torch.from_numpy(np.stack(cut))
    pairs = pair_whole_first(faces, faces)
    np.testing.assert_array_equal(
        np.rint(255 * pairs.permute(0, 2, 3, 1).numpy()), recorded["faces_times255_nhwc"]
    )
    windows = torch.from_numpy(recorded["mel_windows"])[:, None]
    for expected, item in zip(recorded["written"], (0, 1, 14), strict=True):
        place = item % 2
        drawn = recorded_network(pairs[place : place + 1, :3], windows[item : item + 1])[0]
        result = written(frames[shown[place]], drawn, boxes[shown[place]], LIPGAN.wants.rounds)
        off = np.abs(result[..., ::-1].astype(int) - expected)
        assert off.max() <= 1 and (off > 0).mean() <= 0.01


# PC-AVS


def test_heads_are_aligned_as_recorded(recording: Recording) -> None:
    recorded = recording("pcavs_align")
    points = head_points(recorded["landmarks_68"])
    np.testing.assert_allclose(points, recorded["three_points"], atol=1e-12, rtol=0)
    fitted = fit_similarity(points.mean(axis=0)[None], HEAD_POINTS)[0]
    affines = head_affines(fitted, points[:, 2])
    np.testing.assert_allclose(affines, recorded["affines"], atol=1e-10, rtol=0)
    for frame, affine, expected in zip(
        recorded["frames_bgr"], affines, recorded["aligned_bgr_224"], strict=True
    ):
        np.testing.assert_array_equal(align_head(frame, affine), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_aligned_heads_keep_their_levels_and_are_black_beyond_the_frame(dtype: type[np.generic]) -> None:
    frame = scene(120, 160, dtype)
    still, aside = np.eye(2, 3), np.array([[1.0, 0, -40.5], [0, 1, 60]])
    aligned = align_head(frame, still)
    np.testing.assert_array_equal(aligned[:120, :160], frame)
    assert not aligned[120:].any() and not aligned[:, 160:].any()
    moved = align_head(frame, aside).astype(float)
    between = frame[:, 40:].astype(float)
    np.testing.assert_allclose(moved[60:180, :119], (between[:, :-1] + between[:, 1:]) / 2, atol=0.5)
    assert not moved[:60].any()


def test_heads_are_cut_once_more_as_recorded(recording: Recording) -> None:
    recorded = recording("pcavs_data")
    aligned, expected = recorded["aligned_bgr_224"][0], recorded["cropped_rgb_first"]
    cut = cut_again(aligned)[..., ::-1].transpose(2, 0, 1)
    np.testing.assert_array_equal(cut, expected)


def test_what_is_cut_through_our_affine_is_the_same(recording: Recording) -> None:
    recorded = recording("pcavs_align")
    for frame, affine, unit in zip(
        recorded["frames_bgr"], recorded["affines"], unit_of_head(recorded["affines"]), strict=True
    ):
        expected = cut_again(align_head(frame, affine))
        cut = 255 * cut_plain(frame, unit, "pcavs", HEAD_SIDE)
        assert np.abs(cut - expected).max() <= 1.01
        # Where a pixel of the cut lies in the frame, as the affine has it
        back = np.linalg.inv(np.vstack([unit, (0, 0, 1)]))[:2]
        aligned = np.array([16 + (100 + 0.5) * 192 / 224 - 0.5, (60 + 0.5) * 192 / 224 - 0.5, 1])
        whole = np.linalg.inv(np.vstack([affine, (0, 0, 1)])) @ aligned
        np.testing.assert_allclose(back @ [100.5 / 224, 60.5 / 224, 1] - 0.5, whole[:2], atol=1e-9)


# Whatever the frames


def test_a_mouth_that_moves_shifts_the_head_slowly() -> None:
    mouths = np.tile([112.0, 120.0], (6, 1))
    mouths[2:, 0] += 10
    still = np.eye(2, 3)
    shifts = head_affines(still, mouths)[:, 0, 2]
    np.testing.assert_allclose(shifts[:4], [0, 0, -8, -9.6])
    np.testing.assert_array_equal(
        head_affines(still, mouths, smooth=False)[:, 0, 2], [0, 0, -10, -10, -10, -10]
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_box_of_whole_pixels_is_put_in_whole_levels_of_its_frame(dtype: type[np.generic]) -> None:
    frame = scene(120, 160, dtype)
    box = np.array([31, 22, 97, 90])
    drawn = torch.rand(96, 96, 3, generator=torch.Generator().manual_seed(0))
    result = written(frame, drawn, box, "before")
    white = np.iinfo(dtype).max
    levels = np.trunc(drawn.numpy() * np.float32(white)).astype(dtype)
    np.testing.assert_array_equal(result[22:90, 31:97], cv2.resize(levels, (66, 68)))


@pytest.mark.parametrize("name", AFFINES)
def test_other_crops_are_put_where_their_square_lies(name: str) -> None:
    pixels = np.zeros((181, 263, 3), np.float32)
    crop = np.ones((64, 64, 3), np.float32)
    touched = paste_box(pixels, crop, AFFINES[name], white=255, rounds="before", weight=0.5)
    y, x = np.mgrid[:181, :263] + 0.5
    u, v = (AFFINES[name] @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])).reshape(2, 181, 263)
    depth = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
    np.testing.assert_array_equal(touched[np.abs(depth) > 1e-9], depth[np.abs(depth) > 1e-9] > 0)
    np.testing.assert_allclose(pixels, 0.5 * np.repeat(touched[..., None], 3, axis=2), atol=1e-6)


def test_only_boxes_of_whole_pixels_inside_the_frame_are_taken_for_such() -> None:
    box = np.array([31, 22, 97, 90])
    assert whole_box(affine_of(box).astype(np.float32), (120, 160)) == tuple(box)
    assert whole_box(affine_of(box + 0.4), (120, 160)) is None
    assert whole_box(affine_of(box), (120, 90)) is None
    assert whole_box(AFFINES["turned"], (181, 263)) is None
