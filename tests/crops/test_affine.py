"""Crops of other rows and of frames of another size; affines, there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crop_scenes import AFFINES, FRAME, crops_of
from retalk_nodes.retalk_core.crops.affine import (
    UNIT_CORNERS,
    apply_affine,
    at_size,
    compose,
    crop_corners,
    depth_inside,
    invert,
    take_rows,
)


def test_taking_rows_keeps_what_belongs_to_them() -> None:
    crops = crops_of(list(AFFINES.values()), present=[True, False, True, True], weight=[1.0, 0.0, 0.5, 0.2])
    taken = take_rows(crops, [3, 1, 1])
    assert torch.equal(taken.frame_to_crop, crops.frame_to_crop[[3, 1, 1]])
    assert taken.present.tolist() == [True, False, False]
    assert taken.weight.tolist() == pytest.approx([0.2, 0, 0])


def test_a_frame_of_another_size_has_its_crops_in_the_same_places() -> None:
    crops = crops_of(list(AFFINES.values()))
    larger = at_size(crops, (2 * FRAME[0], 3 * FRAME[1]))
    for own, other in zip(crops.frame_to_crop, larger.frame_to_crop, strict=True):
        np.testing.assert_allclose(crop_corners(own) * (3, 2), crop_corners(other), rtol=1e-4, atol=1e-3)
    assert at_size(crops, FRAME) is crops


@pytest.mark.parametrize("name", AFFINES)
def test_an_affine_and_its_inverse_undo_each_other(name: str) -> None:
    affine = AFFINES[name]
    corners = apply_affine(affine, crop_corners(affine))
    np.testing.assert_allclose(corners, UNIT_CORNERS, atol=1e-9)
    there_and_back = compose(affine, invert(affine))
    np.testing.assert_allclose(there_and_back, [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_the_inner_affine_comes_first() -> None:
    points = np.random.default_rng(0).uniform(0, 200, (5, 2))
    outer, inner = AFFINES["turned"], 90 * AFFINES["stretched"]
    expected = apply_affine(outer, apply_affine(inner, points))
    np.testing.assert_allclose(apply_affine(compose(outer, inner), points), expected)


def test_depth_is_counted_from_the_nearest_side() -> None:
    grid = np.array([-0.1, 0.0, 0.2, 0.5, 0.9])
    depth = depth_inside(np.array([[1.0, 0, 0], [0, 1.0, 0]]), grid, np.array([0.5]))
    np.testing.assert_allclose(depth[0], [-0.1, 0, 0.2, 0.5, 0.1])
