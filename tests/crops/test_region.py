"""The part of a frame that an edit is made in: whole, in float, and closed to a patch of what changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crop_scenes import AFFINES, FRAME, WHITE, disc, scene
from retalk_nodes.retalk_core.crops.cut import cut_crop
from retalk_nodes.retalk_core.crops.paste import Layer, paste_crop
from retalk_nodes.retalk_core.crops.patch import paste_patch
from retalk_nodes.retalk_core.crops.region import close_region, open_region

AFFINE = torch.from_numpy(AFFINES["turned"])


@pytest.mark.parametrize("dtype", WHITE)
def test_a_region_that_is_left_alone_leaves_no_patch(dtype: type[np.generic]) -> None:
    frame = scene(*FRAME, dtype)
    assert close_region(open_region(frame, [AFFINE]), frame) is None


def test_a_crop_of_a_region_is_the_crop_of_the_frame() -> None:
    frame = scene(900, 1200)
    affine = torch.tensor([[1 / 100, 0, -5.0], [0, 1 / 100, -4.0]], dtype=torch.float64)
    region = open_region(frame, [affine])
    assert region.pixels.shape[0] < 300 and region.pixels.shape[1] < 300
    np.testing.assert_allclose(region.cut(affine, 64).numpy(), cut_crop(frame, affine, 64), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_region_is_pasted_into_as_the_frame_is(dtype: type[np.generic]) -> None:
    frame = scene(*FRAME, dtype)
    crop, mask = torch.rand(48, 48, 3, generator=torch.Generator().manual_seed(0)), disc(48)
    region = open_region(frame, [AFFINE])
    region.paste(crop, AFFINE, torch.from_numpy(mask), weight=0.7, colour_match=1.0)
    patch = close_region(region, frame)
    assert patch is not None and patch.pixels.dtype == dtype and patch.support.any()

    expected, result = frame.copy(), frame.copy()
    paste_patch(expected, paste_crop(frame, [Layer(crop.numpy(), AFFINE, mask, 0.7)], colour_match=1.0))
    paste_patch(result, patch)
    assert np.abs(result.astype(int) - expected).max() <= 1
    untouched = np.ones(FRAME, bool)
    untouched[patch.box.slices] = ~patch.support
    np.testing.assert_array_equal(result[untouched], frame[untouched])


def test_between_two_edits_nothing_is_rounded() -> None:
    frame = scene(*FRAME)
    region = open_region(frame, [AFFINE])
    region.paste(
        torch.full((48, 48, 3), 0.3), AFFINE, torch.from_numpy(disc(48)), weight=0.5, colour_match=0.0
    )
    levels = region.pixels[region.support] * 255
    assert np.abs(levels - np.rint(levels)).max() > 0.2


def test_a_region_holds_all_of_its_crops() -> None:
    frame = scene(*FRAME)
    both = open_region(frame, [AFFINE, torch.from_numpy(AFFINES["upside down"])])
    one = open_region(frame, [AFFINE])
    assert both.box.left <= one.box.left and both.box.bottom >= one.box.bottom
