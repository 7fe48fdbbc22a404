"""LipGAN draws a small face from a picture of it and its upper half, with lips that fit the speech."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ....models.lips.lipgan import COLUMNS, SIDE
from .base import Wants
from .half_face import MEL, HalfFaceSync, pair_halves


def pair_whole_first(faces: Tensor, references: Tensor) -> Tensor:
    """What LipGAN is shown: references, and faces without their lower half behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    returns:           (T, 6, 96, 96) BGR in [0, 1]; rows 48 to 95 of the last three channels are 0

    As for Wav2Lip, only the other way round.
    """
    return pair_halves(faces, references, SIDE, whole_first=True)


LIPGAN = HalfFaceSync(
    Wants(
        "LipGAN",
        ("lipgan",),
        # A window begins with its frame, as its program has it; in training windows began earlier, and which
        # shift the published weights want is not documented.
        replace(MEL, columns=COLUMNS),
        side=SIDE,
        seen=SIDE,
        own_framing="lipgan",
        plain=True,
        pictures=("whole", "hidden"),
        rounds="behind",
    ),
    pair_whole_first,
)
