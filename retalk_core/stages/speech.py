"""The sound that L-Net learned from: a log-mel spectrogram, one window per frame."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ..types import MelWindows, Samples

SAMPLE_RATE = 16_000  # Hz
COLUMNS_PER_SECOND = SAMPLE_RATE // 200  # a hop is 200 samples
WINDOW = 16  # columns, 0.2 s

_FFT = 800  # samples, which is also the length of the Hann window
_HOP = SAMPLE_RATE // COLUMNS_PER_SECOND
_BANDS = 80
_LOWEST, _HIGHEST = 55.0, 7600.0  # Hz
_SILENCE = -4.0  # what exact silence becomes
_CHUNK = 6_000  # columns transformed at a time: 75 s, some 40 MB of spectrum
_KEPT = 2  # such parts of a `Spectrogram`, 2 MB each

# Slaney's scale: linear below 1 kHz, where a mel is 200 / 3 Hz, and logarithmic above.
_KNEE = 1000.0  # Hz
_KNEE_MEL = _KNEE * 3 / 200
_LOG_STEP = math.log(6.4) / 27


def log_mel(waveform: Tensor) -> Tensor:
    """The log-mel spectrogram (80, 1 + samples // 200) in [-4, 4] that L-Net was trained on.

    waveform: (samples,) mono at 16 kHz, in [-1, 1]; at least one sample. Samples that are not
              numbers count as silence.

    Column i is centred on second i / 80. Memory is bounded whatever the length, apart from the
    result: 320 bytes a column, 92 MB an hour. `Spectrogram` keeps a part of it only.
    """
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"A waveform is one row of at least one sample, not {tuple(waveform.shape)}.")
    columns = 1 + len(waveform) // _HOP
    parts = (_part(waveform, i, min(i + _CHUNK, columns)) for i in range(0, columns, _CHUNK))
    return torch.cat(list(parts), dim=1)


class Spectrogram:
    """The log-mel spectrogram of a voice of any length, made where it is looked at.

    `columns(first, stop)` is what `log_mel` has there, bit for bit. Looking in rising order costs no more
    than `log_mel` does. Other spectrograms say how long they are and how a part of them is made.
    """

    silence = _SILENCE  # what a column holds in which nothing is heard

    def __init__(self, samples: Samples | Tensor) -> None:
        """samples: at least one, mono at 16 kHz, in [-1, 1]; what is no number counts as silence"""
        if not len(samples):
            raise ValueError("A voice needs at least one sample.")
        self._samples = samples
        self._parts: OrderedDict[int, Tensor] = OrderedDict()  # (bands, _CHUNK) each, by number

    @property
    def shape(self) -> tuple[int, int]:
        """Bands, and columns of the whole voice."""
        return _BANDS, 1 + len(self._samples) // _HOP

    def make(self, first: int, stop: int) -> Tensor:
        """Columns (bands, stop - first), computed."""
        return _part(self._samples, first, stop)

    def columns(self, first: int, stop: int) -> Tensor:
        """Columns (bands, n) from `first` to `stop`, or to the end."""
        stop = min(stop, self.shape[1])
        if first >= stop:
            return torch.empty(self.shape[0], 0)
        numbers = range(first // _CHUNK, (stop - 1) // _CHUNK + 1)
        parts = [
            self._made(number)[:, max(first - number * _CHUNK, 0) : stop - number * _CHUNK]
            for number in numbers
        ]
        return torch.cat(parts, dim=1)

    def _made(self, number: int) -> Tensor:
        if number not in self._parts:
            first = number * _CHUNK
            self._parts[number] = self.make(first, min(first + _CHUNK, self.shape[1]))
            if len(self._parts) > _KEPT:
                self._parts.popitem(last=False)
        return self._parts[number]


def mel_windows(waveform: Tensor, times: Sequence[Fraction]) -> MelWindows:
    """Cut speech into one mel window per video frame.

    waveform: (samples,) mono at 16 kHz, in [-1, 1]; at least one sample
    times:    T frame times in seconds, none before 0
    returns:  windows (T, 1, 80, 16) in [-4, 4]

    A window starts where its frame does and looks 0.2 s ahead; beyond the speech there is silence.
    """
    return MelWindows(cut_windows(log_mel(waveform), times), tuple(times))


def cut_windows(
    mel: Tensor | Spectrogram, times: Sequence[Fraction], columns: int = WINDOW, *, hold_last: bool = False
) -> Tensor:
    """Cut windows (T, 1, 80, columns) out of a log-mel spectrogram (80, n), one for each of T times.

    hold_last: what begins within the speech and would run over its end is the last whole window instead;
               else it goes on with silence

    All windows of a long clip would take many times the spectrogram's memory: cut them when they are needed.
    """
    starts = [math.floor(COLUMNS_PER_SECOND * time) for time in times]  # exact: times are fractions
    if min(starts, default=0) < 0:
        raise ValueError(f"A frame can't come before the sound begins: {min(times)} s.")
    if hold_last:
        heard = mel.shape[1]
        starts = [min(start, max(heard - columns, 0)) if start < heard else start for start in starts]
    return windows_at(mel, starts, columns, _SILENCE)


def windows_at(mel: Tensor | Spectrogram, starts: Sequence[int], columns: int, silence: float) -> Tensor:
    """Windows (T, 1, bands, columns) that begin at T columns of a spectrogram (bands, n).

    silence: what stands before its beginning and behind its end
    """
    first, stop = min(starts, default=0), max(starts, default=0) + columns
    begin = max(first, 0)
    part = mel.columns(begin, stop) if isinstance(mel, Spectrogram) else mel[:, begin:stop]
    missing = stop - begin - part.shape[1]
    part = F.pad(part, (begin - first, missing), value=silence)
    windows = part.unfold(1, columns, 1)[:, [start - first for start in starts]]  # (bands, T, columns)
    return windows.movedim(1, 0).unsqueeze(1).contiguous()


def _part(waveform: Tensor | Samples, first: int, stop: int) -> Tensor:
    """The columns (80, stop - first) of a spectrogram."""
    samples = _emphasised(waveform, first * _HOP - _FFT // 2, (stop - 1) * _HOP + _FFT // 2)
    window = torch.hann_window(_FFT, device=samples.device)
    spectrum = torch.stft(
        samples, _FFT, _HOP, window=window, center=False, return_complex=True
    ).abs()  # (401, n)
    return _levels(mel_basis(_LOWEST, _FFT).to(samples.device) @ spectrum)


def _emphasised(waveform: Tensor | Samples, start: int, stop: int) -> Tensor:
    """The samples [start, stop) with their treble raised; silence where there are none."""
    left, right = max(start - 1, 0), min(stop, len(waveform))
    given = torch.as_tensor(waveform[left:right]).float()
    samples = torch.nan_to_num(given, nan=0.0, posinf=1.0, neginf=-1.0)
    before = F.pad(samples, (1, 0))[:-1]  # nothing precedes the first sample
    raised = (samples - 0.97 * before)[max(start, 0) - left :]
    return F.pad(raised, (max(-start, 0), max(stop - len(waveform), 0)))


def _levels(mel: Tensor) -> Tensor:
    """Magnitudes as decibels, -120 .. 0 about the paper's reference, mapped linearly to [-4, 4]."""
    decibels = 20 * mel.clamp_min(1e-5).log10() - 20
    return (8 * (decibels + 100) / 100 - 4).clamp(-4, 4)


@lru_cache(maxsize=2)
def mel_basis(lowest: float, fft: int) -> Tensor:
    """Slaney's triangular bands (80, fft / 2 + 1), each of unit area: what `librosa.filters.mel` gives.

    lowest: Hz, at which the first band begins; the last ends at 7600
    fft:    samples of sound at 16 kHz that are looked at together

    Built here because importing librosa's filters takes longer than a minute of speech does.
    """
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, fft // 2 + 1, dtype=torch.float64)
    mels = torch.linspace(_to_mel(lowest), _to_mel(_HIGHEST), _BANDS + 2, dtype=torch.float64)
    edges = torch.tensor([_from_mel(float(mel)) for mel in mels], dtype=torch.float64)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - lower) / (centre - lower)
    falling = (upper - frequencies) / (upper - centre)
    triangles = torch.minimum(rising, falling).clamp_min(0)
    return (triangles * 2 / (upper - lower)).float()


def _to_mel(frequency: float) -> float:
    if frequency < _KNEE:
        return frequency * 3 / 200
    return _KNEE_MEL + math.log(frequency / _KNEE) / _LOG_STEP


def _from_mel(mel: float) -> float:
    if mel < _KNEE_MEL:
        return mel * 200 / 3
    return _KNEE * math.exp(_LOG_STEP * (mel - _KNEE_MEL))
