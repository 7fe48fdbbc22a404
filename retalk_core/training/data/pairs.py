"""Faces and references as L-Net is shown them: by a dub's own function, at other sizes by its like."""

from __future__ import annotations

from torch import Tensor

from ....models.lips.enet import SIDE
from ....models.lips.lnet import SIDE as DRAWN
from ...stages.lips.half_face import pair_halves
from ...stages.lips.lnet import pair_shrunk_faces


def cut_side(drawn: int) -> int:
    """Pixels of the faces that are cut for a network that draws so many."""
    return SIDE if drawn == DRAWN else drawn


def pair_to_learn(faces: Tensor, references: Tensor, side: int) -> Tensor:
    """Faces without their lower half, and references behind them.

    faces, references: (T, S, S, 3) RGB in [0, 1]
    returns:           (T, 6, side, side) BGR in [0, 1]; at 96 pixels what a dub shows, to the last bit
    """
    if side == DRAWN:
        return pair_shrunk_faces(faces, references)
    return pair_halves(faces, references, side)
