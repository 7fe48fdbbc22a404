"""The lower face upright and of one size, as the network sees it that looks for what lies before it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..images import white_of
from ..types import Pixels

SIDE = 64  # pixels of the view
# What it shows, in eye distances from the middle between the eyes: left, top, right, bottom.
COVER_WINDOW = (-0.72, 0.12, 0.72, 1.56)
# Points that tell where the head is, and where a frontal face has them, in the same unit. Neither speech nor
# most of what people hold before their mouths moves or hides them.
_STEADY = {
    33: (-0.5, 0.01),
    263: (0.5, 0.01),
    133: (-0.21, 0.02),
    362: (0.21, 0.02),
    168: (0.0, -0.06),
    6: (0.0, 0.03),
    197: (0.0, 0.14),
    195: (0.0, 0.25),
    5: (0.0, 0.36),
    4: (0.0, 0.44),
    2: (0.0, 0.55),
}
STEADY_POINTS = tuple(_STEADY)
STEADY_PLACES = np.array(list(_STEADY.values()))
# Points on skin that is seldom hidden: under the eyes, down the nose, between the brows.
SKIN_POINTS = (168, 6, 197, 195, 5, 9, 151, 50, 280, 101, 330, 118, 347, 36, 266)
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
LIP_OUTLINE = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIP_INSIDE = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_DARK = 0.04  # added to colours before their ratio is taken, so that noise in the dark is none
_MOST = 2.0  # of the logarithm of a ratio; beyond it all is just another colour
SPOT = 0.03  # eye distances around a point whose colours are averaged


@dataclass(frozen=True, eq=False)
class View:
    """A lower face as the network sees it."""

    picture: np.ndarray  # (6, 64, 64) float32
    affine: np.ndarray  # (2, 3) from frame pixels, pixel i's centre at i + 0.5, to the view's


def look_at_lower_face(pixels: Pixels, points: np.ndarray) -> View:
    """Cut a lower face out of a frame.

    pixels:  (H, W, 3) uint8 or uint16
    points:  (468, 2 or 3) the face in it
    returns: three channels of colour, as the logarithm of its ratio to the skin's, and three of 0 and 1
             where the mesh has the lips, the mouth's inside and the face
    """
    affine = view_affine(points)
    return View(as_seen(cut(pixels, affine), skin_colour(pixels, points), points, affine), affine)


def as_seen(picture: np.ndarray, skin: np.ndarray, points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The network's input (6, 64, 64) for colours (64, 64, 3) and the skin's (3,), both in [0, 1]."""
    colours = np.log((picture + _DARK) / (skin + _DARK)).clip(-_MOST, _MOST).transpose(2, 0, 1)
    shapes = [_filled(points, outline, affine) for outline in (LIP_OUTLINE, LIP_INSIDE, OVAL)]
    return np.concatenate([colours, np.stack(shapes)]).astype(np.float32)


def view_affine(points: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The affine (2, 3) from frame pixels to pixels of a view, for a face (468, 2 or 3).

    The least-squares similarity that brings the steady points to their places.
    Source: S. Umeyama, Least-squares estimation of transformation parameters between two point
    patterns, 1991.
    """
    given = points[list(STEADY_POINTS), :2].astype(np.float64)
    mean, wanted_mean = given.mean(axis=0), STEADY_PLACES.mean(axis=0)
    a, b = given - mean, STEADY_PLACES - wanted_mean
    spread = max(float((a**2).sum()), 1e-9)
    cosine = float((a * b).sum()) / spread
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    left, top, right, _ = COVER_WINDOW
    scale = side / (right - left)
    shift = scale * (wanted_mean - turn @ mean - (left, top))
    return np.column_stack([scale * turn, shift])


def cut(pixels: Pixels, affine: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A view's colours (side, side, 3) float32 in [0, 1]; beyond the frame its edge is repeated.

    A large face is averaged to about the view's size first: skipping pixels would make it tremble.
    """
    height, width = pixels.shape[:2]
    inverse = cv2.invertAffineTransform(affine)
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)]) @ inverse[:, :2].T + inverse[:, 2]
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, low + 1, (width, height))
    part = pixels[low[1] : high[1], low[0] : high[0]]
    step = 1 / max(float(np.hypot(*affine[:, 0])), 1e-6)  # frame pixels to one of the view
    matrix = affine.copy()
    matrix[:, 2] += matrix[:, :2] @ (low + 0.5) - 0.5  # OpenCV counts from pixel centres
    if step > 2:
        size = np.maximum(np.round(np.array(part.shape[1::-1]) * 1.5 / step), 1).astype(int)
        scale = size / np.array(part.shape[1::-1])
        part = cv2.resize(part, size.tolist(), interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([affine[:, :2] / scale, affine[:, 2] + affine[:, :2] @ low])
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    seen = cv2.warpAffine(part, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return seen.astype(np.float32) / white_of(pixels)


def skin_colour(pixels: Pixels, points: np.ndarray) -> np.ndarray:
    """The median colour (3,) in [0, 1] of skin that is seldom hidden; points (468, 2 or 3)."""
    height, width = pixels.shape[:2]
    apart = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    reach = max(int(SPOT * apart), 1)
    places = np.clip(points[list(SKIN_POINTS), :2].astype(int), 0, (width - 1, height - 1))
    low = np.maximum(places - reach, 0).tolist()
    spots = [
        pixels[top : y + reach + 1, left : x + reach + 1].reshape(-1, 3).mean(axis=0)
        for (x, y), (left, top) in zip(places.tolist(), low, strict=True)
    ]
    return (np.median(spots, axis=0) / white_of(pixels)).astype(np.float32)


def _filled(points: np.ndarray, outline: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    placed = points[list(outline), :2] @ affine[:, :2].T + affine[:, 2] - 0.5
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(mask, [np.round(placed * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_8, shift=4)
    return mask
