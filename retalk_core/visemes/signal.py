"""What a voice shows without being understood: its level, its spectral balance, and where it speaks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..runs import true_runs
from ..stages.speech import SAMPLE_RATE
from ..types import Samples

RATE = 100  # steps per second; step i stands for the hundredth that begins at i / RATE
HOP = SAMPLE_RATE // RATE  # samples
PAUSE = 20  # steps without speech that make a pause

_WINDOW = 400  # samples, 25 ms
_FFT = 512
_BLOCK = 20 * RATE  # steps analysed at a time, so that hours of sound need little memory
_SILENT_LEVEL = -110.0  # dB, stands for digital silence

_LOCAL = 30 * RATE  # steps: what is loud for this voice is judged within as long a window ...
_LOCAL_HOP = 5 * RATE  # ... that moves by this much, so that a change of speaker or of distance is followed
_GATE = -78.0  # dB; a sound that never gets louder is silence
_RANGE = 41.0  # dB from loud speech down to what counts as silent, at most
_NARROWEST = 20.0  # dB, at least, so that a monotonous voice doesn't gape
_SPEECH = 0.12  # the loudness from which on something is said
_WORD = 8  # steps; a shorter burst is a click


class Signal(NamedTuple):
    """What is measured in each of N steps."""

    level: np.ndarray  # (N,) dB of the power between 125 and 4000 Hz; -3 for the loudest possible sine
    jaw: np.ndarray  # (N,) Hz, centroid about the first formant: high when the jaw is low
    spread: np.ndarray  # (N,) Hz, centroid about the second formant: low when the lips are rounded


def measure_signal(samples: Samples) -> Signal:
    """Level and spectral balance of each step of a voice (n,), mono at 16 kHz."""
    steps = -(-len(samples) // HOP)
    window = np.hanning(_WINDOW + 1)[:-1]
    frequency = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    level, jaw, spread = np.empty((3, steps))
    for start in range(0, steps, _BLOCK):
        stop = min(start + _BLOCK, steps)
        power = np.abs(np.fft.rfft(cut_sound(samples, start, stop) * window, _FFT)) ** 2
        power *= 2 / (_FFT * np.square(window).sum())  # now its sum is the samples' mean square
        speech = power[:, (frequency >= 125) & (frequency <= 4000)].sum(1)
        level[start:stop] = 10 * np.log10(speech + 10 ** (_SILENT_LEVEL / 10))
        jaw[start:stop] = _centroid(power, frequency, 200, 1100)
        spread[start:stop] = _centroid(power, frequency, 900, 2800)
    return Signal(level, jaw, spread)


def judge_loudness(level: np.ndarray) -> np.ndarray:
    """How loud each step is for this voice, (N,) in 0..1; 0 in silence and in steady noise."""
    high, floor, flutter = locally(len(level), lambda window: _usual_levels(level[window]))
    # Noise flutters by 0.5 dB, rustling by 1 and speech by 3 to 10. The quieter, the more is asked for.
    least = np.interp(high, (-60, -45), (3.0, 1.5))
    alive = np.clip((flutter - least) / 0.7, 0, 1) * (high > _GATE)
    high = np.maximum(high, high.max() - 20)  # half a minute of pause isn't a soft voice
    low = np.maximum(high - _RANGE, 0.9 * floor + 0.1 * high)
    low = np.minimum(low, high - _NARROWEST)
    low = np.maximum(low, np.minimum(floor + 3, high - 4))  # noise under the voice stays below
    loudness = np.clip((level - low) / (high - low), 0, 1) * alive
    return gaussian_filter1d(loudness, 1.2)


def find_speech(loudness: np.ndarray) -> np.ndarray:
    """Where something is said, (N,) bool: gaps within words and clicks are bridged."""
    speaking = np.zeros(len(loudness), bool)
    runs = true_runs(loudness > _SPEECH)
    for (_, stop), (start, _) in pairwise(runs):
        speaking[stop:start] = start - stop < PAUSE
    speaking |= loudness > _SPEECH
    for start, stop in true_runs(speaking):
        speaking[start:stop] = stop - start >= min(_WORD, len(loudness))
    return speaking


def locally(steps: int, judge: Callable[[slice], tuple[float, ...]]) -> tuple[np.ndarray, ...]:
    """Figures judged within windows of half a minute, as tracks (N,) that change slowly in between."""
    starts = range(0, max(steps - _LOCAL, 0) + _LOCAL_HOP, _LOCAL_HOP)
    windows = [slice(start, min(start + _LOCAL, steps)) for start in starts]
    middles = [(window.start + window.stop) / 2 for window in windows]
    figures = zip(*(judge(window) for window in windows), strict=True)
    return tuple(np.interp(np.arange(steps), middles, figure) for figure in figures)


def finite(samples: np.ndarray) -> np.ndarray:
    """Samples (n,) with silence instead of what isn't a number, and full scale instead of infinity."""
    return np.nan_to_num(samples, nan=0, posinf=1, neginf=-1)


def cut_sound(samples: Samples, start: int, stop: int) -> np.ndarray:
    """The 25 ms (stop - start, 400) about the middle of each step; silence beyond the ends."""
    left = start * HOP + (HOP - _WINDOW) // 2
    right = left + (stop - 1 - start) * HOP + _WINDOW
    inside = finite(samples[max(left, 0) : right]).astype(np.float64)
    padded = np.pad(inside, (max(-left, 0), max(right - len(samples), 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]


def _centroid(power: np.ndarray, frequency: np.ndarray, low: float, high: float) -> np.ndarray:
    """The mean frequency (N,) in Hz of a band of power spectra (N, bins); its middle for silence."""
    band = (frequency >= low) & (frequency <= high)
    inside = power[:, band] + 1e-14
    return inside @ frequency[band] / inside.sum(1)


def _usual_levels(level: np.ndarray) -> tuple[float, float, float]:
    """The level of loud speech, that of the background, and how much the level flutters, in dB."""
    top = float(np.percentile(level, 99.5))
    sounding = level >= top - 50
    soft = float(np.percentile(level[sounding], 4))
    high = float(np.percentile(level[level >= max(top - 25, soft)], 90))
    heard = np.maximum(level, top - 50)
    flutter = np.abs(heard - gaussian_filter1d(heard, 25))
    peaks = level >= max(top - 25, (top + soft) / 2)
    nearby = maximum_filter1d(peaks.astype(np.uint8), 31).astype(bool)
    return high, float(np.percentile(level, 4)), float(np.median(flutter[nearby & sounding]))
