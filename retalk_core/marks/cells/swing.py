"""How a mark changes over time: it swings, so that what stands still in a picture is no noise to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Seconds. Slower, and a face's own movement drowns it; quicker, and codecs drop it and the eye may see it.
PERIOD = 0.8
SEGMENT = 10.0  # seconds, at most, whose mean is taken out together
_FREQUENCY = 1 / PERIOD
BESIDE = (
    0.5,
    0.8,
    1.7,
    2.0,
)  # other swings a second: what swings so is no mark, and tells how much noise there is


def swing_at(seconds: float) -> float:
    """How far the mark shows at a time, -1.4 to 1.4; the mean square over a period is 1."""
    return math.sqrt(2) * math.cos(2 * math.pi * seconds / PERIOD)


@dataclass(frozen=True, eq=False)
class Swung:
    """What swung in a picture's parts."""

    mark: np.ndarray  # (h, w) complex, as the mark swings; the angle says when
    noise: np.ndarray  # (h, w) the mean power of other swings

    def __add__(self, other: Swung) -> Swung:
        return Swung(self.mark + other.mark, self.noise + other.noise)


class Tally:
    """Adds up what swings in a stream of pictures.

    Memory doesn't grow: each segment's mean is taken out, and segments are added.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._total = np.zeros((1 + len(BESIDE), *shape), complex)
        self._seconds = 0.0  # of earlier segments
        self._begin()

    def _begin(self) -> None:
        self._sum = np.zeros(self._shape)
        self._swung = np.zeros_like(self._total)
        self._turns = np.zeros(len(self._total), complex)
        self._count = 0
        self._since = self._until = 0.0

    def add(self, values: np.ndarray, seconds: float) -> None:
        """Add one frame's values, shown at a time."""
        if self._count and seconds - self._since >= SEGMENT:
            self.cut()
        if not self._count:
            self._since = seconds
        turns = np.exp(-2j * np.pi * seconds * np.array((_FREQUENCY, *BESIDE)))
        self._sum += values
        self._swung += values * turns[:, None, None]
        self._turns += turns
        self._count += 1
        self._until = seconds

    def cut(self) -> None:
        """Say that the picture changes now: what follows has another mean."""
        self._total = self._all()
        self._seconds = self.seconds
        self._begin()

    @property
    def seconds(self) -> float:
        """How much was looked at."""
        return self._seconds + self._until - self._since

    def _all(self) -> np.ndarray:
        if self._count < 2:
            return self._total
        mean = self._sum / self._count
        return self._total + self._swung - mean * self._turns[:, None, None]

    @property
    def swung(self) -> Swung:
        """What swung so far."""
        every = self._all()
        return Swung(every[0], (np.abs(every[1:]) ** 2).mean(axis=0))
