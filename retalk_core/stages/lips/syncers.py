"""Every network that can draw the lips, by its key in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from .base import LipSyncer
from .lnet import LNET
from .wav2lip import WAV2LIP

SYNCERS: Mapping[str, LipSyncer] = {each.network: each for each in (LNET, WAV2LIP)}
