"""Which of several faces is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import OptionError
from ..fields import option

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class FaceChoice:
    """Which of several faces to follow; decided anew in each shot, where its first face shows."""

    rule: Literal["largest", "index", "point", "mask"] = "largest"  # but for the first, the field that counts
    index: int = option(
        0, tip="The N-th face from the left, from 0.", unset="the largest", flag="--face-index", widget=""
    )
    point: tuple[float, float] = option(
        (0.0, 0.0), kind="point", tip="The face nearest to this pixel.", flag="--face-at", widget=""
    )
    mask: np.ndarray | None = option(
        # (H, W) or (T, H, W), any size: the face it covers most, if it covers one
        None,
        kind="mask",
        tip="The face that is white in this picture.",
        flag="--face-mask",
        widget="",
    )

    def __post_init__(self) -> None:
        if self.rule == "index" and self.index < 0:
            raise OptionError(f"Faces are counted from 0 at the left; there is no face {self.index}.")
        if self.rule == "mask" and (self.mask is None or self.mask.ndim not in (2, 3)):
            raise OptionError(
                "To choose the face with a mask, give a mask: one picture, or one for each frame."
            )
