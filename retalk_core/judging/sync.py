"""Feed SyncNet a clip's faces and its sound, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ...models.judges.syncnet import LIP_FRAMES, SyncNet
from ..metrics.lse import (
    FEWEST_PLACES,
    FRAME_RATE,
    REACH,
    distances_around,
    mel_cepstra,
    places,
    sound_stretches,
)
from ..types import Samples

BLOCK = 16  # moments that are read together
WHITE = 32768.0  # of 16-bit integers, which the network was trained on


def frames_at_25(times: Sequence[Fraction], end: Fraction) -> np.ndarray:
    """Which frame of a clip is shown at each 25th of a second, (n,) int; at that rate each of them."""
    count = int(end * FRAME_RATE)
    moments = np.arange(count) / FRAME_RATE + 1e-6  # times are exact: this is for what floats make of them
    shown = np.searchsorted([float(time) for time in times], moments, side="right") - 1
    return np.asarray(shown.clip(0, len(times) - 1))


class SyncWatch:
    """Sees faces at 25 frames a second, and tells how far they are from the sound at every shift."""

    def __init__(self, network: SyncNet, sound: Samples, frames: int) -> None:
        """Get ready.

        sound:  (n,) at 16 kHz in [-1, 1]
        frames: how many faces will be shown
        """
        self._network = network
        self._device = next(network.parameters()).device
        self.moments = max(places(frames, len(sound)), 0)
        self._cepstra = mel_cepstra(sound, white=WHITE).astype(np.float32)
        self._faces: list[np.ndarray] = []
        self._heard = np.zeros((0, 1024), np.float32)  # vectors of the sound, from `_from` on
        self._from = 0
        self._done = 0
        self._total = np.zeros(2 * REACH + 1)

    def see(self, face: np.ndarray) -> None:
        """Take the next face (224, 224, 3) uint8 RGB."""
        self._faces.append(face)
        if len(self._faces) == BLOCK + LIP_FRAMES - 1:
            self._read(BLOCK)

    def mean_distances(self) -> np.ndarray | None:
        """The mean distance at each shift (31,); None: the clip is too short to tell."""
        left = min(len(self._faces) - LIP_FRAMES + 1, self.moments - self._done)
        if left > 0:
            self._read(left)
        return self._total / self._done if self._done >= FEWEST_PLACES else None

    def _read(self, count: int) -> None:
        count = min(count, self.moments - self._done)
        if count > 0:
            lips = self._network.read_lips(self._as_tensor(self._faces[: count + LIP_FRAMES - 1]))[0]
            around = self._sound_around(self._done, self._done + count)
            self._total += distances_around(lips.cpu().numpy(), around).sum(axis=0, dtype=np.float64)
            self._done += count
        self._faces = self._faces[count:] if count > 0 else []

    def _as_tensor(self, faces: Sequence[np.ndarray]) -> Tensor:
        stacked = torch.from_numpy(np.stack(faces)[..., ::-1].copy()).to(self._device)  # as BGR
        return stacked.float().permute(3, 0, 1, 2)[None]

    def _sound_around(self, first: int, last: int) -> np.ndarray:
        """Vectors of the sound from 15 moments before to 15 after; zeros beyond its ends."""
        low, high = max(first - REACH, 0), min(last + REACH, self.moments)
        known = self._from + len(self._heard)
        if high > known:
            columns = self._cepstra[4 * known :]
            stretches = torch.from_numpy(sound_stretches(columns, high - known)).to(self._device)
            self._heard = np.concatenate([self._heard, self._network.read_sound(stretches).cpu().numpy()])
        self._heard, self._from = self._heard[low - self._from :], low
        return np.pad(self._heard[: high - low], ((low - first + REACH, last + REACH - high), (0, 0)))
