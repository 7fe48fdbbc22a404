"""Cut a followed face out of its frames, and bring crops to another framing.

An affine (2, 3) takes frame pixels to the unit square. Pixel i's centre is i + 0.5, in frames and in crops.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..images import resize, white_of
from ..types import FaceCrops, Pixels, Progress, silent
from .affine import (
    UNIT_CORNERS,
    apply_affine,
    as_array,
    at_size,
    check_count,
    compose,
    depth_inside,
    image_size,
    invert,
    warp,
)
from .framing import SIDES
from .originals import cut_plain

COVER_EDGE = 0.02  # of a source's side, over which what it covers fades out at its edge


def crop_faces(
    images: Tensor,
    crops: FaceCrops,
    side: int | None = None,
    progress: Progress = silent,
    *,
    plain: bool = False,
) -> Tensor:
    """Cut the crops out of a clip's frames.

    images:  (T, H, W, 3) in [0, 1]; of any size, as long as they show the same as the tracked frames
    side:    of the crops, in pixels; None takes what the framing's network was trained with
    plain:   in 256 levels and without averaging, as the programs of Wav2Lip, LipGAN and PC-AVS cut
    returns: (T, S, S, 3)
    raises:  InputError if there are not as many images as crops
    """
    check_count("pictures", len(images), crops)
    side = SIDES[crops.framing] if side is None else side
    affines = at_size(crops, image_size(images)).frame_to_crop
    cut = torch.empty(len(images), side, side, 3)
    for i, image in enumerate(images):
        if plain:
            levels = np.rint(255 * as_array(image).clip(0, 1)).astype(np.uint8)
            cut[i] = torch.from_numpy(cut_plain(levels, affines[i].double().numpy(), crops.framing, side))
        else:
            cut[i] = torch.from_numpy(cut_crop(as_array(image), affines[i], side))
        progress(i + 1, len(images))
    return cut


def cut_crop(pixels: Pixels, affine: np.ndarray | Tensor, side: int) -> np.ndarray:
    """Sample one crop of a frame.

    pixels:  (H, W, 3) uint8, uint16, or float32 in [0, 1]
    affine:  (2, 3) frame pixels to the unit square
    returns: (side, side, 3) float32 in [0, 1]; beyond the frame its edge is repeated

    Bilinear, which is what the networks were trained with; only where a pixel of the crop stands for two or
    more of the frame along a side are those averaged first.
    """
    to_frame = invert(affine)
    step = np.linalg.norm(to_frame[:, :2], axis=1) / side  # from pixel to pixel, in the frame's x and y
    factor = np.floor(np.maximum(step * (1 + 1e-6), 1)).astype(int)
    part, corner = _reduced(pixels, apply_affine(to_frame, UNIT_CORNERS), factor)
    to_part = np.column_stack([to_frame[:, :2] / side, to_frame[:, 2] - corner]) / factor[:, None]
    return warp(part, to_part, (side, side), cv2.INTER_LINEAR) / white_of(pixels)


def reframe(
    images: Tensor,
    source: FaceCrops,
    target: FaceCrops,
    *,
    side: int | None = None,
    base: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Bring crops from one framing to another in one resampling.

    images:  (T, S, S, 3) in the framing of `source`
    side:    of the result; None takes what the target's network was trained with
    base:    (T, side, side, 3) in the framing of `target`, for what the source doesn't cover; without it the
             source's edge is repeated there
    returns: images (T, side, side, 3), and how far the source covers them (T, side, side) in [0, 1]
    raises:  InputError if the numbers of images and crops differ
    """
    check_count("pictures", len(images), source)
    check_count("crops in the other framing", len(target), source)
    side = SIDES[target.framing] if side is None else side
    if base is not None:
        check_count("pictures below", len(base), source)
        base = resize(base, side)
    from_frame = at_size(source, target.frame_size).frame_to_crop
    reframed, covered = torch.empty(len(images), side, side, 3), torch.empty(len(images), side, side)
    for i, image in enumerate(images):
        to_source = compose(from_frame[i], invert(target.frame_to_crop[i]))
        to_target = invert(to_source)
        size = np.array([image.shape[1], image.shape[0]])
        cut = cut_crop(as_array(image), np.column_stack([to_target[:, :2] / size, to_target[:, 2]]), side)
        reframed[i], covered[i] = torch.from_numpy(cut), torch.from_numpy(_coverage(to_source, side))
        if base is not None:
            reframed[i] = torch.lerp(base[i].cpu().float(), reframed[i], covered[i][..., None])
    return reframed, covered


def reframe_masks(masks: Tensor, source: FaceCrops, target: FaceCrops, *, side: int | None = None) -> Tensor:
    """Bring masks that were drawn in one framing to another; black where the source doesn't reach.

    masks:   (T, S, S) or (1, S, S) in the framing of `source`
    side:    of the result; None takes what the target's network was trained with
    returns: (T, side, side)
    raises:  InputError if the numbers of masks and crops differ
    """
    side = SIDES[target.framing] if side is None else side
    pictures = masks.expand(len(source) if len(masks) == 1 else -1, -1, -1)[..., None].expand(-1, -1, -1, 3)
    black = torch.zeros(len(pictures), side, side, 3)
    return reframe(pictures, source, target, side=side, base=black)[0][..., 0]


def _reduced(pixels: Pixels, around: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a frame around points (n, 2), blocks of its pixels averaged, and its left top in the frame.

    The blocks keep their places in the frame wherever the part lies, so that a still background stays still.
    """
    size = np.array(pixels.shape[1::-1])
    low = np.floor((around.min(axis=0) - 1) / factor - 1) * factor
    high = np.ceil((around.max(axis=0) + 1) / factor + 1) * factor
    low = low.clip(0, (size - 1) // factor * factor).astype(int)
    high = high.clip(low + 1, size).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    if (factor > 1).any():
        blocks = -(-(high - low) // factor)  # the last may be cut by the frame's edge
        right, bottom = blocks * factor - (high - low)
        if right or bottom:
            part = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        part = cv2.resize(part, (int(blocks[0]), int(blocks[1])), interpolation=cv2.INTER_AREA)
    return part, low


def _coverage(to_source: np.ndarray, side: int) -> np.ndarray:
    """How far pixels (side, side) of a unit square lie inside another: 0 at its edge and beyond, 1 inside."""
    grid = (np.arange(side) + 0.5) / side
    return (depth_inside(to_source, grid, grid) / COVER_EDGE).clip(0, 1).astype(np.float32)
