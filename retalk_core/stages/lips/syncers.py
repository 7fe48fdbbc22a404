"""Everything that can draw the lips, by the word for it."""

from __future__ import annotations

from collections.abc import Mapping

from .base import LipSyncer
from .lipgan import LIPGAN
from .lnet import LNET
from .pcavs import PCAVS
from .wav2lip import WAV2LIP, WAV2LIP_GAN

SYNCERS: Mapping[str, LipSyncer] = {
    "lnet": LNET,
    "wav2lip": WAV2LIP,
    "wav2lip_gan": WAV2LIP_GAN,
    "lipgan": LIPGAN,
    "pcavs": PCAVS,
}
