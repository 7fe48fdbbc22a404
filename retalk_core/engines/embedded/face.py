"""What a frame's mouth is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...faces.canonical import Pose
from ...types import Pixels


@dataclass(frozen=True, eq=False)
class Jaws:
    """Where the rows of teeth are, in canonical coordinates, and how the head is held."""

    pose: Pose  # of one face
    upper: np.ndarray  # (3,) the edge of the resting upper lip: it marks a place on the skull
    lower: np.ndarray  # (3,) the same of the lower lip, on the jaw as it stands


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame: what is there and what is wanted."""

    mesh: np.ndarray  # (468, 3) as it is
    target: np.ndarray  # (468, 2) as it shall be
    opening: float  # wanted, eye distances
    show: float  # 0..1
    jaws: Jaws  # as they shall be


@dataclass(frozen=True, eq=False)
class Texture:
    """One of the mouths that a frame is dressed in."""

    picture: Pixels  # (h, w, 3)
    corner: np.ndarray  # (2,) its left top in its own frame
    points: np.ndarray  # (468, 2) the face's points in its own frame
    opening: float  # eye distances
    sharpness: float  # of its lips
    share: float
    rims: np.ndarray  # (2, 9) from `lips.lip_rims`


def lent_opening(textures: list[Texture]) -> float:
    """How open the mouth is that the textures show together, in eye distances."""
    return sum(texture.share * texture.opening for texture in textures)
