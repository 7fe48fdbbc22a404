"""Pictures as networks, frames and files have them: their layout, their numbers, their size."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .types import Pixels

Numbers = TypeVar("Numbers", Tensor, np.ndarray)


def to_network(images: Tensor) -> Tensor:
    """Images (T, H, W, 3) as a network takes them, (T, 3, H, W); a copy."""
    return images.permute(0, 3, 1, 2).contiguous()


def to_images(x: Tensor) -> Tensor:
    """A network's pictures (B, 3, H, W) as images (B, H, W, 3); a copy."""
    return x.permute(0, 2, 3, 1).contiguous()


def to_input(picture: np.ndarray) -> Tensor:
    """A picture (H, W, 3) uint8 as a network's input, (1, 3, H, W) fp32 in [0, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float().div_(255)


def bgr(x: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) with red and blue swapped; twice is none."""
    return x.flip(1)


def eight_bit(picture: np.ndarray) -> np.ndarray:
    """A picture of any shape, uint8 or full-range uint16, as uint8."""
    return picture if picture.dtype == np.uint8 else (picture // 257).astype(np.uint8)


def white_of(pixels: Pixels) -> np.float32:
    """What a picture's white is in its own numbers: of whole numbers the largest, of others 1."""
    return np.float32(np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1)


def resize(images: Tensor, size: int | tuple[int, int], *, average: bool = False) -> Tensor:
    """Bring pictures to another size, bilinearly and without a shift, as OpenCV's INTER_LINEAR does.

    images:  (T, H, W, C), or masks (T, H, W); floats
    size:    height and width in pixels, or the side of a square
    average: average the pixels where there are twice as many or more; skipping them would let detail flicker.
             The original pipeline never does, so what its weights expect is False.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if tuple(images.shape[1:3]) == (height, width):
        return images
    planes = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    shrinks = images.shape[1] >= 2 * height or images.shape[2] >= 2 * width
    resized = F.interpolate(
        planes, (height, width), mode="bilinear", align_corners=False, antialias=average and shrinks
    )
    return resized.squeeze(1) if images.ndim == 3 else to_images(resized)


def shrink(picture: np.ndarray, scale: float) -> np.ndarray:
    """Bring a picture near a scale below 1 by averaging its pixels; larger scales leave it as it is."""
    if scale >= 1:
        return picture
    height, width = shrunk_size((picture.shape[0], picture.shape[1]), scale)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def shrunk_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Height and width of what `shrink` makes of a picture of that height and width."""
    height, width = size
    return size if scale >= 1 else (max(1, round(height * scale)), max(1, round(width * scale)))


def thinned(picture: Pixels, step: int) -> np.ndarray:
    """About every so many-th pixel of every so many-th row of a picture, (h, w, 3): to see it as a whole.

    A picture that is made where it is looked at says so quickly, with colours a little coarser.
    """
    quickly = getattr(picture, "thinned", None)
    return np.ascontiguousarray(picture[:, :][::step, ::step]) if quickly is None else quickly(step)


def warp_seen(picture: Pixels, affine: np.ndarray, side: int) -> np.ndarray:
    """A picture (H, W, 3) brought to another's pixels (side, side, 3), bilinearly; its edges go on beyond it.

    affine: (2, 3) to the other's pixels, as OpenCV counts them
    """
    if isinstance(picture, np.ndarray):
        return _warped(picture, affine, side)
    back = cv2.invertAffineTransform(affine)
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)]) @ back[:, :2].T + back[:, 2]
    size = np.array(picture.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, size - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 3, low + 1, size).astype(int)
    there = affine.astype(np.float64)
    there[:, 2] += there[:, :2] @ low
    return _warped(picture[low[1] : high[1], low[0] : high[0]], there, side)


def _warped(picture: np.ndarray, affine: np.ndarray, side: int) -> np.ndarray:
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return cv2.warpAffine(picture, affine, (side, side), flags=flags, borderMode=border)


def smooth_step(x: Numbers) -> Numbers:
    """From 0 at 0 to 1 at 1, level at both ends and beyond; any shape, on tensors and on arrays."""
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)
