"""The sound that PC-AVS learned from: a log-mel spectrogram of a voice brought to one loudness."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...types import Samples
from ..speech import SAMPLE_RATE, Spectrogram, mel_basis

ROWS_PER_SECOND = 100
LOUDNESS = 0.1  # root mean square of the whole voice
QUIETEST = 1e-4  # that is still made as loud as that

_FFT, _HOP = 1280, SAMPLE_RATE // ROWS_PER_SECOND
_BEFORE = _FFT - _HOP  # samples of silence in front of the voice
_LOWEST = 125.0  # Hz
_BLOCK = 1 << 20  # samples


class LoudSpectrogram(Spectrogram):
    """It, of a voice of any length, made where it is looked at: (80, rows) in [0, 1].

    Row m looks at samples 160 m - 1120 to 160 m + 159.
    """

    silence = 0.0

    def __init__(self, samples: Samples | Tensor) -> None:
        """samples: at least one, mono at 16 kHz, in [-1, 1]; what is no number counts as silence"""
        super().__init__(samples)
        self._gain = LOUDNESS / max(QUIETEST, loudness(samples))

    @property
    def shape(self) -> tuple[int, int]:
        """Bands, and rows of the whole voice."""
        return 80, -(-len(self._samples) // _HOP) + _FFT // _HOP - 1

    def make(self, first: int, stop: int) -> Tensor:
        """Rows (80, stop - first), computed."""
        begin, end = first * _HOP - _BEFORE, (stop - 1) * _HOP + _HOP
        given = _numbers(self._samples[max(begin, 0) : max(end, 0)])
        behind = end - max(begin, 0) - len(given)
        samples = torch.nn.functional.pad(self._gain * given, (max(-begin, 0), behind))
        spectrum = torch.stft(
            samples, _FFT, _HOP, window=_window(), center=False, return_complex=True
        ).abs()  # (641, rows)
        bands = mel_basis(_LOWEST, _FFT).double() @ spectrum
        decibels = 20 * bands.clamp_min(1e-5).log10() - 20
        return ((decibels + 100) / 100).clamp(0, 1).float()


def loudness(samples: Samples | Tensor) -> float:
    """The root mean square of a voice of any length."""
    total = 0.0
    for first in range(0, len(samples), _BLOCK):
        total += float(_numbers(samples[first : first + _BLOCK]).square().sum())
    return float((total / len(samples)) ** 0.5)


def _numbers(samples: object) -> Tensor:
    return torch.nan_to_num(torch.as_tensor(samples).double(), nan=0.0, posinf=1.0, neginf=-1.0)


@lru_cache(maxsize=1)
def _window() -> Tensor:
    """Half the root of a Hann window (1280,) whose middle lies between two samples."""
    place = (torch.arange(_FFT, dtype=torch.float64) + 0.5) * (2 * torch.pi / _FFT)
    return 0.5 * (0.5 * (1 - torch.cos(place))).sqrt()
