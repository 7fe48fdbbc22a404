"""Where in a crop a redrawn face takes the place of the frame's own."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..images import smooth_step
from ..types import FaceCrops

# Shares of a crop's side. In the face framing lower lids end at 0.36 and lips begin at 0.64 (measured on
# three real faces), so that a seam this wide crosses nothing but cheeks and the nose.
SEAM = 1 / 6
BORDER = 1 / 24

# In heights of the face, forehead to chin.
WIDER = 0.02  # beyond the outline, which the mesh draws a little inside the cheeks
JAW_ROOM = 0.10  # below the jaw: as far as an opening mouth takes the chin
FEATHER = 0.06  # from the mask's edge to its inside
JAW = 0.55  # from the forehead's top down: what is below moves with the mouth

SUBPIXEL = 4  # bits of a coordinate behind the point, as OpenCV draws


def face_masks(crops: FaceCrops, side: int, *, keep_upper: bool = True) -> Tensor:
    """Where redrawn faces replace the frames' own.

    crops:      of T frames in the face framing
    side:       of the crops in pixels
    keep_upper: leave the upper half to the frame, with a soft seam across the cheeks
    returns:    (T, side, side) in [0, 1], soft at its edges; 0 on what lies beside the face, so that a
                network's idea of the background never shows
    """
    seam = seam_mask(side, keep_upper=keep_upper)
    if crops.outline is None:
        return seam.expand(len(crops), -1, -1)
    return torch.stack([seam * outline_mask(outline.numpy(), side) for outline in crops.outline])


def seam_mask(side: int, *, keep_upper: bool = True) -> Tensor:
    """Where a synthesised face replaces the frame's own.

    side:       of the crop in pixels
    keep_upper: leave the crop's upper half to the frame, with a soft seam around the middle; else the
                whole crop is replaced
    returns:    (side, side) in [0, 1], soft towards the crop's borders
    """
    row = torch.arange(side)
    inside = smooth_step((torch.minimum(row, side - 1 - row) + 0.5) / (side * BORDER))
    below = smooth_step((row + 0.5 - side / 2) / (side * SEAM) + 0.5) if keep_upper else torch.ones(side)
    return (inside * below)[:, None] * inside


def outline_mask(outline: np.ndarray, side: int) -> Tensor:
    """The inside of a face's outline with its jaw dropped, (side, side) in [0, 1].

    outline: (n, 2) in the unit square, clockwise from the top of the forehead
    """
    points = outline.astype(np.float64) * side
    forehead, chin = points[0], points[len(points) // 2]
    height = float(np.linalg.norm(chin - forehead))
    if height < 1:
        return torch.zeros(side, side)
    down = (chin - forehead) / height
    centre = points.mean(axis=0)
    points = centre + (points - centre) * (1 + 2 * WIDER)
    low = points[(points - forehead) @ down > JAW * height]
    hull = cv2.convexHull(np.concatenate([points, low + JAW_ROOM * height * down]).astype(np.float32))
    filled = np.zeros((side, side), np.uint8)
    corners = np.rint((hull - 0.5) * 2**SUBPIXEL).astype(np.int32)  # OpenCV's pixel centres are whole
    cv2.fillConvexPoly(filled, corners, 1, shift=SUBPIXEL)
    wide = cv2.copyMakeBorder(filled, 1, 1, 1, 1, cv2.BORDER_REPLICATE)  # the crop's edge is no outline
    depth = cv2.distanceTransform(wide, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return smooth_step(torch.from_numpy(depth / (FEATHER * height)))
