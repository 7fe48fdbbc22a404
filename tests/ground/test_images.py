"""Layouts and sizes of pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.images import (
    bgr,
    eight_bit,
    resize,
    shrink,
    smooth_step,
    to_images,
    to_input,
    to_network,
    white_of,
)


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_a_networks_layout_is_planes_and_there_is_a_way_back() -> None:
    images = pictures(2, 5, 7, 3)
    x = to_network(images)
    assert x.shape == (2, 3, 5, 7) and x.is_contiguous()
    assert torch.equal(x[1, 2], images[1, :, :, 2])
    assert torch.equal(to_images(x), images) and to_images(x).is_contiguous()


def test_swapping_red_and_blue_leaves_green() -> None:
    x = pictures(2, 3, 4, 5)
    swapped = bgr(x)
    assert torch.equal(swapped[:, 0], x[:, 2]) and torch.equal(swapped[:, 1], x[:, 1])
    assert torch.equal(bgr(swapped), x)


@pytest.mark.parametrize("size", [(40, 60), (17, 23), (7, 90), (96, 96), (1, 1)])
def test_resizing_is_opencvs_bilinear(size: tuple[int, int]) -> None:
    images = pictures(2, 31, 47, 3)
    resized = resize(images, size)
    for i in range(2):
        expected = cv2.resize(images[i].numpy(), size[::-1], interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(resized[i].numpy(), expected, atol=1e-5)


def test_one_number_is_the_side_of_a_square_and_the_same_size_is_no_work() -> None:
    images = pictures(1, 9, 12, 3)
    assert torch.equal(resize(images, 6), resize(images, (6, 6)))
    assert resize(images, (9, 12)) is images


def test_masks_are_resized_like_pictures() -> None:
    masks = pictures(2, 9, 12)
    assert torch.equal(resize(masks, (5, 20)), resize(masks[..., None], (5, 20))[..., 0])


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_averaging_lets_no_pixel_go_unseen(factor: int) -> None:
    images = torch.zeros(1, 12 * factor, 12 * factor, 1)
    images[:, ::factor, ::factor] = 1  # one in each block
    plain, averaged = resize(images, 12), resize(images, 12, average=True)
    middle = (slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(
        averaged[middle].mean(), torch.tensor(1 / factor**2), atol=2e-2 / factor, rtol=0
    )
    assert (averaged[middle] > 0).all()
    assert set(plain.unique().tolist()) <= {0.0, 0.25, 1.0}  # it saw all of them, or none


def test_averaging_changes_nothing_where_little_is_lost() -> None:
    images = pictures(1, 30, 30, 3)
    assert torch.equal(resize(images, (16, 20), average=True), resize(images, (16, 20)))


# Whole numbers


def test_every_eight_bit_value_comes_back_from_sixteen_bit() -> None:
    values = np.arange(256, dtype=np.uint8)
    deep = values.astype(np.uint16) * 257
    np.testing.assert_array_equal(eight_bit(deep), values)
    np.testing.assert_array_equal(eight_bit(deep + 256 * (values < 255)), values)  # up to the next one
    assert eight_bit(values) is values


def test_there_is_one_way_from_sixteen_to_eight_bit(root: Path) -> None:
    modules = [path for room in ("retalk_core", "nodes", "models") for path in (root / room).rglob("*.py")]
    others = [
        path.name
        for path in modules
        if any(way in path.read_text("utf-8") for way in ("// 257", ">> 8", "// 256"))
    ]
    assert others == ["images.py"]


def test_white_is_the_largest_whole_number_or_one() -> None:
    assert [white_of(np.zeros(1, kind)) for kind in (np.uint8, np.uint16, np.float32)] == [255, 65535, 1]


def test_a_picture_becomes_planes_from_zero_to_one() -> None:
    picture = np.array([[[0, 51, 255], [102, 0, 0]]], np.uint8)
    given = to_input(picture)
    assert given.shape == (1, 3, 1, 2) and given.dtype == torch.float32
    torch.testing.assert_close(given[0, :, 0, 0], torch.tensor([0, 0.2, 1]))


# Smaller, and softer


def test_a_picture_is_shrunk_by_the_mean_of_its_pixels_and_never_enlarged() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    small = shrink(picture, 1 / 3)
    assert small.shape == (20, 30, 3)
    blocks = picture.reshape(20, 3, 30, 3, 3).mean(axis=(1, 3))
    assert np.abs(small - blocks).max() <= 0.51
    assert shrink(picture, 1.5) is picture
    assert shrink(picture, 1e-6).shape == (1, 1, 3)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_smooth_step_is_level_at_its_ends_and_the_same_on_tensors_and_arrays(kind: type) -> None:
    x = np.linspace(-1, 2, 301).astype(kind)
    y = smooth_step(x)
    assert (y[x <= 0] == 0).all() and (y[x >= 1] == 1).all() and y[150] == 0.5
    assert (np.diff(y) >= 0).all() and np.abs(np.diff(y)).max() < 0.016
    assert y.dtype == kind
    np.testing.assert_array_equal(smooth_step(torch.from_numpy(x)).numpy(), y)
    assert smooth_step(np.array([np.inf])) == 1
