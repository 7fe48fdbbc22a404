"""Judge a mouth by what can be seen: its opening, sharpness and flicker, from landmarks and pixels."""

from __future__ import annotations

import numpy as np

LAGS = 8  # frames to either side
FEWEST = 25  # frames that say anything about a lag


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
