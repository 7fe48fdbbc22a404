"""Whether a face flickers: what changes between frames beyond what moved in the source.

The source's optical flow says where each pixel came from; what differs from there is change. Lai et al.,
"Learning blind video temporal consistency" (2018), with the flow of the source's pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..images import eight_bit
from .registry import metric, ratio

_SIDE = 256  # pixels of the face that is compared, at most


@metric(
    "warping_error", better="near 1", words="warping error {:.2f} of the source's", source="Lai et al. 2018"
)
def warping_kept(warping: np.ndarray, source_warping: np.ndarray) -> float | None:
    """The result's mean warping error against the source's; both (m,), from `FlowWatch`."""
    return ratio(warping, source_warping)


class FlowWatch:
    """Collects how far frames differ from those before them, moved as the source moves."""

    def __init__(self) -> None:
        self.warping: list[float] = []  # of the result, mean absolute difference where white is 1
        self.source_warping: list[float] = []
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def forget(self) -> None:
        """Begin anew, as after a cut or a frame that is left out."""
        self._last = None

    def see(self, source: np.ndarray, result: np.ndarray, box: np.ndarray) -> None:
        """Look at one frame.

        source, result: (H, W, 3) of one size
        box:            (4,) of the face; one whose size changes begins anew
        """
        here = _face(source, box), _face(result, box)
        if self._last is not None and self._last[0].shape == here[0].shape:
            back, valid = self._from_before(self._last[0], here[0])
            if valid.any():
                for kept, before, after in zip(
                    (self.source_warping, self.warping), self._last, here, strict=True
                ):
                    moved = cv2.remap(before, back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                    kept.append(float(np.abs(moved.astype(np.float32) - after)[valid].mean()) / 255)
        self._last = here

    def _from_before(self, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel was a frame ago (h, w, 2), and where that can be trusted (h, w)."""
        one, other = (cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in (before, after))
        forward, backward = self._flow.calc(one, other, None), self._flow.calc(other, one, None)
        height, width = one.shape
        grid = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
        place = grid + backward
        there = cv2.remap(forward, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        gap = ((there + backward) ** 2).sum(axis=2)
        return place, gap <= 0.01 * ((there**2).sum(axis=2) + (backward**2).sum(axis=2)) + 0.5


def _face(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The face as uint8, scaled to at most 256 pixels; of one size wherever boxes are."""
    left, top, right, bottom = box
    scale = min(_SIDE / max(right - left, bottom - top, 1.0), 1.0)
    size = max(round(scale * (right - left)), 8), max(round(scale * (bottom - top)), 8)
    affine = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])
    return eight_bit(
        cv2.warpAffine(picture, affine, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    )
