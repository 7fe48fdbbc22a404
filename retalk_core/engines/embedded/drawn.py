"""Rows of teeth for a mouth that the clip never shows open: single teeth, in the colours of common ones."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from .teeth import Teeth, row_grid

_FINENESS = 400.0  # samples for an eye distance
PIXELS_BLURRED = 0.6  # of the picture
SKIN = (0.72, 0.56, 0.48)  # RGB, mean of the skin beside teeth of this colour
TOOTH = (0.70, 0.64, 0.56)
GUM = (0.50, 0.27, 0.27)
THROAT = (0.13, 0.06, 0.065)
_UPPER = (
    0.046,
    0.036,
    0.039,
    0.031,
    0.027,
    0.026,
)  # half of a row: how wide each tooth looks, in eye distances
_LOWER = (0.028, 0.031, 0.034, 0.030, 0.029, 0.027)
UPPER_TIPS = (0.030, 0.024, 0.031, 0.022, 0.016, 0.012)  # below the resting lip
LOWER_TIPS = (0.010, 0.010, 0.008, 0.012, 0.016, 0.018)
_LENGTHS = (0.105, 0.085)  # from tips to gums


@functools.lru_cache(maxsize=4)
def drawn_teeth(eye_distance: int) -> Teeth:
    """Teeth where people have them, as sharp as in a picture whose eyes are so many pixels apart."""
    upper = _row(_UPPER, UPPER_TIPS, -_LENGTHS[0], roundness=0.010)
    lower = _row(_LOWER, LOWER_TIPS, _LENGTHS[1], roundness=0.006)
    lower[..., :3] *= 0.82  # farther in, and under the lip's shadow
    blur = max(PIXELS_BLURRED * _FINENESS / max(eye_distance, 1), 1.0)
    upper, lower = (cv2.GaussianBlur(row, (0, 0), blur) for row in (upper, lower))
    throat, skin = np.array(THROAT, np.float32), np.array(SKIN, np.float32)
    return Teeth(upper, lower, _FINENESS, throat, skin, 0.0)


def _row(widths: tuple[float, ...], tips: tuple[float, ...], length: float, roundness: float) -> np.ndarray:
    """A row (h, w, 4) of teeth that grow by `length` from their tips; its left half mirrors its right."""
    x, y = row_grid(_FINENESS)
    side = np.abs(x)
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    tooth = np.clip(np.searchsorted(edges, side, side="right") - 1, 0, len(widths) - 1)
    width = np.array(widths)[tooth]
    within = np.clip((side - edges[tooth]) / width, 0, 1) * 2 - 1  # −1..1 across its tooth
    up = np.sign(length)
    tip = np.array(tips)[tooth] + up * roundness * np.abs(within) ** 3
    along = (y - tip) * up / abs(length)  # 0 at the tip, 1 at the gum
    soft = 1 / (_FINENESS * abs(length))
    there = np.clip(along / (2 * soft), 0, 1) * np.clip((edges[-1] - side) / 0.02, 0, 1)
    groove = np.clip((np.abs(within) - 0.8) / 0.2, 0, 1) ** 2 * (0.22 + 0.3 * np.clip(1 - 2.5 * along, 0, 1))
    gum = np.clip((along - 1 + 0.12 * within**2) / 0.06, 0, 1)
    shade = (0.9 + 0.1 * np.clip(along * 3, 0, 1)) * (1 - groove) * (1 - 1.1 * np.minimum(side, 0.3) ** 1.2)
    shade *= 1 - 0.10 * within**2
    colour = np.array(TOOTH) * shade[..., None]
    colour += gum[..., None] * (np.array(GUM) - colour)
    row = np.concatenate([colour, np.ones_like(shade)[..., None]], axis=2) * there[..., None]
    return row.astype(np.float32)
