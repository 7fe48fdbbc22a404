"""Where a mark is whole and where it is missing: as a picture, and the region that lacks it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Of five dubs at two qualities, the largest part that showed less was 0.01 to 0.03 of all, and 0.1 to
# 0.19 once another dub's face was put in; benchmarks/marks.py region. How much a picture shows depends on how
# smooth it is and how it was written: 0.3 to 1.9 of a mark.
FAINT, MOST_FAINT = (
    0.25,
    0.3,
)  # of what is usual in a picture, and of a whole mark: what shows less is unmarked
LEAST_SHARE = 0.06  # of the marked area, below which chance makes such parts too
LEAST_USUAL = 0.2  # of a whole mark: where less is left of it, compression alone makes such parts

MAP_SIDE = 512  # pixels of the longer side
NOTHING = 96  # the grey of a picture without anything to show, and of places where nothing could be looked at


class UnmarkedRegion(NamedTuple):
    """A part of a mark's map, in shares of its width and height."""

    share: float  # of the marked area
    left: float
    top: float
    right: float
    bottom: float

    def covers(self, box: tuple[float, float, float, float]) -> bool:
        """Whether it holds half of a box (left, top, right, bottom), or lies in it with half of itself."""
        width = min(self.right, box[2]) - max(self.left, box[0])
        height = min(self.bottom, box[3]) - max(self.top, box[1])
        areas = ((each[2] - each[0]) * (each[3] - each[1]) for each in (box, self[1:]))
        return width > 0 and height > 0 and width * height >= 0.5 * min(areas)


def unmarked_region(heat: np.ndarray | None) -> UnmarkedRegion | None:
    """The largest region that lacks the mark which its surroundings have; None where there is none.

    heat: (h, w) as `MarkFound` has it, not a number where nothing is carried
    What reaches the map's edge is not told: a crop looks like that.
    """
    import cv2

    if heat is None or not (heat > 0).any():
        return None
    known = np.isfinite(heat)
    usual = float(np.median(heat[known & (heat > 0)]))
    if usual < LEAST_USUAL:
        return None
    lacking = (known & (heat < min(FAINT * usual, MOST_FAINT))).astype(np.uint8)
    _, _, found, _ = cv2.connectedComponentsWithStats(lacking)
    height, width = heat.shape
    inner = [
        UnmarkedRegion(area / known.sum(), left / width, top / height, (left + w) / width, (top + h) / height)
        for left, top, w, h, area in found[1:].tolist()
        if left > 0 and top > 0 and left + w < width and top + h < height
    ]
    largest = max(inner, default=None)
    return largest if largest is not None and largest.share >= LEAST_SHARE else None


def draw_heat(heat: np.ndarray | None) -> np.ndarray:
    """A map of a mark, (h, w, 3) uint8 RGB: dark violet where there is none of it, yellow where it is whole.

    heat: (h, w) as `MarkFound` has it; None: all is grey
    """
    import cv2

    if heat is None or not heat.size:
        return np.full((MAP_SIDE // 2, MAP_SIDE // 2, 3), NOTHING, np.uint8)
    known = np.isfinite(heat)
    levels = np.round(255 * np.clip(np.where(known, heat, 0), 0, 1)).astype(np.uint8)
    painted = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1].copy()
    painted[~known] = NOTHING
    times = MAP_SIDE / max(heat.shape)
    size = (max(1, round(heat.shape[1] * times)), max(1, round(heat.shape[0] * times)))
    return cv2.resize(painted, size, interpolation=cv2.INTER_NEAREST)
