"""Every network that can draw the lips, by its key in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from .base import LipSyncer
from .lnet import LNetSync
from .wav2lip import Wav2LipSync

SYNCERS: Mapping[str, LipSyncer] = {"lnet": LNetSync(), "wav2lip": Wav2LipSync()}
