"""A folder of videos as one corpus: means with intervals over clips and voices, never over frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
_SHARE = 0.95  # of an interval
_FEWEST = 3  # videos, below which an interval would be made up


@dataclass(frozen=True)
class Interval:
    """A corpus value."""

    mean: float
    low: float | None  # None: too few videos for an interval
    high: float | None
    videos: int

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.mean:.4f} ({self.videos} videos: too few for an interval)"
        return f"{self.mean:.4f} ({self.low:.4f} to {self.high:.4f}, {self.videos} videos)"


def corpus_value(
    values: Sequence[float], clips: Sequence[str], voices: Sequence[str], seed: int = 0
) -> Interval:
    """The mean over videos, with an interval for other clips and other voices.

    values: of each video
    clips:  which clip each was made from; voices: which voice it speaks with

    Clips and voices are drawn anew, each by itself: videos that share either are not independent. Owen, "The
    pigeonhole bootstrap" (2007).
    """
    values_ = np.asarray(values, float)
    mean = float(values_.mean())
    if len(values_) < _FEWEST:
        return Interval(mean, None, None, len(values_))
    clip, voice = (np.unique(names, return_inverse=True)[1] for names in (clips, voices))
    generator = np.random.default_rng(seed)
    means: list[float] = []
    while len(means) < DRAWS:
        weight = _drawn(clip, generator)
        if len(set(voices)) > 1:
            weight = weight * _drawn(voice, generator)
        if weight.sum() > 0:
            means.append(float((weight * values_).sum() / weight.sum()))
    low, high = np.percentile(means, (50 * (1 - _SHARE), 50 * (1 + _SHARE)))
    return Interval(mean, float(low), float(high), len(values_))


def _drawn(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """How often each video's group was drawn, with as many draws as there are groups."""
    count = int(groups.max()) + 1
    return np.bincount(generator.integers(0, count, count), minlength=count)[groups]


def corpus_values(rows: Sequence[Mapping[str, object]]) -> dict[str, Interval]:
    """The corpus value of every metric that all videos have.

    rows: of each video: clip, voice, and metrics by name
    """
    have = [set(_metrics(row)) for row in rows]
    shared = [name for name in _metrics(rows[0]) if all(name in names for names in have)] if rows else []
    clips, voices = ([str(row[key]) for row in rows] for key in ("clip", "voice"))
    return {name: corpus_value([_metrics(row)[name] for row in rows], clips, voices) for name in shared}


def _metrics(row: Mapping[str, object]) -> Mapping[str, float]:
    values = row["metrics"]
    assert isinstance(values, Mapping)
    return values
