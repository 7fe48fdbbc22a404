"""Sharpness as people see it: the cumulative probability of blur detection.

Narvekar and Karam, "A no-reference image blur metric based on the cumulative probability of blur detection"
(QoMEX 2009, IEEE TIP 2011); the widths of edges as in Marziliano et al. (2002). It rewards noise and halos,
and depends on the picture's size.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve

from ..registry import metric

_BLOCK = 64  # pixels
EDGES = 0.002  # of a block's pixels, beyond which it counts
LOW_CONTRAST = 50  # levels
JUST_NOTICED = (5.0, 3.0)  # pixels of blur, at low and at other contrast
BETA = 3.6
NOTICED = 63  # per cent
LONGEST = 100  # pixels of half an edge
SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8


@metric("cpbd", better="higher", words="CPBD {:.4f}", source="Narvekar and Karam 2011")
def mean_cpbd(cpbd: np.ndarray) -> float | None:
    """The mean over frames (n,) of `blur_detection`; None: no frame was looked at."""
    return float(np.mean(cpbd)) if len(cpbd) else None


def blur_detection(grey: np.ndarray) -> float:
    """The share of a picture's edges in which nobody would notice blur.

    grey:    (H, W), ITU-R 601, 0..255
    returns: 0..1; 0 too where there are no edges

    Needs scikit-image.
    """
    from skimage.feature import canny

    picture = np.asarray(grey, np.float64)
    widths = edge_widths(picture)
    edges = canny(picture)
    counts = np.zeros(101)
    for rows in range(0, picture.shape[0] - _BLOCK + 1, _BLOCK):
        for columns in range(0, picture.shape[1] - _BLOCK + 1, _BLOCK):
            block = slice(rows, rows + _BLOCK), slice(columns, columns + _BLOCK)
            if edges[block].sum() > EDGES * _BLOCK * _BLOCK:
                counts += _noticed(widths[block], picture[block])
    total = counts.sum()
    return float(counts[: NOTICED + 1].sum() / total) if total else 0.0


def _noticed(widths: np.ndarray, block: np.ndarray) -> np.ndarray:
    """How many edges have each probability (101,) of being seen blurred."""
    contrast = int(block.max() - block.min())
    just = JUST_NOTICED[0] if contrast <= LOW_CONTRAST else JUST_NOTICED[1]
    found = widths[widths > 0]
    probability = 1 - np.exp(-((found / just) ** BETA))
    return np.bincount(np.rint(100 * probability).astype(int), minlength=101)


def edge_widths(picture: np.ndarray) -> np.ndarray:
    """How many pixels each upright edge takes from dark to bright, (H, W); 0 where there is none.

    picture: (H, W) float64
    """
    down, across = np.gradient(picture)
    angle = np.where(across != 0, np.rint(np.degrees(np.arctan2(down, across)) / 45) * 45, 0)
    widths = np.zeros(picture.shape)
    if not angle.any():
        return widths
    edge = _upright_edges(picture)
    edge[[0, -1]] = False
    edge[:, [0, -1]] = False
    for rises, direction in ((1, angle == 0), (-1, np.abs(angle) == 180)):
        here = edge & direction
        widths[here] = _run_lengths(rises * np.diff(picture, axis=1) > 0)[here]
    return widths


def _upright_edges(picture: np.ndarray) -> np.ndarray:
    """Thin upright edges (H, W) by Sobel's kernel."""
    strength = convolve(picture, SOBEL, mode="reflect") ** 2
    strength[strength <= 2 * np.sqrt(strength.mean())] = 0  # the original compares a square with no square
    padded = np.pad(strength, 1)
    middle = padded[1:-1, 1:-1]
    across = (middle > padded[1:-1, :-2]) & (middle > padded[1:-1, 2:])
    down = (middle > padded[:-2, 1:-1]) & (middle > padded[2:, 1:-1])
    return across | down


def _run_lengths(rising: np.ndarray) -> np.ndarray:
    """How many pixels to both sides of each (H, W) go on rising, by steps (H, W - 1) that do."""
    height, steps = rising.shape
    before = np.zeros((height, steps + 2), int)  # rising steps in a row that end at a pixel
    for column in range(steps):
        before[:, column + 1] = np.where(rising[:, column], before[:, column] + 1, 0)
    after = np.zeros((height, steps + 2), int)  # that start there
    for column in range(steps - 1, -1, -1):
        after[:, column] = np.where(rising[:, column], after[:, column + 1] + 1, 0)
    left = np.pad(before[:, : steps + 1], ((0, 0), (1, 0)))[:, : steps + 1]
    right = after[:, 1 : steps + 2]
    return 2 + np.minimum(left, LONGEST - 1) + np.minimum(right, LONGEST - 1)
