"""A mouth by what can be seen of it: its opening, sharpness and flicker, from landmarks and pixels."""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.canonical import OUTER_LIP, Pose, head_poses, load_mouth_model, measure_mouth
from ..images import warp_seen, white_of
from ..types import Pixels
from .registry import metric, ratio

THUMB = 16  # pixels


@metric("lip_sharpness", better="near 1", words="lip sharpness {:.2f} of the source's")
def sharpness_kept(sharpness: np.ndarray, source_sharpness: np.ndarray) -> float | None:
    """The lips' mean sharpness against the source's; both (n,), from `MouthWatch`."""
    return ratio(sharpness, source_sharpness)


@metric("lip_flicker", better="near 1", words="flicker {:.2f} of the source's")
def flicker_kept(flicker: np.ndarray, source_flicker: np.ndarray) -> float | None:
    """The mouth's mean flicker against the source's; both (m,), from `MouthWatch`."""
    return ratio(flicker, source_flicker)


class MouthWatch:
    """Collects what the mouth of one clip looks like, frame by frame; a few hundred bytes for each."""

    def __init__(self) -> None:
        self.opening: list[float] = []  # eye distances
        self.width: list[float] = []  # eye distances, between the lips' corners
        self.sharpness: list[float] = []  # mean absolute Laplacian of the lips, where white is 1
        self.flicker: list[float] = []  # mean absolute second difference of a mouth picture held still
        self._thumbs: list[np.ndarray] = []

    def see(self, pixels: Pixels, mesh: np.ndarray, steady: np.ndarray | None = None) -> None:
        """Look at one frame.

        pixels: (H, W, 3) uint8 or uint16
        mesh:   (468, 3) the face in them
        steady: (468, 3) the face smoothed over time, by which its picture is held still; None: the mesh
        """
        pose = head_poses(mesh[None])
        opening, width = measure_mouth(pose.to_canonical(mesh[None]))
        self.opening.append(float(opening[0]))
        self.width.append(float(width[0]))
        self.sharpness.append(lip_sharpness(pixels, mesh))
        held = pose if steady is None else head_poses(steady[None])
        self._thumbs = [*self._thumbs[-2:], mouth_thumb(pixels, held)]
        if len(self._thumbs) == 3:
            before, here, after = self._thumbs
            self.flicker.append(float(np.abs(before - 2 * here + after).mean()))


def mouth_thumb(picture: Pixels, pose: Pose, corner: np.ndarray | None = None) -> np.ndarray:
    """A small picture (768,) in [0, 1] of the mouth, upright and of one size whatever the head does.

    picture: (h, w, 3), whose left top lies at `corner` in its frame
    pose:    of the one face in it
    """
    middle = load_mouth_model().reference[[13, 14]].mean(axis=0)
    corners = middle + np.array([(-0.36, -0.2, 0), (0.36, -0.2, 0), (-0.36, 0.28, 0)], np.float32)
    placed = pose.to_frame(corners[None])[0, :, :2] - 0.5
    if corner is not None:
        placed -= corner
    side = 3 * THUMB
    square = np.array([(0, 0), (side, 0), (0, side)], np.float32)
    affine = cv2.getAffineTransform(placed.astype(np.float32), square)
    large = warp_seen(picture, affine, side)
    small = cv2.resize(large, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    return (small / white_of(picture)).reshape(-1)


def lip_sharpness(picture: Pixels, points: np.ndarray) -> float:
    """Mean absolute Laplacian inside the outer lip, on a scale where white is 1.

    picture: (h, w, 3) uint8, uint16, or float32 in [0, 1]; points: (468, 2 or 3) in its pixels
    """
    outline = points[list(OUTER_LIP), :2]
    low = np.clip(np.floor(outline.min(axis=0)).astype(int) - 2, 0, None)
    high = np.maximum(np.ceil(outline.max(axis=0)).astype(int) + 3, low)
    part = picture[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return 0.0
    grey = part.astype(np.float32).mean(axis=2) / white_of(picture)
    inside = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(outline - low - 0.5).astype(np.int32)], 1)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[inside > 0].mean()) if inside.any() else 0.0
