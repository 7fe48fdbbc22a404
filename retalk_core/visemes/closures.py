"""When the lips are together for a B, P or M, or the lower lip at the teeth for an F or V; how they part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .signal import RATE
from .targets import VOWELS, Phone

# Seconds that lips stay together, in hurried speech and in slow.
LENGTHS = (0.07, 0.12)
_LEAST = 0.025  # seconds that they are together before and after the middle, whatever comes beside
_VOWEL = 0.04  # seconds about a vowel's middle in which the mouth isn't shut
APART = 0.08  # seconds from one closure to the next, at least, in which the mouth opens
_PARTING = 0.04  # seconds in which lips come together, and part
BITE_LENGTHS = (0.06, 0.1)  # seconds that an F or V lasts for the lips, at least and at most
_BITTEN = 0.15  # the opening then
_ASIDE = 0.1  # of loudness: how much softer it must be at a sound's edge to count before its middle
_DIP = {"B": 0.25, "P": 0.25, "M": 0.15}  # how much softer than its neighbours a closure must be


def closures_of(heard: Sequence[Phone], loudness: np.ndarray, *, certain: bool) -> np.ndarray:
    """When the lips are together, (K, 2) in seconds, rising.

    heard:    speech sounds in rising order
    loudness: (N,) 0..1
    certain:  these sounds are said for sure; else a B, P or M in which the voice grows no softer was misheard
    """
    spans = []
    for index, phone in enumerate(heard):
        first, last = max(int(phone.start * RATE), 0), min(int(phone.stop * RATE), len(loudness))
        if phone.name not in _DIP or first >= last:
            continue
        aside = np.abs(np.linspace(-1, 1, last - first)) if last - first > 1 else np.zeros(1)
        softest = first + int((loudness[first:last] + _ASIDE * aside).argmin())
        around = loudness[max(first - 8, 0) : last + 8]
        if certain or loudness[softest] <= around.max() - _DIP[phone.name]:
            middle = (softest + 0.5) / RATE
            half = np.clip(phone.stop - phone.start, *LENGTHS) / 2
            before, after = _vowels_about(heard, index)
            start = max(middle - half, min(before + _VOWEL, middle - _LEAST))
            spans.append((start, min(middle + half, max(after - _VOWEL, middle + _LEAST))))
    return apart(np.array(spans, np.float64).reshape(-1, 2))


def apart(spans: np.ndarray) -> np.ndarray:
    """Spans (K, 2) in rising order, shorter where the next one would leave the mouth no time to open."""
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    middles = spans.mean(axis=1)
    gaps = np.diff(middles)
    most = np.maximum((gaps - APART) / 2, 0.15 * gaps)  # half a closure's length, at most
    spans[:-1, 1] = np.minimum(spans[:-1, 1], middles[:-1] + most)
    spans[1:, 0] = np.maximum(spans[1:, 0], middles[1:] - most)
    return spans


def _vowels_about(heard: Sequence[Phone], index: int) -> tuple[float, float]:
    """The middles of the vowels right before and after a sound; infinitely far away where there are none."""
    before, after = -np.inf, np.inf
    if index and heard[index - 1].name in VOWELS:
        before = (heard[index - 1].start + heard[index - 1].stop) / 2
    if index + 1 < len(heard) and heard[index + 1].name in VOWELS:
        after = (heard[index + 1].start + heard[index + 1].stop) / 2
    return before, after


def bites_of(heard: Sequence[Phone]) -> np.ndarray:
    """When the lower lip is at the upper teeth for an F or V, (K, 2) in seconds, rising."""
    spans = []
    for phone in heard:
        if phone.name in ("F", "V"):
            middle, half = (
                (phone.start + phone.stop) / 2,
                np.clip(phone.stop - phone.start, *BITE_LENGTHS) / 2,
            )
            spans.append((middle - half, middle + half))
    return np.array(spans, np.float64).reshape(-1, 2)


def lowered_by(bites: np.ndarray, steps: int) -> np.ndarray:
    """The ceiling (N,) in 0..1 that bites (K, 2) put over the opening."""
    return 1 - (1 - _BITTEN) * shut_by(bites, steps)


def shut_by(closures: np.ndarray, steps: int) -> np.ndarray:
    """How far closures (K, 2) keep the lips together, (N,) in 0..1."""
    shut = np.zeros(steps)
    for start, stop in closures:
        first, last = max(int((start - _PARTING) * RATE), 0), min(int((stop + _PARTING) * RATE) + 2, steps)
        time = (np.arange(first, last) + 0.5) / RATE
        distance = np.maximum(np.maximum(start - time, time - stop), 0)
        shut[first:last] = np.maximum(shut[first:last], np.clip(1 - distance / _PARTING, 0, 1))
    return shut
