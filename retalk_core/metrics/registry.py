"""Every metric by its name: what it looks at, which way is better, and where it was defined.

A metric is a function of arrays that `@metric` stands above; the names of its parameters are the names of
what it looks at, as they are listed at `measure`. A module in this room is found by itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, Literal, TypeVar

import numpy as np

Better = Literal["higher", "lower", "near 0", "near 1"]
Compute = Callable[..., "float | int | None"]
C = TypeVar("C", bound=Compute)


@dataclass(frozen=True)
class Metric:
    """One figure about a result."""

    name: str  # in a report
    better: Better
    words: str  # for a person, with a place for the value, such as "lip sharpness {:.2f} of the source's"
    unknown: str  # what is said in its place where the value is None; "": nothing
    source: str  # where it was defined first; "": here
    needs: tuple[str, ...]  # the names of what it looks at
    compute: Compute


_METRICS: dict[str, Metric] = {}


def metric(name: str, *, better: Better, words: str, unknown: str = "", source: str = "") -> Callable[[C], C]:
    """Make a function of arrays a metric; see `Metric`. Raises ValueError for a name that is taken."""

    def register(compute: C) -> C:
        if name in _METRICS:
            raise ValueError(f"two metrics are called {name}")
        needs = tuple(inspect.signature(compute).parameters)
        _METRICS[name] = Metric(name, better, words, unknown, source, needs, compute)
        return compute

    return register


@cache
def metrics() -> Mapping[str, Metric]:
    """All metrics, by their names."""
    room = __package__ or ""
    for module in walk_packages(import_module(room).__path__, f"{room}."):
        import_module(module.name)
    return _METRICS


def measure(seen: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Take every metric that finds what it looks at; None where a figure can't be told from it.

    seen: by name
          opening          (T,) how far the result's mouth is open, in eye distances; NaN where unknown
          loudness         (T,) of the voice, 0..1
          sharpness        (n,) of the result's lips; source_sharpness: of the source's
          flicker          (m,) of the result's mouth; source_flicker: of the source's
          errors_outside   (k,) mean squared errors on [0, 1] of frames against the source, outside the edit
          likeness_outside (k,) structural similarities there, seams (k,) at the edit's border in Lab units;
                           see pictures/
          sync_distances   (31,) mean distances of lips and sound by their shift; see lse.py
          cpbd             (n,) of frames, naturalness (n,) of frames; see pictures/
          warping          (m,) of the result's face, source_warping: of the source's; see steadiness.py
          identities       (n,) cosines of faces in result and source; see likeness.py
          mouth_steps      (n,) from the true mouths, in eye distances; see likeness.py
          lower_l1         (n,) from the true lower faces, lower_ssim (n,) to them, lower_lpips (n,) from
                           them; see paired.py
          features         (n, 2048) of frames, real_features (m, 2048) of real ones; mouth_features (n, 2048)
                           of mouths, real_mouth_features (m, 2048) of real ones; see pictures/frechet.py
          closure_gaps     (n,) the least gap of lips for each p, b and m in eye distances; vowel_gaps (m,) in
                           open vowels, bite_gaps (k,) for f and v, rounded_widths (i,) and spread_widths (j,)
                           of the mouth; see articulation.py
    """
    found = {}
    for each in metrics().values():
        if all(name in seen for name in each.needs):
            found[each.name] = each.compute(**{name: seen[name] for name in each.needs})
    return found


def ratio(values: np.ndarray, reference: np.ndarray) -> float | None:
    """The mean of some values against that of others; None where either is nothing."""
    if not (len(values) and len(reference)):
        return None
    one, other = float(np.mean(values)), float(np.mean(reference))
    return one / other if one and other else None
