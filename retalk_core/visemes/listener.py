"""What a voice asks of the lips as our own small network hears it, in whatever language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d

from ..runs import true_runs
from ..types import Progress, Samples, silent
from .closures import BITE_LENGTHS, LENGTHS, apart, lowered_by
from .phones import recognise
from .signal import HOP, RATE
from .sources import Heard, SourceName, Wanted
from .targets import Phone

_OPENING_SHARE = 0.4  # more looks livelier but loses the beat of the voice
_WIDTH_SHARE = 0.9
_ROUNDED = 0.75  # how much rounded lips lower the opening
_BLOCK = 5 * RATE  # steps heard at a time
_NEAR = 4  # steps by which the listener and the recogniser may disagree about when


class Ear(NamedTuple):
    """How sure the listener must be of a closure or a bite."""

    alone: float  # where nobody else listens
    sure: float  # where the recogniser hears none
    agreed: float  # where the recogniser hears one too


CLOSURES = Ear(0.5, 0.7, 0.1)
BITES = Ear(0.3, 0.7, 0.05)


class Lips(NamedTuple):
    """What a voice asks of the lips in each of N steps, all (N,) float32 in 0..1."""

    closure: np.ndarray  # how sure it is that the lips are together, for p, b, m
    bite: np.ndarray  # that the lower lip is at the upper teeth, for f, v
    round: np.ndarray  # that they are rounded
    spread: np.ndarray  # that they are spread
    tongue: np.ndarray  # that the tongue's tip is up, for l, n, t, d, th
    opening: np.ndarray  # how far they are apart, at full voice


class HeardLips:
    """The shapes as the listener hears them; where pocketsphinx listens too, they confirm each other."""

    name: SourceName = "listener"

    def __init__(self, phones: bool) -> None:
        """phones: let pocketsphinx listen too; its English sounds serve other languages as well."""
        self._phones = phones

    def wanted(self, heard: Heard, progress: Progress) -> Wanted:
        """What is heard wants of the lips; see `Source`."""
        sounds = list(recognise(heard.samples, heard.speaking, progress)) if self._phones else None
        lips = listen(heard.samples, silent if self._phones else progress)
        bites = find_spans(lips.bite, heard.speaking, BITES, named(sounds, "FV"), BITE_LENGTHS)
        rounded = lips.round * np.clip(1.3 - lips.opening, 0, 1)
        return Wanted(
            opening=lips.opening,
            width=np.clip(lips.spread - lips.round, -1, 1),
            ceiling=np.minimum(1 - _ROUNDED * rounded, lowered_by(bites, heard.steps)),
            known=heard.speaking.astype(float),
            closures=find_spans(lips.closure, heard.speaking, CLOSURES, named(sounds, "BPM"), LENGTHS),
            opening_share=_OPENING_SHARE,
            width_share=_WIDTH_SHARE,
        )


def listen(samples: Samples, progress: Progress = silent, block: int = _BLOCK) -> Lips:
    """Hear what a voice asks of the lips.

    samples:  (n,) mono at 16 kHz, in [-1, 1]; read in blocks, twice
    progress: told how many of the voice's seconds are done; may raise to stop the work
    block:    steps heard at a time, a divisor of 500; the result does not depend on it
    returns:  one step for each hundredth of a second that the voice touches

    Besides its answers, only a block of a voice is held.
    """
    return Lips(*np.concatenate(list(_answers(samples, progress, block)), axis=1))


def _answers(samples: Samples, progress: Progress, block: int) -> Iterator[np.ndarray]:
    """The network's answers (6, n) in 0..1, a block at a time."""
    import torch

    from ...models.voices.listener import REACH, load_listener
    from ..compute.devices import cpu_threads
    from .bands import normalised_blocks

    network = load_listener()
    seconds = -(-len(samples) // (HOP * RATE))
    with cpu_threads(1), torch.inference_mode():  # so small that sharing it out costs more than it gains
        for first, _, mel in normalised_blocks(samples, block, REACH):
            progress(first // RATE, seconds)
            yield network(torch.from_numpy(mel.T.copy())[None])[0].sigmoid().numpy()
    progress(seconds, seconds)


def find_spans(
    sure: np.ndarray,
    speaking: np.ndarray,
    ear: Ear,
    recognised: np.ndarray | None,
    lengths: tuple[float, float],
) -> np.ndarray:
    """When the lips do something, (K, 2) in seconds, rising.

    sure:       (N,) in 0..1, how sure the listener is of it in each step
    speaking:   (N,) bool; nothing is done in pauses, but at their edges
    recognised: (M, 2) seconds, where the recogniser heard it; None: nobody else listens
    lengths:    seconds that it lasts, at least and at most
    """
    sure = sure * maximum_filter1d(speaking.astype(np.uint8), 17)
    needed = ear.alone if recognised is None else ear.sure
    spans = [
        (start / RATE, stop / RATE)
        for start, stop in true_runs(sure > needed / 2)
        if sure[start:stop].max() > needed
    ]
    for start, stop in recognised if recognised is not None else ():
        around = sure[max(int(start * RATE) - _NEAR, 0) : int(stop * RATE) + _NEAR + 1]
        known = any(start - 0.04 < last and first < stop + 0.04 for first, last in spans)
        if not known and around.max(initial=0) > ear.agreed:
            spans.append((start, stop))
    found = np.array(spans, np.float64).reshape(-1, 2)
    middles = found.mean(axis=1, keepdims=True)
    half = np.clip(np.diff(found, axis=1), *lengths) / 2
    return apart(np.concatenate([middles - half, middles + half], axis=1))


def named(sounds: list[Phone] | None, names: str) -> np.ndarray | None:
    """When one of some sounds was recognised, (M, 2) in seconds."""
    if sounds is None:
        return None
    return np.array([sound[1:] for sound in sounds if sound.name in names], np.float64).reshape(-1, 2)
