"""Wav2Lip draws a small face from its upper half and a picture of it, with lips that fit the speech."""

from __future__ import annotations

from torch import Tensor

from ....models.lips.wav2lip import SIDE
from .base import Wants
from .half_face import MEL, HalfFaceSync, pair_halves


def pair_small(faces: Tensor, references: Tensor) -> Tensor:
    """What Wav2Lip is shown: faces without their lower half, and references behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    returns:           (T, 6, 96, 96) BGR in [0, 1]; rows 48 to 95 of the first three channels are 0

    The pictures are shrunk without averaging, then hidden: so Wav2Lip learned.
    """
    return pair_halves(faces, references, SIDE)


def _sync(key: str, title: str) -> HalfFaceSync:
    wants = Wants(title, (key,), MEL, side=SIDE, seen=SIDE, own_framing="wav2lip", plain=True)
    return HalfFaceSync(wants, pair_small, hold_last=True)


# The same network, trained without and with a discriminator.
WAV2LIP = _sync("wav2lip", "Wav2Lip without GAN")
WAV2LIP_GAN = _sync("wav2lip_gan", "Wav2Lip with GAN")
