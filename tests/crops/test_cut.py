"""Crops are sampled where they should be, and brought to other framings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from crop_scenes import AFFINES, FRAME, WHITE, Recording, crops_of, places, scene, slope, whole
from retalk_nodes.retalk_core.crops.affine import at_size, take_rows
from retalk_nodes.retalk_core.crops.cut import COVER_EDGE, crop_faces, cut_crop, reframe
from retalk_nodes.retalk_core.crops.framing import (
    FFHQ_POINTS,
    GPEN_POINTS,
    fit_similarity,
)
from retalk_nodes.retalk_core.errors import InputError

# Cutting


@pytest.mark.parametrize("dtype", WHITE)
@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("side", [31, 96, 200])
def test_a_crop_shows_what_lies_at_its_pixels_centres(name: str, side: int, dtype: type[np.generic]) -> None:
    frame = slope(*FRAME, dtype)
    wanted = places(AFFINES[name], side)
    inside = ((wanted > 4) & (wanted < np.array(FRAME[::-1]) - 4)).all(axis=-1)
    crop = cut_crop(frame, AFFINES[name], side)
    assert crop.shape == (side, side, 3) and crop.dtype == np.float32 and inside.mean() > 0.5
    expected = wanted / FRAME[::-1]
    assert np.abs(crop[..., :2] - expected)[inside].max() < 1 / 2 / 181 / 16 + 0.6 / WHITE[dtype] * (
        dtype != np.float32
    )


@pytest.mark.parametrize("dtype", WHITE)
def test_a_crop_of_the_whole_frame_at_its_size_is_the_frame(dtype: type[np.generic]) -> None:
    frame = scene(64, 64, dtype, softness=0.5)
    crop = cut_crop(frame, whole(64, 64), 64)
    np.testing.assert_allclose(crop, frame.astype(np.float64) / WHITE[dtype], atol=1e-7)


@pytest.mark.parametrize("size", [(64, 64), (50, 61), (33, 120)])
def test_a_crop_is_what_opencv_makes_of_a_cut_and_resized_frame(size: tuple[int, int]) -> None:
    frame = scene(*size, softness=0.7)
    crop = cut_crop(frame, whole(*size), 64)
    resized = cv2.resize(frame.astype(np.float32) / 255, (64, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(crop, resized, atol=1e-5)


def test_pixels_are_averaged_where_two_or_more_become_one() -> None:
    frame = scene(96, 128, softness=0.3)
    blocks = frame.reshape(32, 3, 32, 4, 3).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(cut_crop(frame, whole(96, 128), 32), blocks, atol=1e-5)


@pytest.mark.parametrize("shift", [0, 1, 5])
def test_blocks_stay_where_they_are_when_the_crop_moves(shift: int) -> None:
    """Of a fine pattern an averaged crop shows the same grey wherever it is cut."""
    y, x = np.mgrid[:200, :200]
    frame = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    affine = np.array([[1 / 100, 0, -(20 + shift) / 100], [0, 1 / 100, -0.33]])
    np.testing.assert_allclose(cut_crop(frame, affine, 25), 0.5, atol=1e-6)


@pytest.mark.parametrize("side", [16, 40, 128])
@pytest.mark.parametrize("shift", [(-0.5, 0.0), (0.5, 0.5), (0.0, -0.6)])
def test_beyond_the_frame_its_edge_is_repeated(side: int, shift: tuple[float, float]) -> None:
    frame = slope(80, 80)
    affine = whole(80, 80) - np.array([[0, 0, shift[0]], [0, 0, shift[1]]])
    expected = (places(affine, side) / 80).clip(0.5 / 80, 1 - 0.5 / 80)
    # At the frame's edge blocks of averaged pixels end half a block inside it.
    np.testing.assert_allclose(
        cut_crop(frame, affine, side)[..., :2], expected, atol=1e-5 + 0.5 / side * (side < 41)
    )


@pytest.mark.parametrize("side", [8, 100])
@pytest.mark.parametrize("place", [-900.0, 900.0])
def test_a_crop_far_outside_the_frame_shows_its_nearest_corner(side: int, place: float) -> None:
    frame = scene(61, 47)
    affine = np.array([[1 / 40, 0, -place / 40], [0, 1 / 40, -place / 40]])
    corner = frame[0, 0] if place < 0 else frame[-1, -1]
    crop = cut_crop(frame, affine, side)
    np.testing.assert_allclose(crop, np.broadcast_to(corner / 255, crop.shape), atol=0.05)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
def test_tiny_frames_can_be_cut(size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 51, np.uint8)
    for affine in AFFINES.values():
        np.testing.assert_allclose(cut_crop(frame, affine, 12), 0.2, atol=1e-6)


@pytest.mark.parametrize("name", ["facexlib_paste", "enhancer_pass"])
def test_a_crop_is_the_one_that_the_original_cut(recording: Recording, name: str) -> None:
    recorded = recording(name)
    template, key = {
        "facexlib_paste": (FFHQ_POINTS, "cropped_stride2"),
        "enhancer_pass": (GPEN_POINTS, "warped_512_stride2"),
    }[name]
    # The recordings count pixels from their centres, in the frame and in the template.
    affine = fit_similarity(recorded["five"][None] + 0.5, (template + 0.5) / 512)[0]
    crop = 255 * cut_crop(recorded["frame"], affine, 512)[::2, ::2]
    place = places(affine, 512)[::2, ::2]
    inside = ((place > 1) & (place < np.array(recorded["frame"].shape[1::-1]) - 1)).all(axis=-1)
    off = np.abs(crop - recorded[key])[inside]
    assert off.mean() < 0.2 and off.max() < 6  # OpenCV 4 rounds where it samples to 1/32 of a pixel


def test_a_batch_of_another_size_gives_the_same_crops() -> None:
    crops = crops_of([AFFINES["upright"], AFFINES["turned"]])
    own = crop_faces(torch.from_numpy(slope(*FRAME)).expand(2, -1, -1, -1), crops, 64)
    other = crop_faces(torch.from_numpy(slope(250, 400)).expand(2, -1, -1, -1), crops, 64)
    inside = np.stack([((p > 4) & (p < np.array(FRAME[::-1]) - 4)).all(-1) for p in
                       (places(a, 64) for a in (AFFINES["upright"], AFFINES["turned"]))])  # fmt: skip
    assert (own - other)[torch.from_numpy(inside)].abs().max() < 1e-3
    assert at_size(crops, FRAME) is crops


def test_crop_faces_takes_the_framings_side_and_tells_how_far_it_is() -> None:
    told: list[tuple[int, int | None]] = []
    frames = torch.from_numpy(slope(*FRAME)).expand(2, -1, -1, -1)
    crops = crops_of([AFFINES["upright"]] * 2, framing="ffhq")
    cut = crop_faces(frames, crops, progress=lambda done, total: told.append((done, total)))
    assert cut.shape == (2, 512, 512, 3) and told == [(1, 2), (2, 2)]
    np.testing.assert_array_equal(cut[0].numpy(), cut_crop(slope(*FRAME), crops.frame_to_crop[0], 512))


# Reframing


@pytest.mark.parametrize("target", ["stretched", "turned", "upside down"])
def test_a_reframed_crop_is_the_crop_in_the_other_framing(target: str) -> None:
    frame = slope(*FRAME)
    source, aim = AFFINES["upright"], AFFINES[target]
    held = torch.from_numpy(cut_crop(frame, source, 128))[None]
    images, covered = reframe(held, crops_of([source]), crops_of([aim]), side=90)
    place = places(aim, 90)
    at = place @ source[:, :2].T + source[:, 2]  # in the source's unit square
    depth = np.minimum(at, 1 - at).min(axis=-1)
    sure = (depth > COVER_EDGE) & ((place > 4) & (place < np.array(FRAME[::-1]) - 4)).all(axis=-1)
    assert sure.mean() > 0.2 and (depth < 0).mean() > 0.05
    np.testing.assert_allclose(images[0].numpy()[sure][:, :2], (place / FRAME[::-1])[sure], atol=2e-3)
    np.testing.assert_allclose(covered[0].numpy(), (depth / COVER_EDGE).clip(0, 1), atol=1e-4)


def test_beyond_the_source_the_base_shows() -> None:
    source, aim = crops_of([AFFINES["upright"]]), crops_of([AFFINES["turned"]])
    white, base = torch.ones(1, 64, 64, 3), torch.rand(1, 80, 80, 3)
    images, covered = reframe(white, source, aim, side=80, base=base)
    expected = base + covered[..., None] * (1 - base)
    torch.testing.assert_close(images, expected)
    assert torch.equal(images[covered == 0], base[covered == 0]) and (covered == 0).any()


def test_reframing_to_the_same_framing_changes_nothing_but_the_size() -> None:
    crops = crops_of([AFFINES["turned"]])
    images = torch.rand(1, 48, 48, 3)
    same, covered = reframe(images, crops, crops, side=48)
    torch.testing.assert_close(same, images, atol=2e-5, rtol=0)
    assert covered[0, 24, 24] == 1
    small, _ = reframe(images, crops, crops, side=24)
    blocks = images.reshape(1, 24, 2, 24, 2, 3).mean(dim=(2, 4))
    torch.testing.assert_close(small, blocks, atol=2e-2, rtol=0)
    assert (small - blocks).abs().mean() < 1e-4


def test_reframing_knows_that_both_clips_may_have_other_sizes() -> None:
    frame, images = slope(*FRAME), torch.rand(1, 40, 40, 3)
    source, aim = crops_of([AFFINES["upright"]]), crops_of([AFFINES["stretched"]])
    expected = reframe(images, source, aim, side=64)
    found = reframe(images, source, at_size(aim, (500, 900)), side=64)
    assert frame.shape[:2] == source.frame_size
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


def test_numbers_that_do_not_match_are_refused_in_words() -> None:
    crops, images = crops_of(list(AFFINES.values())), torch.zeros(4, 48, 48, 3)
    with pytest.raises(InputError, match="3 pictures, but the face crops are those of 4 frames"):
        crop_faces(torch.zeros(3, *FRAME, 3), crops)
    with pytest.raises(InputError, match="2 crops in the other framing, but"):
        reframe(images, crops, take_rows(crops, [0, 1]))
    with pytest.raises(InputError, match="1 pictures below, but"):
        reframe(images, crops, crops, base=torch.zeros(1, 256, 256, 3))
