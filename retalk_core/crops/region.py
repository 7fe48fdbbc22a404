"""The part of a frame that an edit is made in: in float, at the frame's own resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..boxes import Box
from ..images import white_of
from ..types import Pixels
from .affine import crop_corners
from .cut import cut_crop
from .originals import paste_box
from .paste import Layer, paste_crop
from .patch import Patch, box_around, paste_patch

MARGIN = 96  # pixels around the crops: more than a blend's pyramid reaches


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels that are being edited, in place, and where they may have changed."""

    box: Box
    pixels: np.ndarray  # (h, w, 3) float32 in [0, 1]
    support: np.ndarray  # (h, w) bool; elsewhere they are the frame's own
    white: float = 255.0  # levels of the frame

    def local(self, affine: Tensor) -> np.ndarray:
        """An affine (2, 3) from the whole frame as one from the region."""
        matrix = affine.numpy().astype(np.float64)
        return np.column_stack([matrix[:, :2], matrix[:, :2] @ self.box.corner + matrix[:, 2]])

    def cut(self, affine: Tensor, side: int) -> Tensor:
        """A crop (side, side, 3), given its affine from the whole frame."""
        return torch.from_numpy(cut_crop(self.pixels, self.local(affine), side))

    def paste(
        self, crop: Tensor, affine: Tensor, mask: Tensor, *, weight: float, colour_match: float
    ) -> None:
        """Blend a crop (S, S, 3) in under a mask (S, S), both in [0, 1]; the weight is how far it shows."""
        layer = Layer(crop.numpy(), self.local(affine), mask.numpy(), weight)
        patch = paste_crop(self.pixels, [layer], colour_match=colour_match)
        paste_patch(self.pixels, patch)
        self.support[patch.box.slices] |= patch.support

    def put(self, crop: Tensor, affine: Tensor, *, weight: float, rounds: str) -> None:
        """Put a whole crop (S, S, 3) in with a hard edge, in whole levels of the frame; see `paste_box`."""
        self.support[...] |= paste_box(
            self.pixels, crop.numpy(), self.local(affine), white=self.white, rounds=rounds, weight=weight
        )


def open_region(frame: Pixels, affines: Sequence[Tensor]) -> Region:
    """Take the part of a frame (H, W, 3) around crops, given their affines (2, 3) to the unit square."""
    corners = np.concatenate([crop_corners(affine) for affine in affines])
    box = box_around(corners, (frame.shape[0], frame.shape[1]), margin=MARGIN)
    white = white_of(frame)
    pixels = frame[box.slices].astype(np.float32) / white
    return Region(box, pixels, np.zeros(box.size, bool), float(white))


def close_region(region: Region, frame: Pixels) -> Patch | None:
    """What changed, in the frame's own numbers; None if nothing did."""
    if not region.support.any():
        return None
    rows = np.flatnonzero(region.support.any(axis=1))
    columns = np.flatnonzero(region.support.any(axis=0))
    inner = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    left, top = region.box.left, region.box.top
    box = Box(left + inner.left, top + inner.top, left + inner.right, top + inner.bottom)
    pixels = np.rint(region.pixels[inner.slices] * white_of(frame)).astype(frame.dtype)
    return Patch(box, pixels, region.support[inner.slices].copy())
