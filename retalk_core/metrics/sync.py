"""Whether a mouth moves when the voice does."""

from __future__ import annotations

import numpy as np

from .registry import metric

LAGS = 8  # frames to either side
FEWEST = 25  # frames that say anything about a lag


@metric("lag_frames", better="near 0", words="mouth and loudness agree best at {:+d} frames")
def lag(opening: np.ndarray, loudness: np.ndarray) -> int | None:
    """Frames by which a mouth (T,) follows a voice (T,); below 0 it leads. None: can't be told."""
    found = best_lag(opening, loudness, np.isfinite(opening))
    return found[0] if found else None


@metric("opening_loudness", better="higher", words="mouth follows loudness with r = {:.2f}")
def agreement(opening: np.ndarray, loudness: np.ndarray) -> float | None:
    """The correlation of a mouth's opening (T,) with a voice's loudness (T,) where they agree best."""
    found = best_lag(opening, loudness, np.isfinite(opening))
    return found[1] if found else None


def best_lag(opening: np.ndarray, loudness: np.ndarray, used: np.ndarray) -> tuple[int, float] | None:
    """The shift in frames at which opening (T,) and loudness (T,) correlate best, and how well.

    used: (T,) bool, frames that count. Below 0 the mouth leads the sound. None where there is nothing to
    compare: too few frames, or no change in either.
    """
    found = []
    for lag in range(-LAGS, LAGS + 1):
        first, second = max(lag, 0), max(-lag, 0)
        count = len(opening) - abs(lag)
        if count < FEWEST:
            continue
        mouth, voice = opening[first : first + count], loudness[second : second + count]
        both = used[first : first + count] & used[second : second + count]
        if both.sum() < FEWEST or mouth[both].std() < 1e-4 or voice[both].std() < 1e-4:
            continue
        found.append((float(np.corrcoef(mouth[both], voice[both])[0, 1]), lag))
    if not found:
        return None
    correlation, lag = max(found)
    return lag, correlation
