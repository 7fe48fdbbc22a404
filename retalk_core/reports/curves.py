"""A dub over time in few numbers, for a chart that is drawn elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .charts import Scene
from .doubts import Doubt

MOST_POINTS = 400  # of a line; a chart on a node is hardly wider


def describe_scene(scene: Scene, seconds: float) -> dict[str, Any]:
    """What a chart shows, as plain numbers for JSON.

    seconds: of the whole
    returns: `seconds`; `lines`, each a name and its points, evenly spread over the time, None where nothing
             is known; `cuts` in seconds; `untouched` ranges of seconds with their reasons
    """
    return {
        "seconds": round(seconds, 3),
        "lines": {
            curve.name: _evenly(scene.times[: len(curve.values)], curve.values, seconds)
            for curve in scene.curves()
        },
        "cuts": [round(float(scene.times[cut]), 3) for cut in scene.cuts.tolist()],
        "untouched": [
            {"start": round(each.start, 3), "end": round(each.end, 3), "reason": each.reason}
            for each in scene.untouched
        ],
    }


def describe_doubts(doubts: Sequence[Doubt] | None) -> list[dict[str, Any]]:
    """What looks wrong, for JSON: kind, severity, frames, ranges of seconds, worst figure, words, advice."""
    return [vars(doubt) for doubt in doubts or ()]


def _evenly(times: np.ndarray, values: np.ndarray, seconds: float) -> list[float | None]:
    """The means of values over as many equal parts of the time as there are values, at most 400."""
    count = max(1, min(MOST_POINTS, len(values)))
    length = max(seconds, 1e-6)
    parts = np.minimum((times / length * count + 1e-6).astype(int), count - 1)
    known = np.isfinite(values)
    sums = np.bincount(parts[known], values[known], minlength=count)
    counts = np.bincount(parts[known], minlength=count)
    return [
        round(float(total) / int(number), 3) if number else None
        for total, number in zip(sums, counts, strict=True)
    ]
