"""Layouts and sizes of pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.images import bgr, resize, to_images, to_network


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
