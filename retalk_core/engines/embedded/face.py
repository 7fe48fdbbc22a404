"""What a frame's mouth is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame: what is there and what is wanted."""

    mesh: np.ndarray  # (468, 3) as it is
    target: np.ndarray  # (468, 2) as it shall be
    opening: float  # wanted, eye distances
    show: float  # 0..1


@dataclass(frozen=True, eq=False)
class Texture:
    """One of the mouths that a frame is dressed in."""

    picture: np.ndarray  # (h, w, 3)
    corner: np.ndarray  # (2,) its left top in its own frame
    points: np.ndarray  # (468, 2) the face's points in its own frame
    opening: float  # eye distances
    sharpness: float  # of its lips
    share: float


def lent_opening(textures: list[Texture]) -> float:
    """How open the mouth is that the textures show together, in eye distances."""
    return sum(texture.share * texture.opening for texture in textures)
