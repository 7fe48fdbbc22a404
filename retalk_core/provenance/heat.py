"""Where a mark is whole and where it is missing, as a picture."""

from __future__ import annotations

import numpy as np

MAP_SIDE = 512  # pixels of the longer side
NOTHING = 96  # the grey of a picture without anything to show, and of places where nothing could be looked at


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
