"""Find one person's face in every frame of a clip and follow it, shot by shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import OptionError


@dataclass(frozen=True, eq=False)
class FaceChoice:
    """Which of several faces to follow; decided anew in each shot, where its first face shows."""

    rule: Literal["largest", "index", "point", "mask"] = "largest"
    index: int = 0  # from the left, from 0
    point: tuple[float, float] = (0.0, 0.0)  # x, y in pixels: the face nearest to it
    mask: np.ndarray | None = None  # (H, W) or (T, H, W), any size: the face it covers most, if it covers one

    def __post_init__(self) -> None:
        if self.rule == "index" and self.index < 0:
            raise OptionError(f"Faces are counted from 0 at the left; there is no face {self.index}.")
        if self.rule == "mask" and (self.mask is None or self.mask.ndim not in (2, 3)):
            raise OptionError(
                "To choose the face with a mask, give a mask: one picture, or one for each frame."
            )
