"""Feed SyncNet a clip's faces and its sound, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ...models.judges.syncnet import LIP_FRAMES, SyncNet
from ..faces.mesh import oval_boxes
from ..images import eight_bit
from ..media.clip import Clip
from ..metrics.lse import (
    FEWEST_PLACES,
    FRAME_RATE,
    REACH,
    distances_around,
    mel_cepstra,
    places,
    sound_stretches,
)
from ..metrics.sync_crops import calm_squares, crop_face, whole_frame
from ..types import FaceTrack, Samples

BLOCK = 16  # moments that are read together
WHITE = 32768.0  # of 16-bit integers, which the network was trained on


def frames_at_25(times: Sequence[Fraction], end: Fraction) -> np.ndarray:
    """Which frame of a clip is shown at each 25th of a second, (n,) int; at that rate each of them."""
    count = int(end * FRAME_RATE)
    moments = np.arange(count) / FRAME_RATE + 1e-6  # times are exact: this is for what floats make of them
    shown = np.searchsorted([float(time) for time in times], moments, side="right") - 1
    return np.asarray(shown.clip(0, len(times) - 1))


class SyncWatch:
    """Sees faces at 25 frames a second, and tells how far they are from sounds at every shift."""

    def __init__(self, network: SyncNet, frames: int, *sounds: Samples) -> None:
        """Get ready.

        frames: how many faces will be shown
        sounds: each (n,) at 16 kHz in [-1, 1]
        """
        self._network = network
        self._device = next(network.parameters()).device
        self._heard = [_SoundTrail(network, sound, frames) for sound in sounds]
        self._moments = max(heard.moments for heard in self._heard)
        self._faces: list[np.ndarray] = []
        self._done = 0

    def see(self, face: np.ndarray) -> None:
        """Take the next face (224, 224, 3) uint8 RGB."""
        self._faces.append(face)
        if len(self._faces) == BLOCK + LIP_FRAMES - 1:
            self._read(BLOCK)

    def mean_distances(self) -> list[np.ndarray | None]:
        """The mean distance from each sound at each shift (31,); None: too short to tell."""
        left = min(len(self._faces) - LIP_FRAMES + 1, self._moments - self._done)
        if left > 0:
            self._read(left)
        return [heard.mean_distances() for heard in self._heard]

    def _read(self, count: int) -> None:
        count = min(count, self._moments - self._done)
        if count > 0:
            lips = self._network.read_lips(self._as_tensor(self._faces[: count + LIP_FRAMES - 1]))[0]
            for heard in self._heard:
                heard.compare(lips.cpu().numpy())
            self._done += count
        self._faces = self._faces[count:] if count > 0 else []

    def _as_tensor(self, faces: Sequence[np.ndarray]) -> Tensor:
        stacked = torch.from_numpy(np.stack(faces)[..., ::-1].copy()).to(self._device)  # as BGR
        return stacked.float().permute(3, 0, 1, 2)[None]


class _SoundTrail:
    """One sound beside the lips that are seen, as far as both go."""

    def __init__(self, network: SyncNet, sound: Samples, frames: int) -> None:
        self._network = network
        self._device = next(network.parameters()).device
        self.moments = max(places(frames, len(sound)), 0)
        self._cepstra = mel_cepstra(sound, white=WHITE).astype(np.float32)
        self._vectors = np.zeros((0, 1024), np.float32)  # of the sound, from `_from` on
        self._from = 0
        self._done = 0
        self._total = np.zeros(2 * REACH + 1)

    def compare(self, lips: np.ndarray) -> None:
        """Take the lips (n, 1024) of the next moments; those beyond the sound's end don't count."""
        lips = lips[: max(self.moments - self._done, 0)]
        if len(lips):
            around = self._sound_around(self._done, self._done + len(lips))
            self._total += distances_around(lips, around).sum(axis=0, dtype=np.float64)
            self._done += len(lips)

    def mean_distances(self) -> np.ndarray | None:
        return self._total / self._done if self._done >= FEWEST_PLACES else None

    def _sound_around(self, first: int, last: int) -> np.ndarray:
        """Vectors of the sound from 15 moments before to 15 after; zeros beyond its ends."""
        low, high = max(first - REACH, 0), min(last + REACH, self.moments)
        known = self._from + len(self._vectors)
        if high > known:
            columns = self._cepstra[4 * known :]
            stretches = torch.from_numpy(sound_stretches(columns, high - known)).to(self._device)
            self._vectors = np.concatenate([self._vectors, self._network.read_sound(stretches).cpu().numpy()])
        self._vectors, self._from = self._vectors[low - self._from :], low
        return np.pad(self._vectors[: high - low], ((low - first + REACH, last + REACH - high), (0, 0)))


class FaceShow:
    """Shows SyncNet the face of a clip, as its frames come by, at 25 a second."""

    def __init__(self, watch: SyncWatch, clip: Clip, track: FaceTrack, *, faces_only: bool) -> None:
        """faces_only: the pictures are faces already, and shown whole"""
        self._watch, self._faces_only = watch, faces_only
        grid = frames_at_25(clip.times, clip.end)
        self._squares = calm_squares(oval_boxes(track)[grid]) if len(grid) else np.zeros((0, 3))
        self._turns = np.bincount(grid, minlength=len(clip))  # how often each frame is shown
        self._shown = 0

    def see(self, index: int, picture: np.ndarray) -> None:
        """Take the clip's next frame (H, W, 3)."""
        for _ in range(int(self._turns[index])):
            face = eight_bit(picture)
            whole = self._faces_only
            self._watch.see(whole_frame(face) if whole else crop_face(face, self._squares[self._shown]))
            self._shown += 1


class Shifted:
    """A sound that comes later, or below 0 earlier; silent where it isn't. It is sliced like one."""

    def __init__(self, sound: Samples, samples: int) -> None:
        self._sound, self._by = sound, samples

    def __len__(self) -> int:
        return len(self._sound)

    def __getitem__(self, part: slice) -> np.ndarray:
        first, stop, _ = part.indices(len(self))
        low, high = max(first - self._by, 0), min(stop - self._by, len(self))
        if high <= low:
            return np.zeros(max(stop - first, 0), np.float32)
        inside = np.asarray(self._sound[low:high], np.float32)
        return np.pad(inside, (low + self._by - first, stop - high - self._by))
