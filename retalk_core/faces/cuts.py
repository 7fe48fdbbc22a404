"""Where a clip is cut, told from movement, zooms and flashes by the pictures alone."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from ..images import eight_bit, thinned
from ..types import Pixels

CUT_PICTURE = (64, 36)  # width and height that frames are shrunk to before they are compared
CUT_CHANGE = 0.56  # of the picture's contrast, left over when movement is made up for
CUT_REACH = 6  # pixels of the small picture that a part may have moved
CUT_BLOCKS = (8, 9)  # width and height of the parts
FLASH_FRAMES = 3  # a picture that is back after so many frames was not cut


class CutFinder:
    """Looks at a clip frame by frame."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._before_cut: np.ndarray | None = None
        self.cut_age = 0  # frames since the last cut

    def see(self, pixels: Pixels) -> Literal["same", "cut", "back"]:
        """Compare the next frame (H, W, 3) with those before it; "back" takes the last cut back."""
        small = _small_picture(pixels)
        last, self._last = self._last, small
        self.cut_age += 1
        if last is None or picture_change(last, small) < CUT_CHANGE:
            return "same"
        before = self._before_cut
        if before is not None and self.cut_age <= FLASH_FRAMES and picture_change(before, small) < CUT_CHANGE:
            self._before_cut = None
            return "back"
        self._before_cut, self.cut_age = last, 0
        return "cut"

    def see_again(self) -> None:
        """The next frame is the same picture."""
        self.cut_age += 1


def picture_change(before: np.ndarray, after: np.ndarray) -> float:
    """How much of a small picture (36, 64, 3) another doesn't explain: 0 for none of it, about 1 for all.

    Light may change and parts may move.
    """
    first, second = _normalised(before), _normalised(after)
    plain = float(np.sqrt(((first - second) ** 2).mean()))
    if plain < CUT_CHANGE:
        return plain
    reach, (width, height) = CUT_REACH, CUT_BLOCKS
    wide = cv2.copyMakeBorder(first, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    left_over = []
    for y in range(0, second.shape[0], height):
        for x in range(0, second.shape[1], width):
            around = wide[y : y + height + 2 * reach, x : x + width + 2 * reach]
            errors = cv2.matchTemplate(around, second[y : y + height, x : x + width], cv2.TM_SQDIFF)
            left_over.append(max(float(errors.min()), 0.0) / (width * height * 3))
    return float(np.sqrt(np.mean(left_over)))


def _small_picture(pixels: Pixels) -> np.ndarray:
    """A frame as (36, 64, 3) float32 in [0, 255]."""
    stride = max(1, min(pixels.shape[:2]) // 180)
    small = cv2.resize(thinned(pixels, stride), CUT_PICTURE, None, 0, 0, cv2.INTER_AREA)
    return eight_bit(small).astype(np.float32)


def _normalised(picture: np.ndarray) -> np.ndarray:
    """A picture without its brightness and contrast; what is nearly even stays so."""
    return (picture - picture.mean(axis=(0, 1))) / (picture.std() + 6)
