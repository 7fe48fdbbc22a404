"""Affines between frames and crops, and what cutting and pasting both need of them.

An affine (2, 3) takes frame pixels to the unit square. Pixel i's centre is i + 0.5, in frames and in crops;
OpenCV puts it at i, which only `warp` knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..boxes import Box
from ..errors import InputError
from ..types import FaceCrops

UNIT_CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])  # (4, 2) clockwise


def take_rows(crops: FaceCrops, rows: Sequence[int] | np.ndarray) -> FaceCrops:
    """The crops of some frames, in the order given."""
    chosen = torch.as_tensor(np.asarray(rows, np.int64))
    return replace(
        crops,
        frame_to_crop=crops.frame_to_crop[chosen],
        present=crops.present[chosen],
        weight=crops.weight[chosen],
        outline=None if crops.outline is None else crops.outline[chosen],
    )


def at_size(crops: FaceCrops, frame_size: tuple[int, int]) -> FaceCrops:
    """The same crops of frames that were resized to another height and width."""
    if frame_size == crops.frame_size:
        return crops
    scale = [had / has for had, has in zip(crops.frame_size[::-1], frame_size[::-1], strict=True)]
    affines = crops.frame_to_crop * torch.tensor([*scale, 1.0])
    return replace(crops, frame_to_crop=affines, frame_size=frame_size)


def crop_corners(affine: np.ndarray | Tensor) -> np.ndarray:
    """Where a crop's corners (4, 2) lie in its frame, for an affine (2, 3) from there to the unit square."""
    return apply_affine(invert(affine), UNIT_CORNERS)


def warp(picture: np.ndarray, to_source: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """Sample a picture (H, W) or (H, W, C) at another's pixels; `to_source` takes those to the first."""
    shift = to_source[:, 2] + to_source[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV has pixel i's centre at i
    matrix = np.column_stack([to_source[:, :2], shift])
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def invert(affine: np.ndarray | Tensor) -> np.ndarray:
    """The affine (2, 3) the other way, in float64."""
    matrix = np.asarray(affine, np.float64)
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(outer: np.ndarray | Tensor, inner: np.ndarray) -> np.ndarray:
    """The affine (2, 3) that does first what the inner does, then what the outer does."""
    matrix = np.asarray(outer, np.float64)
    return np.column_stack([matrix[:, :2] @ inner[:, :2], matrix[:, :2] @ inner[:, 2] + matrix[:, 2]])


def apply_affine(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where an affine (2, 3) takes points (n, 2)."""
    return points @ affine[:, :2].T + affine[:, 2]


def depth_inside(to_unit: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How deep in the unit square (h, w) the points of a grid lie, x (w,) and y (h,); negative beyond it."""
    u, v = (row[0] * x + row[1] * y[:, None] + row[2] for row in to_unit)
    return np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))


def box_corners(box: Box) -> list[tuple[int, int]]:
    """A box's left top and right bottom, each x and y."""
    return [(box.left, box.top), (box.right, box.bottom)]


def as_array(image: Tensor) -> np.ndarray:
    """A picture or mask of any shape and on any device as float32 for OpenCV."""
    return np.ascontiguousarray(image.detach().cpu().float().numpy())


def image_size(images: Tensor) -> tuple[int, int]:
    """Height and width of images (T, H, W, ...)."""
    return images.shape[1], images.shape[2]


def check_count(what: str, count: int, crops: FaceCrops) -> None:
    """Raise InputError unless there are as many of something as crops."""
    if count != len(crops):
        raise InputError(
            f"There are {count} {what}, but the face crops are those of {len(crops)} frames. Give as many: "
            "both must come from the same clip, at the same length."
        )
