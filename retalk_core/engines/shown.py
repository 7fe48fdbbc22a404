"""What of a redrawn face is looked at: no more of it needs to be made.

A blend looks beyond its mask: at what its coarse levels mix in, and for the colours' match.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...models.stylegan.tiles import Area
from ..crops.affine import UNIT_CORNERS, apply_affine, compose, invert
from ..types import FaceCrops, FaceTrack

LIPS = slice(48, 68)  # of the 68 iBUG points
AROUND_MOUTH = 16  # pixels of 512
ABOVE_SEAM = 32  # pixels of 384; with 64 the same pixels came out
RESAMPLED = 4  # pixels that a resampling looks at beyond what it shows
# How far a mouth may lie from where the frame's own lips are, in their widths: it opens, and rounds.
BESIDE_LIPS, ABOVE_LIPS, BELOW_LIPS = 0.2, 0.25, 0.45
NEARLY_ALL = 0.98  # of a clip's mouths lie in the area that is made of all
LARGER = 48  # pixels that an area grows by where a mouth reaches further


def face_area(masks: Tensor) -> Area:
    """Of pictures that are pasted under masks (n, S, S): all columns, and rows from the first that shows."""
    side = masks.shape[-1]
    rows = torch.nonzero(masks.amax(dim=(0, 2)) > 0)
    first = int(rows[0]) if len(rows) else side - 1
    return Area(first - round(ABOVE_SEAM / 384 * side), 0, side, side).within(side)


def mouth_area(track: FaceTrack, crops: FaceCrops, side: int) -> Area:
    """Where in crops of `side` pixels nearly all mouths of a track (T rows) will be; see `reached`."""
    seen = torch.nonzero(track.present).flatten().tolist()
    points = track.landmarks[:, LIPS].numpy()
    lips = side * np.stack([apply_affine(crops.frame_to_crop[row].numpy(), points[row]) for row in seen])
    width = float(np.median(np.ptp(lips[..., 0], axis=1)))
    left, top = np.quantile(lips.min(axis=1), 1 - NEARLY_ALL, axis=0)
    right, bottom = np.quantile(lips.max(axis=1), NEARLY_ALL, axis=0)
    area = Area(
        int(top - ABOVE_LIPS * width),
        int(left - BESIDE_LIPS * width),
        int(bottom + BELOW_LIPS * width) + 1,
        int(right + BESIDE_LIPS * width) + 1,
    )
    return area.grown(AROUND_MOUTH).within(side)


def crop_area(target: FaceCrops, source: FaceCrops, side: int) -> Area:
    """What of n crops of `side` pixels shows in crops of another framing."""
    corners = np.concatenate(
        [
            apply_affine(compose(to_source, invert(to_target)), UNIT_CORNERS)
            for to_source, to_target in zip(source.frame_to_crop, target.frame_to_crop, strict=True)
        ]
    )
    (left, top), (right, bottom) = np.floor(corners.min(axis=0) * side), np.ceil(corners.max(axis=0) * side)
    return Area(int(top), int(left), int(bottom), int(right)).grown(RESAMPLED).within(side)


def reached(mask: Tensor, area: Area) -> Area:
    """The area that a picture pasted under a mask (S, S) needs: the given one, or a larger one."""
    side = mask.shape[-1]
    rows, columns = (torch.nonzero(mask.amax(dim=axis)).flatten().tolist() for axis in (1, 0))
    if not rows:
        return area
    needed = Area(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1).grown(AROUND_MOUTH).within(side)
    return area if area.joined(needed) == area else area.joined(needed).grown(LARGER).within(side)
