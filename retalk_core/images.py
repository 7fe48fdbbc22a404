"""Pictures between stages, (T, H, W, 3) RGB in [0, 1], and as networks take them, (T, 3, H, W)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def to_network(images: Tensor) -> Tensor:
    """Images (T, H, W, 3) as (T, 3, H, W)."""
    return images.movedim(-1, 1).contiguous()


def to_images(x: Tensor) -> Tensor:
    """A network's (T, 3, H, W) as images (T, H, W, 3)."""
    return x.movedim(1, -1).contiguous()


def bgr(x: Tensor) -> Tensor:
    """Turn RGB into BGR and back, (T, 3, H, W)."""
    return x.flip(1)


def resize(images: Tensor, size: int | tuple[int, int], *, antialias: bool = False) -> Tensor:
    """Resize images bilinearly, pixel i's centre at i + 0.5 as in OpenCV.

    images:    (T, H, W, C)
    size:      a side in pixels, or height and width
    antialias: average over all pixels when shrinking to half or less
    returns:   (T, height, width, C)
    """
    height, width = (size, size) if isinstance(size, int) else size
    if images.shape[1:3] == (height, width):
        return images
    smooth = antialias and (images.shape[1] >= 2 * height or images.shape[2] >= 2 * width)
    x = F.interpolate(to_network(images), (height, width), mode="bilinear", antialias=smooth)
    return to_images(x)
