"""What the viseme listener hears: a log-mel spectrogram, freed of the voice's level and timbre."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ...models.voices.listener import BANDS
from ..stages.speech import SAMPLE_RATE
from ..types import Samples
from .signal import HOP, RATE, cut_sound

_WINDOW = 400  # samples, 25 ms
_FFT = 512
_LOWEST, _HIGHEST = 80.0, 7600.0  # Hz
_SILENT = 1e-20  # power of a band that stands for digital silence
_WEIGHT = 0.3  # power of a step's level by which it counts for what is usual: loud steps say more
_BELOW = 11.5  # nats (50 dB) under the usual level from where on everything is silence
_SCALE = 3.0  # nats

CHUNK = 5 * RATE  # steps over which levels are summed up ...
_AROUND = 3  # ... and chunks before and after one whose sums say what is usual there


def band_levels(samples: Samples, start: int, stop: int) -> np.ndarray:
    """Log power (stop - start, BANDS) float32 of mel bands, for steps of a voice (n,) at 16 kHz."""
    hann = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(cut_sound(samples, start, stop).astype(np.float32) * hann, _FFT)
    power = np.square(np.abs(spectrum)).astype(np.float32) @ _mel_basis()
    return np.log(power * (1 / _FFT) + _SILENT)


def sum_up(levels: np.ndarray) -> np.ndarray:
    """What normalising must know of steps (N, BANDS): weighted sums of bands and level, and of weights."""
    loudness = np.logaddexp.reduce(levels, axis=1).astype(np.float64)
    weight = np.exp(_WEIGHT * loudness)
    return np.concatenate([weight @ levels, [weight @ loudness, weight.sum()]])


def normalise(levels: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Levels (N, BANDS) against what is usual for this voice: (N, BANDS) float32, about 0.

    sums: (BANDS + 2,) of the voice about here, as `sum_up` makes them; they may be added

    Gain and the colour of a microphone fall out, and so does what lies far below the voice.
    """
    usual, loud = sums[:BANDS] / sums[-1], sums[BANDS] / sums[-1]
    floor = loud - np.log(BANDS) - _BELOW
    return ((np.maximum(levels, floor) - np.maximum(usual, floor)) / _SCALE).astype(np.float32)


def normalised_blocks(samples: Samples, block: int, reach: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """The normalised spectrogram of a voice, a block at a time, with silence beyond its ends.

    block:   steps, a divisor of `CHUNK`
    reach:   steps that are added on either side of a block
    returns: first and last step of each block, and (last - first + 2 reach, BANDS)

    The voice is read twice, and only a block's spectrogram is held. What is usual is judged within half a
    minute about a block, so that it follows a change of speaker.
    """
    steps = -(-len(samples) // HOP)
    chunks = np.stack(
        [sum_up(band_levels(samples, first, min(first + CHUNK, steps))) for first in range(0, steps, CHUNK)]
    )
    for first in range(0, steps, block):
        last = min(first + block, steps)
        middle = first // CHUNK
        sums = chunks[max(middle - _AROUND, 0) : middle + _AROUND + 1].sum(0)
        yield first, last, normalise(band_levels(samples, first - reach, last + reach), sums)


@lru_cache(maxsize=1)
def _mel_basis() -> np.ndarray:
    """Triangles (257, BANDS), evenly spaced in mel as by O'Shaughnessy; each sums to one."""
    lowest, highest = (2595 * float(np.log10(1 + edge / 700)) for edge in (_LOWEST, _HIGHEST))
    mel = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0)
    return (triangles / np.maximum(triangles.sum(0), 1e-6)).astype(np.float32)
