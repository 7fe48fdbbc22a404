"""What says which shapes a mouth takes: the text, a listener, a recogniser. They share one small protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from ..types import Progress, Samples
from .signal import RATE

SourceName = Literal["text", "listener", "phones", "signal"]


@dataclass(frozen=True, eq=False)
class Heard:
    """A voice and what is measured of it without understanding it: N steps, `RATE` to the second."""

    samples: Samples  # (n,) mono at 16 kHz, in [-1, 1]; read in blocks, in rising order
    loudness: np.ndarray  # (N,) 0..1; the voice's level between its pauses and its peaks
    speaking: np.ndarray  # (N,) bool; False in pauses

    @property
    def steps(self) -> int:
        """N."""
        return len(self.loudness)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is said wants of the lips, in each of N steps; mixed with what the level asks for."""

    opening: np.ndarray  # (N,) 0..1, as if at full voice
    width: np.ndarray  # (N,) -1..1; -1 is rounded, 0 at rest, +1 spread
    ceiling: np.ndarray  # (N,) 0..1; however loud the voice, no wider
    known: np.ndarray  # (N,) 0..1; 0 where nothing is known, and the level alone counts
    closures: np.ndarray  # (K, 2) seconds, rising; from when to when the lips are together
    opening_share: float | np.ndarray  # 0..1 or (N,); of the opening; the rest is the level's
    width_share: float | np.ndarray  # the same for the width
    trusted: np.ndarray | None = None  # (N,) bool; elsewhere the next best source is asked. None: everywhere
    notes: tuple[str, ...] = ()  # what a person should know of it

    def where_trusted(self, other: Wanted) -> Wanted:
        """This, and another source's where this isn't trusted."""
        if self.trusted is None:
            return self
        ours = self.trusted

        def either(name: str) -> np.ndarray:
            return np.where(ours, getattr(self, name), getattr(other, name))

        tracks = ("opening", "width", "ceiling", "known", "opening_share", "width_share")
        closures = np.concatenate([_within(self.closures, ours, True), _within(other.closures, ours, False)])
        return Wanted(
            **{name: either(name) for name in tracks},
            closures=closures[np.argsort(closures[:, 0], kind="stable")],
            trusted=None if other.trusted is None else ours | other.trusted,
            notes=(*self.notes, *other.notes),
        )


def _within(closures: np.ndarray, steps: np.ndarray, wanted: bool) -> np.ndarray:
    """The closures (K, 2) whose middle is in steps (N,) that are as wanted."""
    middles = (closures.mean(axis=1) * RATE).astype(int).clip(0, len(steps) - 1)
    return closures[steps[middles] == wanted]


class Source(Protocol):
    """Tells what a voice says, in terms of the lips."""

    name: SourceName

    def wanted(self, heard: Heard, progress: Progress) -> Wanted:
        """What is said wants of the lips.

        progress: told how many of the voice's seconds are done; may raise to stop the work
        raises:   Unheard where this source can't tell; the next best is asked then
        """
        ...


class Unheard(Exception):  # noqa: N818 - it is no error: another source is asked
    """Why a source can't tell what is said, in a sentence for the report; "" where nobody needs to know."""
