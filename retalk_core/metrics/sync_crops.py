"""Faces as SyncNet's two protocols of evaluation show them, which give different figures.

Chung and Zisserman, "Out of time" (2016), for real videos; Prajwal et al. (2020) for LRS, whose pictures are
faces already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..faces.detect import overlap

_SIDE = 224  # pixels
CROP = 0.40  # of half a face: how far a crop reaches beyond it
_GREY = 110  # beyond the frame's border
_CALM = 13  # frames over which boxes are filtered
SAME = 0.5  # overlap with the last box of a track
MISSED = 25  # frames without a detection that a track may have


class FaceTrail(NamedTuple):
    """One face through the frames in which it was detected, and those between."""

    frames: np.ndarray  # (T,) int, without a gap
    boxes: np.ndarray  # (T, 4) left, top, right, bottom in pixels


def link_boxes(
    frames: np.ndarray, boxes: np.ndarray, *, fewest: int = 100, smallest: float = 100
) -> list[FaceTrail]:
    """Join detections of one shot to trails.

    frames:   (n,) the frame of each detection, rising
    boxes:    (n, 4)
    fewest:   detections that a trail must exceed
    smallest: pixels that its mean width or height must exceed
    """
    left, trails = list(range(len(frames))), []
    while left:
        chain = _chain(left, frames, boxes)
        left = [index for index in left if index not in set(chain)]
        whole = np.arange(frames[chain[0]], frames[chain[-1]] + 1)
        between = np.stack([np.interp(whole, frames[chain], boxes[chain, side]) for side in range(4)], axis=1)
        size = (between[:, 2:] - between[:, :2]).mean(axis=0).max()
        if len(chain) > fewest and size > smallest:
            trails.append(FaceTrail(whole, between))
    return trails


def _chain(left: list[int], frames: np.ndarray, boxes: np.ndarray) -> list[int]:
    """The first detection and those that go on from it, one a frame."""
    chain = left[:1]
    for index in left[1:]:
        last = chain[-1]
        near = 0 < frames[index] - frames[last] <= MISSED
        if near and overlap(boxes[index], boxes[last : last + 1])[0] > SAME:
            chain.append(index)
    return chain


def whole_frame(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8 whose picture is a face already, as Wav2Lip's evaluation on LRS shows it."""
    return cv2.resize(frame, (_SIDE, _SIDE))


def face_crops(
    frames: Iterable[np.ndarray], boxes: np.ndarray, *, original: bool = False
) -> Iterator[np.ndarray]:
    """Faces (224, 224, 3) uint8 as SyncNet's evaluation of real videos crops them.

    frames:   T pictures (H, W, 3) uint8
    boxes:    (T, 4) left, top, right, bottom of the face in each
    original: also repeat that the first and last six boxes come out too small
    """
    for frame, square in zip(frames, calm_squares(boxes, original=original), strict=True):
        yield crop_face(frame, square)


def calm_squares(boxes: np.ndarray, *, original: bool = False) -> np.ndarray:
    """Half the longer side of boxes (T, 4), and their middles x and y, calmed over time: (T, 3)."""
    half = np.maximum(boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]) / 2
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    calm: Callable[[np.ndarray], np.ndarray] = _median_of_zeros if original else _median
    return np.stack([calm(values) for values in (half, x, y)], axis=1)


def crop_face(frame: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The face (224, 224, 3) uint8 in a frame (H, W, 3) by a row of `calm_squares`; grey beyond the frame."""
    half, x, y = square
    border = int(half * (1 + 2 * CROP))
    padded = cv2.copyMakeBorder(
        frame, border, border, border, border, cv2.BORDER_CONSTANT, value=(_GREY, _GREY, _GREY)
    )
    x, y = x + border, y + border
    top, bottom = int(y - half), int(y + half * (1 + 2 * CROP))
    left, right = int(x - half * (1 + CROP)), int(x + half * (1 + CROP))
    return cv2.resize(padded[top:bottom, left:right], (_SIDE, _SIDE))


def _median(values: np.ndarray) -> np.ndarray:
    reach = _CALM // 2
    around = sliding_window_view(np.pad(values, reach, mode="edge"), _CALM)
    return np.asarray(np.median(around, axis=1))


def _median_of_zeros(values: np.ndarray) -> np.ndarray:
    # Here: a second that a dub, which is judged by other metrics, needn't wait.
    from scipy.signal import medfilt

    return np.asarray(medfilt(values, _CALM))
