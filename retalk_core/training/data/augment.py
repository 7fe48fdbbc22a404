"""What may be changed by chance in a clip as it is learnt from: off unless it is asked for.

Neither Wav2Lip nor PIRenderer change anything. Time is never stretched: lips and speech would part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..settings import knob
from .talks import Talk

_SIDE = 96  # pixels of the faces that a shift is told in
_MEL_PER_DECIBEL = 0.08  # the spectrogram's 8 units stand for 100 decibels
_JPEG = (60, 101)  # qualities
_MIRRORED = (1, 0, 2, 4, 3)  # which of five points is which in a mirror


@dataclass(frozen=True)
class Augment:
    """How much is changed; 0 changes nothing."""

    flip: float = knob(0.0, "share of samples in which left and right are exchanged, in all their pictures")
    gain: float = knob(0.0, "by what share the voice may be louder or softer, such as 0.1")
    hiss: float = knob(0.0, "share of samples with a hiss under the voice, 65 to 85 decibels below full")
    shift: float = knob(0.0, "pixels of 96 by which faces may be shifted, such as 3; references by others")
    jpeg: float = knob(0.0, "share of samples shown as JPEGs of quality 60 to 100, such as 0.3")

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        return any((self.flip, self.gain, self.hiss, self.shift, self.jpeg))


class ChangedTalk:
    """A clip in which some things are changed, the same in all that is asked of it; see `talks.Talk`."""

    def __init__(self, talk: Talk, wanted: Augment, chance: np.random.Generator) -> None:
        """Draw what is changed."""
        self._talk, self._wanted, self._chance = talk, wanted, chance
        self.name, self.speaker, self.voice = talk.name, talk.speaker, talk.voice
        self.usable, self.shot = talk.usable, talk.shot
        self._flips = chance.uniform() < wanted.flip
        self._louder = 20 * math.log10(max(1 + chance.uniform(-wanted.gain, wanted.gain), 1e-3))
        self._hiss = float(chance.uniform(-85, -65)) if chance.uniform() < wanted.hiss else None
        self._quality = int(chance.integers(*_JPEG)) if chance.uniform() < wanted.jpeg else None
        self._moved = (0.0, 0.0)  # by how much the latest faces are shifted, in parts of their side

    def faces(self, rows: Sequence[int], side: int) -> Tensor:
        """One shift for all of them, another one each time."""
        return self._changed(self._talk.faces(rows, side))

    def references(self, rows: Sequence[int], side: int) -> Tensor:
        """Likewise."""
        return self._changed(self._talk.references(rows, side))

    def portraits(self, rows: Sequence[int], side: int) -> Tensor:
        """Unchanged: coefficients go with them."""
        return self._talk.portraits(rows, side)

    def points(self, rows: Sequence[int]) -> Tensor:
        """Where they are in the faces that were asked for last."""
        points = self._talk.points(rows)
        if self._flips:
            points = points[:, _MIRRORED] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        return points + torch.tensor(self._moved)

    def mels(self, rows: Sequence[int]) -> Tensor:
        """As a waveform so much louder or softer has it, with a hiss whose bands swing by some decibels."""
        mels = (self._talk.mels(rows) + _MEL_PER_DECIBEL * self._louder).clamp(-4, 4)
        if self._hiss is None:
            return mels
        swing = torch.from_numpy(self._chance.normal(0, 3, tuple(mels.shape)).astype(np.float32))
        floor = 4 + _MEL_PER_DECIBEL * (self._hiss + swing)
        return _with_floor(mels, floor).clamp(-4, 4)

    def windows(self, rows: Sequence[int]) -> Tensor:
        return self._talk.windows(rows)

    def squeezed(self, pictures: Tensor) -> Tensor:
        """Pictures (n, S, S, 3) as they are shown: JPEGs where that was drawn."""
        if self._quality is None:
            return pictures
        return torch.stack([_as_jpeg(picture, self._quality) for picture in pictures])

    def _changed(self, pictures: Tensor) -> Tensor:
        side = pictures.shape[1]
        reach = round(self._wanted.shift * side / _SIDE)
        x, y = self._chance.integers(-reach, reach + 1, 2).tolist()
        self._moved = (x / side, y / side)
        if self._flips:
            pictures = pictures.flip(2)
        if (x, y) == (0, 0):
            return pictures
        wide = F.pad(pictures.permute(0, 3, 1, 2), (abs(x), abs(x), abs(y), abs(y)), mode="replicate")
        left, top = abs(x) - x, abs(y) - y
        return wide[:, :, top : top + side, left : left + side].permute(0, 2, 3, 1).contiguous()


def augmented(talk: Talk, wanted: Augment, chance: np.random.Generator) -> Talk:
    """The clip with what is changed in one sample; itself where nothing is."""
    return ChangedTalk(talk, wanted, chance) if wanted.changes else talk


def as_shown(talk: Talk, pictures: Tensor) -> Tensor:
    """Pictures (n, S, S, 3) of a clip as a network is shown them; what it shall draw stays."""
    return talk.squeezed(pictures) if isinstance(talk, ChangedTalk) else pictures


def _with_floor(mels: Tensor, floor: Tensor) -> Tensor:
    """Spectrograms of two sounds that have nothing to do with each other: their energies add up."""
    ten = math.log(10) / 10 / _MEL_PER_DECIBEL
    return torch.logaddexp(mels * ten, floor * ten) / ten


def _as_jpeg(picture: Tensor, quality: int) -> Tensor:
    """A picture (S, S, 3) RGB in [0, 1] after it was a JPEG."""
    pixels = (picture.numpy()[..., ::-1].clip(0, 1) * 255).round().astype(np.uint8)
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if done else None
    assert read is not None, "what was encoded can be decoded"
    return torch.from_numpy(read[..., ::-1].astype(np.float32) / 255)
