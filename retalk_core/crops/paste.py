"""Paste crops back into their frames, at the frames' own resolution.

An affine (2, 3) takes frame pixels to the unit square. Pixel i's centre is i + 0.5, in frames and in crops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..boxes import Box
from ..images import resize, white_of
from ..types import FaceCrops, Progress, silent
from .affine import (
    UNIT_CORNERS,
    apply_affine,
    as_array,
    at_size,
    box_corners,
    check_count,
    depth_inside,
    image_size,
    invert,
    warp,
)
from .blend import MOST_LEVELS, Blended, blend_picture
from .patch import Patch, box_around

LEAST_SHOWN = 1 / 512  # of a mask; what is less shows in no eight-bit picture
PREFILTER = 0.4  # pixels of the frame, a Gaussian's sigma: what a crop of finer pixels is softened by


@dataclass(frozen=True, eq=False)
class Layer:
    """One crop to paste into a frame."""

    image: np.ndarray  # (S, S, 3) float32 in [0, 1]
    affine: np.ndarray | Tensor  # (2, 3) frame pixels to the unit square
    mask: np.ndarray  # (S, S) float32 in [0, 1], of any size: where it shows
    weight: float = 1.0  # 0..1, how far it shows


def paste_crop(
    pixels: np.ndarray,
    layers: Sequence[Layer],
    *,
    protect: np.ndarray | None = None,
    levels: int | None = None,
    colour_match: float = 0.0,
) -> Patch:
    """Paste crops into one frame, one over the other, at the frame's own resolution.

    pixels:       (H, W, 3) uint8, uint16, or float32 in [0, 1]; stays as it is
    protect:      (H, W) in [0, 1], 1 where the frame is left alone
    levels:       of the blend's pyramid; None takes what fits each mask
    colour_match: 0..1, how far a layer's colour follows the frame's near its mask's border
    returns:      the changed part, in the frame's own numbers, rounded; outside its support nothing changes
    """
    frame_size = pixels.shape[0], pixels.shape[1]
    placed = [part for layer in layers if (part := _place(layer, frame_size, protect, levels))]
    corners = [corner for part in placed for corner in box_corners(part.box)]
    box = box_around(np.array(corners or [(0, 0)]), frame_size, margin=0)
    white = white_of(pixels)
    canvas = pixels[box.slices].astype(np.float32) / white
    support = np.zeros(box.size, bool)
    for part in placed:
        inside = part.box.slices_in(box)
        canvas[inside], touched = blend_picture(
            canvas[inside], part.picture, part.mask, levels=levels, colour_match=colour_match
        )
        support[inside] |= touched
    pasted = canvas.clip(0, 1) * white
    if pixels.dtype != np.float32:
        pasted = np.rint(pasted).astype(pixels.dtype)
    return Patch(box, pasted, support)


def paste_back(
    frames: Tensor,
    images: Tensor,
    crops: FaceCrops,
    mask: Tensor | None = None,
    *,
    protect: Tensor | None = None,
    levels: int | None = None,
    colour_match: float = 0.0,
    progress: Progress = silent,
) -> Blended:
    """Paste crops into a clip's frames; frames without a face stay as they are.

    frames:  (T, H, W, 3) in [0, 1]; of any size, as long as they show the same as the tracked frames
    images:  (T, S, S, 3) what to paste
    mask:    (T, S, S) or (1, S, S) in [0, 1], of any size: where in the crop it shows; None: everywhere
    protect: (T, H, W) or (1, H, W) in [0, 1], of any size: 1 where the frames are left alone
    returns: images (T, H, W, 3) in the frames' dtype and the support (T, H, W) of the change
    raises:  InputError if there are not as many frames, crops or masks as there must be

    The rest is as for `paste_crop`.
    """
    check_count("frames", len(frames), crops)
    check_count("pictures to paste", len(images), crops)
    mask = torch.ones(1, *images.shape[1:3]) if mask is None else mask
    protect = torch.zeros(1, *frames.shape[1:3]) if protect is None else resize(protect, image_size(frames))
    for name, given in (("masks", mask), ("masks that protect", protect)):
        if len(given) != 1:
            check_count(name, len(given), crops)
    affines = at_size(crops, image_size(frames)).frame_to_crop
    weights = (crops.weight * crops.present).tolist()
    pasted, support = frames.clone(), torch.zeros(frames.shape[:3])
    for i, frame in enumerate(frames):
        where, kept = (as_array(given[i if len(given) > 1 else 0]) for given in (mask, protect))
        layer = Layer(as_array(images[i]), affines[i], where, weights[i])
        patch = paste_crop(as_array(frame), [layer], protect=kept, levels=levels, colour_match=colour_match)
        changed = torch.from_numpy(patch.support)
        there = (i, *patch.box.slices)
        support[there] = changed.float()
        new = torch.from_numpy(patch.pixels).to(pasted)
        pasted[there] = torch.where(changed[..., None].to(pasted.device), new, pasted[there])
        progress(i + 1, len(frames))
    return Blended(pasted, support.to(frames.device))


@dataclass(frozen=True, eq=False)
class _Placed:
    """A layer brought to the frame's pixels."""

    box: Box
    picture: np.ndarray  # (h, w, 3) float32 in [0, 1]
    mask: np.ndarray  # (h, w) float32 in [0, 1]


def _place(
    layer: Layer, frame_size: tuple[int, int], protect: np.ndarray | None, levels: int | None
) -> _Placed | None:
    """Bring a layer to the frame's pixels, in one resampling; None where nothing of it shows."""
    to_crop = np.asarray(layer.affine, np.float64)
    box = _reach(layer.mask, to_crop, frame_size, levels) if layer.weight > 0 else None
    if box is None:
        return None
    mask = _brought(layer.mask, to_crop, box, cv2.INTER_LINEAR) * np.float32(layer.weight)
    x, y = np.arange(box.left, box.right) + 0.5, np.arange(box.top, box.bottom) + 0.5
    mask[depth_inside(to_crop, x, y) < 0] = 0
    if protect is not None:
        mask = mask * (1 - protect[box.slices].astype(np.float32))
    mask[mask < LEAST_SHOWN] = 0
    if not mask.any():
        return None
    picture = _brought(_softened(layer.image, to_crop), to_crop, box, cv2.INTER_CUBIC)
    return _Placed(box, picture.clip(0, 1), mask)


def _reach(
    mask: np.ndarray, to_crop: np.ndarray, frame_size: tuple[int, int], levels: int | None
) -> Box | None:
    """The part of a frame in which a mask shows, and as much around it as its blend looks at."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    low = np.array((columns[0] - 1, rows[0] - 1)) / mask.shape[::-1]  # a pixel more: sampling spreads it
    high = np.array((columns[-1] + 2, rows[-1] + 2)) / mask.shape[::-1]
    low, high = low.clip(min=0), high.clip(max=1)
    corners = apply_affine(invert(to_crop), low + UNIT_CORNERS * (high - low))
    if (corners.max(axis=0) <= 0).any() or (corners.min(axis=0) >= frame_size[::-1]).any():
        return None
    return box_around(corners, frame_size, margin=2 ** min(levels or MOST_LEVELS, MOST_LEVELS))


def _softened(image: np.ndarray, to_crop: np.ndarray) -> np.ndarray:
    """A crop without the detail that the frame's pixels are too coarse for."""
    step = np.linalg.norm(to_crop[:, :2], axis=1) * image.shape[1::-1]  # of the frame's pixels, in the crop
    sigma = PREFILTER * np.sqrt(np.maximum(step**2 - 1, 0))
    if sigma.max() < 0.2:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigmaX=max(sigma[0], 0.01), sigmaY=max(sigma[1], 0.01))


def _brought(picture: np.ndarray, to_crop: np.ndarray, box: Box, interpolation: int) -> np.ndarray:
    """A crop's picture sampled at the pixels of a box in the frame; beyond the crop its edge is repeated."""
    size = np.array(picture.shape[1::-1], float)[:, None]
    corner = to_crop[:, 2] + to_crop[:, :2] @ box.corner.astype(float)
    to_pixels = np.column_stack([to_crop[:, :2], corner]) * size
    return warp(picture, to_pixels, box.size, interpolation)
