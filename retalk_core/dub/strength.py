"""How far an edit shows in each output frame, and why it doesn't where it doesn't."""

from __future__ import annotations

import numpy as np

from ..faces.track import TrackedFace
from ..images import smooth_step
from ..runs import true_runs
from ..times import inside
from .options import DubOptions
from .timeline import Timeline

EASE = 0.12  # seconds in which an edit fades in and out beside frames that are left alone
LONG_PAUSE = 0.5  # seconds without speech that show the original where pauses keep it
LISTEN = 0.3  # seconds after the voice in which the mouth still closes


def edit_strength(
    tracked: TrackedFace, rows: np.ndarray, timeline: Timeline, speaking: np.ndarray, options: DubOptions
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decide how far the edit shows.

    rows:     (T,) the row of the track that each output frame shows
    speaking: (T,) bool
    returns:  (T,) float32 in [0, 1], and T reasons, "" where it shows
    """
    times = np.array([float(time) for time in timeline.times])
    durations = np.array([float(seconds) for seconds in timeline.durations])
    spoken = times < float(timeline.voice_end) + LISTEN
    wished = np.array([not options.edit_only or inside(options.edit_only, time) for time in timeline.times])
    heard = np.ones(len(times), bool)
    if options.pauses == "keep_original":
        heard = ~_long_pauses(speaking, durations)
    strength = tracked.track.weight.numpy()[rows] * tracked.track.present.numpy()[rows]
    strength = strength * _eased(spoken & wished & heard, durations)
    why = [
        (wished, "outside the ranges to edit"),
        (spoken, "the voice has ended"),
        (heard, "the voice rests"),
    ]
    reasons = []
    for i, row in enumerate(rows.tolist()):
        own = next((text for allowed, text in why if not allowed[i]), "") or tracked.reasons[row]
        reasons.append("" if strength[i] > 0 else own or "fading in or out")
    return strength.astype(np.float32), tuple(reasons)


def _long_pauses(speaking: np.ndarray, durations: np.ndarray) -> np.ndarray:
    pauses = np.zeros(len(speaking), bool)
    for start, stop in true_runs(~speaking):
        pauses[start:stop] = durations[start:stop].sum() >= LONG_PAUSE
    return pauses


def _eased(allowed: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """1 where allowed, 0 elsewhere, rising and falling over EASE inside what is allowed."""
    strength = np.zeros(len(allowed))
    for start, stop in true_runs(allowed):
        shown = durations[start:stop]
        since = np.cumsum(shown)
        rise = since if start > 0 else np.full(len(since), np.inf)
        left = since[-1] - since + shown
        fall = left if stop < len(allowed) else np.full(len(since), np.inf)
        strength[start:stop] = smooth_step(np.minimum(rise, fall) / EASE)
    return strength
