"""Find a mark in sound."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from scipy.fft import fft, ifft, rfft
from scipy.special import ndtri

from .cells.code import coded_bits, decode_number, most_agreement
from .cells.payload import FALSE_RATE
from .cells.spectrum import (
    BAND_BINS,
    BANDS,
    BLOCK_HOPS,
    BLOCKS,
    FIRST_BIN,
    LAST_BIN,
    SOUND_BITS,
    SOUND_CHECK,
    hop_of,
    sound_layout,
    window_of,
)
from .found import PUBLIC_KEY, MarkFound
from .sound_lay import LEAST_SOUND_RATE

LEAST_SOUND = 2.0  # of sound, below which nothing can be said
TEMPOS = tuple(1 + step / 200 for step in sorted(range(-7, 8), key=abs))  # that are tried, in this order
_PHASES = 2 * BLOCK_HOPS  # half hops within a block
_READ = 6  # places whose number is read
_AROUND = (9, 9)  # bands and blocks whose mean is taken out
_FARTHEST = 6.0  # decibels
_SILENCE = 50.0  # decibels below the loudest block
_SECONDS_AT_ONCE = 60


def find_sound_mark(
    samples: np.ndarray, rate: int, *, key: bytes = PUBLIC_KEY, tempos: Sequence[float] = TEMPOS
) -> MarkFound:
    """Look for a mark in a sound, as it is and up to 3.5 % slower or quicker at the same pitch.

    samples: (n,) float mono in [-1, 1]
    rate:    Hz
    tempos:  how much slower than it was marked the sound may be
    returns: the verdict; `score` and `threshold` as of `find_picture_mark`
    """
    if rate < LEAST_SOUND_RATE or len(samples) < LEAST_SOUND * rate or not np.any(samples):
        words = f"less than {LEAST_SOUND:g} s of sound: too little to look at"
        return MarkFound(False, None, SOUND_BITS, 0.0, _needed(len(tempos)), words=words)
    return read_folded(folded_sound(samples, rate, tempos), key, len(tempos))


def folded_sound(samples: np.ndarray, rate: int, tempos: Sequence[float] = TEMPOS) -> Iterator[np.ndarray]:
    """What may be a mark, whatever the key, for each tempo; arguments as `find_sound_mark` has them."""
    for tempo in tempos:
        yield _folded(np.asarray(samples, np.float32), rate, tempo)


def read_folded(folded: Iterable[np.ndarray], key: bytes, tempos: int) -> MarkFound:
    """The verdict on a sound by what `folded_sound` gives; tempos: how many it gives."""
    needed, best, number = _needed(tempos), -np.inf, None
    for each in folded:
        for reading in _readings(each, key, _needed(tempos, SOUND_BITS)):
            surplus = -np.inf if reading.number is None else reading.whole - _needed(tempos, SOUND_BITS)
            score = max(reading.template, needed + surplus)
            if score > best:
                best, number = score, reading.number if surplus >= 0 else None
        if best >= needed and number is not None:
            break
    if best < needed:
        return MarkFound(False, None, SOUND_BITS, best, needed)
    return MarkFound(True, number, SOUND_BITS, best, needed, where="sound")


def _needed(tempos: int, bits: int = 0) -> float:
    """What fewer than FALSE_RATE of sounds without a mark reach, by the best of 2 ** bits words.

    As pictures' `threshold`: the template and all cells are tried at each tempo and place.
    """
    return -float(ndtri(FALSE_RATE / (2 * tempos * _PHASES * BLOCKS) / 2.0**bits))


class _Heard(NamedTuple):
    """What a place says."""

    template: float  # standard deviations
    whole: float  # the same of all cells, by what was read in them
    number: int | None


def _readings(folded: np.ndarray, key: bytes, needed: float) -> Iterator[_Heard]:
    """What the likeliest places say; where no number can reach what is needed, none is read.

    folded: (_PHASES, BLOCKS, BANDS)
    """
    layout = sound_layout(key)
    template = layout.template.reshape(BLOCKS, BANDS)
    # Circular correlation over blocks; the score's unit is that of random signs.
    fits = ifft(fft(folded, axis=1) * np.conj(fft(template, axis=0)), axis=1).real.sum(axis=2)
    power = ifft(fft(folded**2, axis=1) * np.conj(fft(np.abs(template), axis=0)), axis=1).real.sum(axis=2)
    scores = fits / np.sqrt(np.maximum(power, 1e-12))
    places = heapq.nlargest(_READ, np.ndindex(*scores.shape), key=lambda place: scores[place])
    for phase, begin in places:
        values = np.roll(folded[phase], -begin, axis=0).ravel()
        soft = layout.soft(values, coded_bits(SOUND_BITS, SOUND_CHECK))
        length = max(float(np.sqrt((values**2).sum())), 1e-9)
        fits_best = float(scores[phase, begin])
        if layout.template @ values + most_agreement(soft) < needed * length:
            yield _Heard(fits_best, 0.0, None)
            continue
        number, code = decode_number(soft, SOUND_BITS, SOUND_CHECK)
        yield _Heard(fits_best, float(layout.chips(code) @ values) / length, number)


def _folded(samples: np.ndarray, rate: int, tempo: float) -> np.ndarray:
    """What may be a mark, added up over its repetitions: (_PHASES, BLOCKS, BANDS).

    tempo: how much slower than it was marked the sound is
    """
    folded = np.zeros((_PHASES, BLOCKS, BANDS))
    step = hop_of(rate) * tempo / 2  # half hops, so that no beginning is missed
    count = max(int((len(samples) - len(window_of(rate))) / step) + 1, 0)
    at_once = int(_SECONDS_AT_ONCE * rate / step) // (_PHASES * BLOCKS) * (_PHASES * BLOCKS)
    at_once = max(at_once, _PHASES * BLOCKS)
    loudest = -np.inf
    for first in range(0, count, at_once):
        levels = _levels(samples, rate, first + np.arange(min(at_once, count - first)), step)
        loudest = max(loudest, float(levels.mean(axis=1).max()))
        for phase in range(_PHASES):
            cells = _cells(levels[phase:], loudest)
            for begin in range(0, len(cells), BLOCKS):
                part = cells[begin : begin + BLOCKS]
                folded[phase, : len(part)] += part
    return folded


def _levels(samples: np.ndarray, rate: int, steps: np.ndarray, step: float) -> np.ndarray:
    """How loud each band is from each step on, (n, BANDS) decibels."""
    window = window_of(rate)
    starts = np.rint(steps * step).astype(int)
    levels = np.empty((len(starts), BANDS), np.float32)
    for first in range(0, len(starts), 256):
        places = starts[first : first + 256]
        spectrum = rfft(samples[places[:, None] + np.arange(len(window))] * window, axis=1)
        power = np.abs(spectrum[:, FIRST_BIN:LAST_BIN]) ** 2
        bands = power.reshape(len(places), BANDS, BAND_BINS).mean(axis=2)
        levels[first : first + 256] = 10 * np.log10(bands + 1e-10)
    return levels


def _cells(levels: np.ndarray, loudest: float) -> np.ndarray:
    """Blocks (n, BANDS) of levels that begin with the first, less those around; silent ones are 0."""
    count = len(levels) // _PHASES
    if not count:
        return np.zeros((0, BANDS))
    every_hop = levels[: count * _PHASES].reshape(count, _PHASES, BANDS)[:, ::2]
    blocks = every_hop.mean(axis=1)
    # A voice's harmonics stand in their bands, and its syllables raise all bands: both are taken out.
    cells = (
        _less_around(_less_around(blocks, (1, _AROUND[1])), (_AROUND[0], 1))
        .clip(-_FARTHEST, _FARTHEST)
        .astype(np.float64)
    )
    cells[blocks.mean(axis=1) < loudest - _SILENCE] = 0
    return cells


def _less_around(values: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """Values (n, BANDS) less their mean in a window of so many bands and blocks around each."""
    return values - cv2.blur(values, window, borderType=cv2.BORDER_REFLECT_101)
