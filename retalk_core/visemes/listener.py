"""What a voice asks of the lips as our own small network hears it, in whatever language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d

from ..runs import true_runs
from ..types import Progress, Samples, silent
from .signal import RATE
from .sources import Heard, SourceName, Wanted

SURE, LIKELY = 0.5, 0.25  # a closure is surely heard somewhere within, and lasts where it is likely
_OPENING_SHARE = 0.5  # more looks livelier but loses the beat of the voice
_WIDTH_SHARE = 0.9
_BITE_CEILING = 0.15  # of the opening, while the lower lip is at the teeth
_BLOCK = 5 * RATE  # steps heard at a time


class Lips(NamedTuple):
    """What a voice asks of the lips in each of N steps, all (N,) float32 in 0..1."""

    closure: np.ndarray  # how sure it is that the lips are together, for p, b, m
    bite: np.ndarray  # that the lower lip is at the upper teeth, for f, v
    round: np.ndarray  # that they are rounded
    spread: np.ndarray  # that they are spread
    tongue: np.ndarray  # that the tongue's tip is up, for l, n, t, d, th
    opening: np.ndarray  # how far they are apart, at full voice


class HeardLips:
    """The shapes as the listener hears them."""

    name: SourceName = "listener"

    def wanted(self, heard: Heard, progress: Progress) -> Wanted:
        """What is heard wants of the lips; see `Source`."""
        lips = listen(heard.samples, progress)
        rounded = lips.round * np.clip(1.3 - lips.opening, 0, 1)
        ceiling = 1 - np.maximum(lips.bite * (1 - _BITE_CEILING), 0.6 * rounded)
        return Wanted(
            opening=lips.opening,
            width=np.clip(lips.spread - lips.round, -1, 1),
            ceiling=ceiling,
            known=heard.speaking.astype(float),
            closures=find_closures(lips.closure, heard.speaking),
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
    parts = list(_answers(samples, progress, block))
    return Lips(*np.concatenate(parts, axis=1))


def _answers(samples: Samples, progress: Progress, block: int) -> Iterator[np.ndarray]:
    """The network's answers (6, n) in 0..1, a block at a time."""
    import torch

    from ...models.voices.listener import REACH, load_listener
    from ..compute.devices import cpu_threads
    from .bands import normalised_blocks

    network = load_listener()
    seconds = -(-len(samples) // 16_000)
    with cpu_threads(1), torch.inference_mode():  # so small that sharing it out costs more than it gains
        for first, last, mel in normalised_blocks(samples, block, REACH):
            progress(first // RATE, seconds)
            logits = network(torch.from_numpy(mel.T.copy())[None])[0, :, : last - first]
            yield logits.sigmoid().numpy()
    progress(seconds, seconds)


def find_closures(closure: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    """When the lips are together, (K, 2) in seconds, rising.

    closure:  (N,) in 0..1, how sure that is in each step
    speaking: (N,) bool; nothing closes in pauses, but at their edges
    """
    near = maximum_filter1d(speaking.astype(np.uint8), 17).astype(bool)
    spans = []
    for start, stop in true_runs((closure > LIKELY) & near):
        if closure[start:stop].max() > SURE:
            spans.append((start / RATE, stop / RATE))
    return np.array(spans, np.float64).reshape(-1, 2)
