"""From what single frames showed before a mouth to what holds over time: no cover that flickers."""

from __future__ import annotations

import numpy as np

from ..types import FaceTrack
from .find import SURE_COVER, lips_hidden, patch_hidden

LEAVE = 0.45  # of the lips hidden: from here on the mouth is left alone ...
TAKE_UP = 0.3  # ... until so little is
_REACH = 2  # frames to either side whose covers are looked at together
HALF = 3  # of those up to five frames must agree
ALIKE = 0.04  # of lips and skin around them: pictures that lend their mouths may be so much more hidden
_EASE_SECONDS = 0.1  # in which an edit fades in and out beside frames that are left alone


def held_covers(covers: list[np.ndarray | None], shot: np.ndarray) -> list[np.ndarray | None]:
    """Covers of T frames, (32, 32) uint8 or None, without those that come and go in a frame or two.

    Each cell becomes the median of the five frames around it, in its own shot.
    """
    shown = np.array([cover is not None for cover in covers])
    held: list[np.ndarray | None] = []
    for i in range(len(covers)):
        around = range(max(i - _REACH, 0), min(i + _REACH + 1, len(covers)))
        near = [j for j in around if shot[j] == shot[i]]
        if shown[near].sum() * 2 <= len(near):
            held.append(None)
            continue
        stack = np.stack([_of(covers[j]) for j in near])
        median = np.median(stack, axis=0).astype(np.uint8)
        held.append(median if (median > SURE_COVER * 255).any() else None)
    return held


def hidden_mouths(covers: list[np.ndarray | None], mesh: np.ndarray, shot: np.ndarray) -> np.ndarray:
    """Where too little of the mouth is seen for an edit, (T,) bool; mesh (T, 468, 3).

    What was hidden stays so until clearly more is seen: an edit that comes and goes would be seen.
    """
    hidden = np.zeros(len(covers), bool)
    for i, cover in enumerate(covers):
        share = 0.0 if cover is None else lips_hidden(cover, mesh[i])
        goes_on = i > 0 and shot[i] == shot[i - 1] and hidden[i - 1]
        hidden[i] = share > (TAKE_UP if goes_on else LEAVE)
    return hidden


def hidden_rows(track: FaceTrack) -> np.ndarray:
    """The same for a track's T rows."""
    if track.cover is None:
        return np.zeros(len(track), bool)
    covers = [cover if cover.any() else None for cover in track.cover.numpy()]
    return hidden_mouths(covers, track.mesh.numpy(), track.shot.numpy())


def freest(track: FaceTrack, rows: np.ndarray) -> np.ndarray:
    """Which of some rows (n,) show the mouth with as little before it as any of them, (n,) bool."""
    if track.cover is None:
        return np.ones(len(rows), bool)
    covers, mesh = track.cover.numpy(), track.mesh.numpy()
    hidden = np.array([patch_hidden(covers[row], mesh[row]) if covers[row].any() else 0.0 for row in rows])
    return hidden <= hidden.min() + ALIKE


def eased(hidden: np.ndarray, shot: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """How far an edit may show (T,) in [0, 1]: not where the mouth is hidden, a little beside it."""
    allowed = np.ones(len(hidden))
    for number in np.unique(shot[hidden]).tolist():
        rows = np.flatnonzero(shot == number)
        away = seconds[rows[hidden[rows]]]
        after = np.searchsorted(away, seconds[rows])
        before = np.abs(seconds[rows] - away[np.maximum(after - 1, 0)])
        beyond = np.abs(away[np.minimum(after, len(away) - 1)] - seconds[rows])
        near = np.minimum(before, beyond) / _EASE_SECONDS
        allowed[rows] = np.where(hidden[rows], 0, np.minimum(near, 1))
    return allowed


def stacked(covers: list[np.ndarray | None]) -> np.ndarray | None:
    """All of them, (T, 32, 32) uint8; None where there is none at all, as in most clips."""
    if all(cover is None for cover in covers):
        return None
    return np.stack([_of(cover) for cover in covers])


def _of(cover: np.ndarray | None) -> np.ndarray:
    return np.zeros((32, 32), np.uint8) if cover is None else cover
