"""L-Net draws a small face from its upper half, with lips that fit the speech."""

from __future__ import annotations

from torch import Tensor, nn

from ....models.lips.enet import SIDE, shrink
from ....models.lips.lnet import SIDE as DRAWN_SIDE
from ...types import Progress, silent
from .base import Wants
from .half_face import MEL, HalfFaceSync, pair_halves


def sync_lips(
    network: nn.Module,
    faces: Tensor,
    references: Tensor,
    mel: Tensor,
    *,
    batch_size: int = 16,
    progress: Progress = silent,
) -> Tensor:
    """Draw faces whose lips fit the speech.

    network:    L-Net
    faces:      (T, S, S, 3) RGB in [0, 1], of any size: face crops whose upper half shows pose and light
    references: (T, S, S, 3) likewise, what the person looks like; the same place in the picture as the faces
    mel:        (T, 1, 80, 16) windows of speech in [-4, 4]; faces or references may be one for all of them
    returns:    (T, 96, 96, 3) RGB in [0, 1]; the upper half is drawn anew too
    raises:     InputError where the counts differ
    """
    return LNET.sync({"lnet": network}, faces, references, mel, batch_size=batch_size, progress=progress)


def pair_faces(faces: Tensor, references: Tensor) -> Tensor:
    """What L-Net is shown, before it is shrunk: faces without their lower half, and references behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    returns:           (T, 6, 384, 384) BGR in [0, 1]; rows 192 to 383 of the first three channels are 0

    Hiding comes before the shrinking to 96 pixels, as when L-Net learned: neither mixes across the edge.
    """
    return pair_halves(faces, references, SIDE)


def pair_shrunk_faces(faces: Tensor, references: Tensor) -> Tensor:
    """What L-Net is shown, and learns from, (T, 6, 96, 96) BGR in [0, 1]: see `pair_faces`."""
    return shrink(pair_faces(faces, references))


LNET = HalfFaceSync(Wants("L-Net", ("lnet",), MEL, side=DRAWN_SIDE, seen=SIDE), pair_shrunk_faces)
