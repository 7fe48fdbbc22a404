"""Wav2Lip draws a small face from its upper half and a picture of it, with lips that fit the speech."""

from __future__ import annotations

from torch import Tensor

from ....models.lips.wav2lip import SIDE
from .half_face import HalfFaceSync, pair_halves


def pair_small(faces: Tensor, references: Tensor) -> Tensor:
    """What Wav2Lip is shown: faces without their lower half, and references behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    returns:           (T, 6, 96, 96) BGR in [0, 1]; rows 48 to 95 of the first three channels are 0

    The pictures are shrunk without averaging, then hidden: so Wav2Lip learned.
    """
    return pair_halves(faces, references, SIDE)


WAV2LIP = HalfFaceSync("wav2lip", SIDE, pair_small)
