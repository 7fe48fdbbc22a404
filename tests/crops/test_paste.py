"""Crops come back where they came from, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from crop_scenes import AFFINES, FRAME, WHITE, crops_of, disc, pasted, scene, slope, supported, whole
from retalk_nodes.retalk_core.crops.cut import crop_faces, cut_crop
from retalk_nodes.retalk_core.crops.framing import (
    SIDES,
    frame_faces,
)
from retalk_nodes.retalk_core.crops.paste import Layer, paste_back, paste_crop
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.types import FaceCrops, FaceTrack
from scenes import deepened, drawn_mesh, drawn_track, portrait

# Pasting: what is put back


def tracked(place: tuple[float, float], frame: tuple[int, int], size: float, roll: float = 0) -> FaceTrack:
    return drawn_track([drawn_mesh(size, place, (3, 8, roll))] * 2, frame)


@pytest.mark.parametrize("framing", SIDES)
@pytest.mark.parametrize("dtype", WHITE)
@pytest.mark.parametrize(
    ("place", "size", "roll"),
    [
        ((190, 150), 50, 0),
        ((190, 150), 120, 0),
        ((190, 150), 50, 35),
        ((15, 150), 50, 0),  # at the left edge
        ((345, 255), 60, -20),  # partly outside, at the right bottom
    ],
)
def test_what_was_cut_out_and_put_back_is_the_frame(
    framing: str, dtype: type[np.generic], place: tuple[float, float], size: float, roll: float
) -> None:
    frame = scene(303, 381, dtype)
    affine = frame_faces(tracked(place, (303, 381), size, roll), framing).frame_to_crop[1]
    crop = cut_crop(frame, affine, SIDES[framing])
    patch = paste_crop(frame, [Layer(crop, affine, np.ones((50, 50), np.float32))])
    result = pasted(frame, patch)
    assert result.dtype == frame.dtype and patch.support.sum() > 1000
    off = np.abs(result.astype(float) - frame)[supported(patch, frame)] / WHITE[dtype] * 255
    assert off.mean() < 0.6 and off.max() < 8


def test_a_real_face_survives_the_way_there_and_back() -> None:
    frame = portrait(240)
    track = tracked((120, 105), (240, 240), 55)
    crops = frame_faces(track, "ffhq")
    crop = cut_crop(frame, crops.frame_to_crop[0], 512)
    result = pasted(frame, paste_crop(frame, [Layer(crop, crops.frame_to_crop[0], disc(512))]))
    off = np.abs(result.astype(float) - frame)
    assert off.mean() < 0.5 and np.sqrt((off**2).mean()) < 2


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("side", [24, 64, 301])
def test_a_layer_lands_where_its_crop_was_cut(name: str, side: int) -> None:
    """A crop that shows its own places as colours is compared with the affine, pixel by pixel."""
    frame = np.zeros((*FRAME, 3), np.float32)
    patch = paste_crop(
        frame, [Layer(slope(side, side), AFFINES[name], np.ones((side, side), np.float32))], levels=1
    )
    y, x = np.mgrid[: FRAME[0], : FRAME[1]] + 0.5
    affine = AFFINES[name]
    at = np.stack([x, y], axis=-1) @ affine[:, :2].T + affine[:, 2]
    deep = np.minimum(at, 1 - at).min(axis=-1) > 0.12
    assert deep.sum() > 1000
    np.testing.assert_allclose(pasted(frame, patch)[deep][:, :2], at[deep], atol=0.06 / side + 1e-4)


# Pasting: what is left alone


@pytest.mark.parametrize("dtype", WHITE)
@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("levels", [None, 1, 9])
def test_outside_the_support_every_pixel_is_the_frames(
    name: str, dtype: type[np.generic], levels: int | None
) -> None:
    frame = scene(*FRAME, dtype, softness=0.4)
    before = frame.copy()
    layers = [
        Layer(np.random.default_rng(i).random((40, 40, 3)).astype(np.float32), AFFINES[name], disc(40, r))
        for i, r in enumerate((0.4, 0.2))
    ]
    patch = paste_crop(frame, layers, levels=levels, colour_match=1.0)
    np.testing.assert_array_equal(frame, before)
    result, support = pasted(frame, patch), supported(patch, frame)
    np.testing.assert_array_equal(result[~support], frame[~support])
    assert (result != frame).any(axis=2).sum() > 500
    y, x = np.mgrid[: FRAME[0], : FRAME[1]] + 0.5
    at = np.stack([x, y], axis=-1) @ AFFINES[name][:, :2].T + AFFINES[name][:, 2]
    assert (
        np.hypot(*(at[support] - 0.5).T) < 0.4 + 1.5 / 40
    ).all()  # the larger disc, and a pixel of its mask


def test_a_patch_is_no_larger_than_it_need_be() -> None:
    frame = scene(900, 1200)
    affine = np.array([[1 / 100, 0, -5.0], [0, 1 / 100, -4.0]])  # x from 500, y from 400
    box = paste_crop(frame, [Layer(np.ones((96, 96, 3), np.float32), affine, disc(96))]).box
    assert 500 - 64 < box.left < 520 and 580 < box.right < 600 + 64
    assert 400 - 64 < box.top < 420 and 480 < box.bottom < 500 + 64


@pytest.mark.parametrize(
    "layer",
    [
        Layer(np.ones((8, 8, 3), np.float32), AFFINES["upright"], np.zeros((8, 8), np.float32)),
        Layer(np.ones((8, 8, 3), np.float32), AFFINES["upright"], np.ones((8, 8), np.float32), weight=0.0),
        Layer(
            np.ones((8, 8, 3), np.float32),
            np.array([[1 / 90, 0, 40.0], [0, 1 / 90, 0]]),  # far to the left of the frame
            np.ones((8, 8), np.float32),
        ),
        Layer(
            np.ones((8, 8, 3), np.float32),
            np.array([[1 / 90, 0, 0], [0, 1 / 90, -40.0]]),  # far below
            np.ones((8, 8), np.float32),
        ),
    ],
    ids=["empty mask", "no weight", "left of the frame", "below the frame"],
)
def test_a_layer_that_does_not_show_changes_nothing(layer: Layer) -> None:
    frame = scene(*FRAME)
    for layers in ([layer], [], [layer, layer]):
        patch = paste_crop(frame, layers)
        assert not patch.support.any()
        np.testing.assert_array_equal(pasted(frame, patch), frame)


def test_what_is_protected_stays_to_the_bit() -> None:
    frame = scene(*FRAME, np.uint16)
    protect = np.zeros(FRAME, np.float32)
    protect[:, 110:] = 1
    layer = Layer(np.ones((32, 32, 3), np.float32), AFFINES["upright"], np.ones((32, 32), np.float32))
    result = pasted(frame, paste_crop(frame, [layer], protect=protect, levels=1))
    np.testing.assert_array_equal(result[:, 110:], frame[:, 110:])
    assert (result[60:100, 70:100] == 65535).all()
    whole_protected = paste_crop(frame, [layer], protect=np.ones(FRAME, np.float32))
    assert not whole_protected.support.any()


# Pasting: how it shows


@pytest.mark.parametrize("weight", [0.25, 0.6, 1.0])
def test_the_weight_says_how_far_a_layer_shows(weight: float) -> None:
    frame = np.full((*FRAME, 3), 0.2, np.float32)
    layer = Layer(
        np.full((32, 32, 3), 0.8, np.float32), AFFINES["upright"], np.ones((32, 32), np.float32), weight
    )
    result = pasted(frame, paste_crop(frame, [layer]))
    np.testing.assert_allclose(result[81, 108], 0.2 + 0.6 * weight, atol=1e-3)  # in the middle of the crop


def test_later_layers_lie_on_top_of_earlier_ones() -> None:
    frame = np.zeros((*FRAME, 3), np.uint8)
    red, green = np.zeros((2, 32, 32, 3), np.float32)
    red[..., 0] = green[..., 1] = 1
    below = Layer(red, AFFINES["upright"], np.ones((32, 32), np.float32))
    above = Layer(green, AFFINES["upright"], disc(64, 0.2))
    result = pasted(frame, paste_crop(frame, [below, above], levels=2))
    assert result[81, 108].tolist() == [0, 255, 0] and result[50, 78].tolist() == [255, 0, 0]


@pytest.mark.parametrize("zoom", [3.0, 5.0])
def test_enlarging_does_not_ring_beyond_black_and_white(zoom: float) -> None:
    board = ((np.mgrid[:24, :24] // 4).sum(axis=0) % 2).astype(np.float32)
    crop = np.repeat(board[..., None], 3, axis=2)
    side = int(24 * zoom)
    frame = np.full((side, side, 3), 0.5, np.float32)
    result = pasted(
        frame, paste_crop(frame, [Layer(crop, whole(side, side), np.ones((24, 24), np.float32))], levels=1)
    )
    assert result.min() >= 0 and result.max() <= 1
    middle = cv2.resize(board, (side, side), interpolation=cv2.INTER_NEAREST)
    flat = cv2.erode(middle, np.ones((9, 9))) + cv2.erode(1 - middle, np.ones((9, 9))) > 0
    np.testing.assert_allclose(result[flat][:, 0], middle[flat], atol=0.12)


@pytest.mark.parametrize("shrink", [1.5, 2.0, 3.7])
def test_detail_finer_than_the_frames_pixels_is_averaged_and_does_not_alias(shrink: float) -> None:
    side = 240
    lines = np.repeat(((np.mgrid[:side, :side][1] % 2)[..., None]).astype(np.float32), 3, axis=2)
    small = round(side / shrink)
    frame = np.full((small, small, 3), 0.5, np.float32)
    patch = paste_crop(frame, [Layer(lines, whole(small, small), np.ones((4, 4), np.float32))], levels=1)
    assert np.abs(pasted(frame, patch) - 0.5).max() < {1.5: 0.3, 2.0: 0.06, 3.7: 0.01}[shrink]


def test_colour_match_brings_a_darker_layer_to_the_frames_brightness() -> None:
    frame = scene(*FRAME, np.float32) * 0.5 + 0.25
    crop = 0.85 * cut_crop(frame, AFFINES["upright"], 96)
    plain, matched = (
        pasted(frame, paste_crop(frame, [Layer(crop, AFFINES["upright"], disc(96))], colour_match=amount))
        for amount in (0.0, 1.0)
    )
    assert np.abs(matched - frame).mean() < 0.2 * np.abs(plain - frame).mean()


# A batch


def batch() -> tuple[torch.Tensor, torch.Tensor, FaceCrops, torch.Tensor]:
    """Frames, pictures to paste, crops of which one is absent and one half faded out, and a mask."""
    frames = torch.from_numpy(np.stack([scene(*FRAME, np.float32, softness=1 + i) for i in range(4)]))
    affines = [AFFINES["upright"], AFFINES["turned"], AFFINES["stretched"], AFFINES["upside down"]]
    crops = crops_of(affines, present=[True, True, False, True], weight=[1.0, 0.5, 1.0, 0.0])
    images = torch.rand(4, 48, 48, 3, generator=torch.Generator().manual_seed(0))
    return frames, images, crops, torch.from_numpy(disc(30))[None]


def test_a_batch_is_pasted_as_its_frames_are_one_by_one() -> None:
    frames, images, crops, mask = batch()
    protect = torch.zeros(1, *FRAME)
    protect[:, :60] = 1
    told: list[int] = []
    result = paste_back(
        frames,
        images,
        crops,
        mask,
        protect=protect,
        levels=3,
        colour_match=0.5,
        progress=lambda done, total: told.append(done),
    )
    for i in range(4):
        weight = float(crops.weight[i] * crops.present[i])
        layer = Layer(images[i].numpy(), crops.frame_to_crop[i], mask[0].numpy(), weight)
        frame = frames[i].numpy()
        patch = paste_crop(frame, [layer], protect=protect[0].numpy(), levels=3, colour_match=0.5)
        np.testing.assert_array_equal(result.images[i].numpy(), pasted(frame, patch))
        np.testing.assert_array_equal(result.support[i].numpy() > 0, supported(patch, frame))
    assert told == [1, 2, 3, 4]
    outside = result.support == 0
    assert torch.equal(result.images[outside], frames[outside])


def test_frames_without_a_face_or_weight_stay_to_the_bit() -> None:
    frames, images, crops, mask = batch()
    before = frames.clone()
    result = paste_back(frames, images, crops, mask)
    assert torch.equal(frames, before)
    changed = (result.images != frames).flatten(1).any(dim=1)
    assert changed.tolist() == [True, True, False, False]
    assert (result.support.flatten(1).amax(dim=1) > 0).tolist() == [True, True, False, False]


def test_a_batch_of_another_size_is_pasted_into_at_its_own() -> None:
    crops = crops_of([AFFINES["upright"]])
    large = torch.from_numpy(scene(2 * FRAME[0], 2 * FRAME[1], np.float32, softness=8))[None]
    result = paste_back(large, crop_faces(large, crops, 200), crops)
    assert result.images.shape == large.shape
    assert result.support.sum() == pytest.approx(180**2, rel=0.05)
    assert (result.images - large).abs().max() < 0.03


def test_masks_of_any_size_and_one_for_all_fit() -> None:
    frames, images, crops, _ = batch()
    crops = replace(crops, present=torch.ones(4, dtype=torch.bool), weight=torch.ones(4))
    one = paste_back(frames, images, crops, torch.ones(1, 7, 9), protect=torch.zeros(1, 5, 5))
    four = paste_back(frames, images, crops, torch.ones(4, 7, 9), protect=torch.zeros(4, 5, 5))
    none = paste_back(frames, images, crops)
    for other in (four, none):
        assert torch.equal(one.images, other.images) and torch.equal(one.support, other.support)


def test_numbers_that_do_not_match_are_refused_in_words() -> None:
    frames, images, crops, mask = batch()
    with pytest.raises(InputError, match="3 frames, but"):
        paste_back(frames[:3], images, crops)
    with pytest.raises(InputError, match="1 pictures to paste, but"):
        paste_back(frames, images[:1], crops)
    with pytest.raises(InputError, match="2 masks, but"):
        paste_back(frames, images, crops, mask.expand(2, -1, -1))
    with pytest.raises(InputError, match="2 masks that protect, but"):
        paste_back(frames, images, crops, mask, protect=torch.zeros(2, 4, 4))


def test_sixteen_bit_frames_keep_what_eight_bits_cannot_hold() -> None:
    frame = deepened([scene(*FRAME, softness=4)])[0]
    crop = cut_crop(frame, AFFINES["upright"], 90)
    patch = paste_crop(frame, [Layer(crop, AFFINES["upright"], disc(90))])
    inside = patch.pixels[patch.support]
    assert (inside % 257 != 0).mean() > 0.9
