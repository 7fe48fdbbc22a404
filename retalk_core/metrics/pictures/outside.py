"""How much of a picture was lost where nothing was edited, and whether the edit's border shows.

Colours are compared in CIE 1976 Lab: one unit is about what can just be seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from ...images import white_of
from ..paired import similarity_map
from ..registry import metric

_BAND = 6  # pixels on either side of an edit's border
FEWEST_EDITED = 50  # pixels, below which nothing was edited


@metric(
    "loss_outside",
    better="higher",
    words="outside the edit {:.1f} dB",
    unknown="outside the edit exact",
)
def loss_outside(errors_outside: np.ndarray) -> float | None:
    """Peak signal-to-noise ratio in dB of mean squared errors (k,) on [0, 1]; None: exact."""
    error = float(np.mean(errors_outside)) if len(errors_outside) else 0.0
    return psnr(error) if error else None


@metric(
    "ssim_outside",
    better="higher",
    words="SSIM outside the edit {:.4f}",
    source="Wang et al. 2004",
)
def ssim_outside(likeness_outside: np.ndarray) -> float | None:
    """The mean structural similarity (k,) of frames with the source's, outside the edit."""
    return float(np.mean(likeness_outside)) if len(likeness_outside) else None


@metric("seam", better="near 0", words="a seam of {:.2f} Lab units")
def seam(seams: np.ndarray) -> float | None:
    """The mean step of colour (k,) at the edit's border, beyond the step that the source has there."""
    return float(np.mean(seams)) if len(seams) else None


def likeness_beyond(after: np.ndarray, before: np.ndarray, kept: np.ndarray) -> float | None:
    """Mean structural similarity of frames (H, W, 3) where `kept` (H, W) bool is; None: nowhere."""
    return float(similarity_map(after, before)[kept].mean()) if kept.any() else None


def edited_region(after: np.ndarray, before: np.ndarray, noise: float) -> np.ndarray:
    """Where a part of a frame was edited, (h, w) bool, as far as the pixels tell.

    after, before: (h, w, 3) of one type
    noise:         mean absolute difference, where white is 1, of pixels that nobody edited: the codec's
    """
    step = np.abs(after.astype(np.float32) - before).mean(axis=2) / white_of(after)
    calm = cv2.GaussianBlur(step, (0, 0), 2)
    edited = (calm > max(3 * noise, 3 / 255)).astype(np.uint8)
    closed = cv2.morphologyEx(edited, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    return cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0


def border_step(after: np.ndarray, before: np.ndarray, edited: np.ndarray) -> float | None:
    """How much further colours inside an edit's border are from those outside than in the source.

    after, before: (h, w, 3)
    edited:        (h, w) bool
    returns:       a mean difference in Lab units; None: there is no border in the picture
    """
    inside, outside = edited & _near(~edited), ~edited & _near(edited)
    border = edited & _near(~edited, 1)
    if edited.sum() < FEWEST_EDITED or not border.any() or not outside.any():
        return None
    then, now = (_steps(_lab(picture), inside, outside)[border] for picture in (before, after))
    return float((now - then).mean())


def _near(mask: np.ndarray, pixels: int = _BAND) -> np.ndarray:
    around = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), around) > 0


def _steps(lab: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """How far the mean colour of the one side about each pixel is from that of the other, (h, w)."""
    one, other = (_mean_about(lab, side.astype(np.float32)) for side in (inside, outside))
    return np.asarray(np.linalg.norm(one - other, axis=2))


def _mean_about(lab: np.ndarray, side: np.ndarray) -> np.ndarray:
    reach = (2 * _BAND + 1, 2 * _BAND + 1)
    total, count = cv2.boxFilter(lab * side[..., None], -1, reach), cv2.boxFilter(side, -1, reach)
    return total / np.maximum(count, 1e-6)[..., None]


def _lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((picture / white_of(picture)).astype(np.float32), cv2.COLOR_RGB2LAB)


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error on [0, 1]; at most 100."""
    return float(-10 * np.log10(max(error, 1e-10)))
