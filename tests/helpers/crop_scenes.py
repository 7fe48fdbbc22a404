"""Frames whose colours tell the place, crops of them, and masks to paste them under."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.types import FaceCrops

FRAME = (181, 263)  # odd on purpose
AFFINES = {
    "upright": np.array([[1 / 90, 0, -0.7], [0, 1 / 90, -0.4]]),
    "stretched": np.array([[1 / 70.3, 0, -0.71], [0, 1 / 121.7, -0.13]]),
    "turned": np.array([[0.008, 0.004, -0.9], [-0.004, 0.008, 0.31]]),
    "upside down": np.array([[-0.009, 0.001, 1.6], [-0.001, -0.009, 1.5]]),
}
WHITE = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
Recording = Callable[[str], dict[str, np.ndarray]]


def slope(height: int, width: int, dtype: type[np.generic] = np.float32) -> np.ndarray:
    """A picture (H, W, 3) whose value tells the place: x / W, y / H and their mean, by pixel centres."""
    y, x = (np.mgrid[:height, :width] + 0.5) / np.array([height, width])[:, None, None]
    picture = np.stack([x, y, (x + y) / 2], axis=-1)
    return (picture * WHITE[dtype]).round(0 if dtype != np.float32 else 9).astype(dtype)


def places(affine: np.ndarray, side: int) -> np.ndarray:
    """Where in the frame the centres (S, S, 2) of a crop's pixels lie."""
    v, u = (np.mgrid[:side, :side] + 0.5) / side
    inverse = np.linalg.inv(np.vstack([affine, (0, 0, 1)]))
    return np.einsum("ij,vuj->vui", inverse[:2], np.stack([u, v, np.ones_like(u)], axis=-1))


def whole(height: int, width: int) -> np.ndarray:
    """The affine whose crop is the frame."""
    return np.array([[1 / width, 0, 0], [0, 1 / height, 0]])


def crops_of(
    affines: np.ndarray | list[np.ndarray],
    frame_size: tuple[int, int] = FRAME,
    framing: str = "mouth",
    present: list[bool] | None = None,
    weight: list[float] | None = None,
) -> FaceCrops:
    count = len(affines)
    return FaceCrops(
        torch.from_numpy(np.stack(affines).astype(np.float32)),
        framing,
        torch.tensor(present or [True] * count),
        torch.tensor(weight or [1.0] * count),
        frame_size,
    )


def scene(height: int, width: int, dtype: type[np.generic] = np.uint8, softness: float = 6) -> np.ndarray:
    """Soft patches of colour (H, W, 3)."""
    noise = np.random.default_rng(5).random((height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), softness)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    return (soft * WHITE[dtype]).round(0 if dtype != np.float32 else 9).astype(dtype)


def disc(side: int, radius: float = 0.35) -> np.ndarray:
    """A soft mask (S, S) that is 0 near its border."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    return ((radius - np.hypot(x, y)) / 0.05).clip(0, 1).astype(np.float32)


def pasted(pixels: np.ndarray, patch: Patch) -> np.ndarray:
    result = pixels.copy()
    paste_patch(result, patch)
    return result


def supported(patch: Patch, pixels: np.ndarray) -> np.ndarray:
    """A patch's support (H, W) in its frame."""
    support = np.zeros(pixels.shape[:2], bool)
    support[patch.box.slices] = patch.support
    return support
