"""Boxes in a frame, and pixels to put there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..boxes import Box
from ..types import Pixels


def box_around(points: np.ndarray, frame_size: tuple[int, int], margin: float = 2) -> Box:
    """The smallest box around points (N, 2) with a margin, inside the frame; at least one pixel."""
    height, width = frame_size
    low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin)
    left, top = int(np.clip(low[0], 0, width - 1)), int(np.clip(low[1], 0, height - 1))
    return Box(left, top, int(np.clip(high[0], left + 1, width)), int(np.clip(high[1], top + 1, height)))


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels to put into a frame."""

    box: Box
    pixels: np.ndarray  # (h, w, 3) as in the frame
    support: np.ndarray  # (h, w) bool; elsewhere the frame stays as it is, bit for bit


def paste_patch(frame: np.ndarray, patch: Patch) -> None:
    """Write a patch into a frame (H, W, 3), in place; pixels outside its support stay exact."""
    np.copyto(frame[patch.box.slices], patch.pixels, where=patch.support[..., None])


def spare(patch: Patch, frame: Pixels, protect: np.ndarray, index: int) -> Patch | None:
    """Take back what a patch does to protected pixels of its frame (H, W, 3).

    protect: (H, W) or (T, H, W) in [0, 1], of any size: 1 where the frame stays as it is; soft in between
    index:   of the frame in the clip, for a mask of several pictures; the last one serves those beyond
    returns: None where nothing is left of the patch
    """
    picture = protect if protect.ndim == 2 else protect[min(index, len(protect) - 1)]
    height, width = frame.shape[:2]
    if picture.shape != (height, width):
        picture = cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return spare_part(patch, frame, picture[patch.box.slices])


def spare_part(patch: Patch, frame: Pixels, kept: np.ndarray) -> Patch | None:
    """`spare`, given only the part (h, w) of the mask that lies in the patch's box."""
    kept = kept.astype(np.float32).clip(0, 1)
    support = patch.support & (kept < 1)
    if not support.any():
        return None
    under = frame[patch.box.slices].astype(np.float32)
    mixed = patch.pixels + kept[..., None] * (under - patch.pixels)
    return Patch(patch.box, np.rint(mixed).astype(frame.dtype), support)
