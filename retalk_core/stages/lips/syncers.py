"""Every network that can draw the lips, by its key in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from .base import LipSyncer
from .lnet import LNetSync

SYNCERS: Mapping[str, LipSyncer] = {"lnet": LNetSync()}
