"""How a mark changes over time: it swings, so that what stands still in a picture is no noise to it."""

from __future__ import annotations

import cmath
import math

import numpy as np

# Seconds. Slower, and a face's own movement drowns it; quicker, and codecs drop it and the eye may see it.
PERIOD = 0.8
SEGMENT = 10.0  # seconds, at most, whose mean is taken out together


def swing_at(seconds: float) -> float:
    """How far the mark shows at a time, -1.4 to 1.4; the mean square over a period is 1."""
    return math.sqrt(2) * math.cos(2 * math.pi * seconds / PERIOD)


class Tally:
    """Adds up what swings in a stream of values.

    Memory doesn't grow: each segment's mean is taken out, and segments are added.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._total = np.zeros(shape, np.complex128)
        self.seconds = 0.0  # that were looked at
        self._begin()

    def _begin(self) -> None:
        self._sum = np.zeros(self._shape)
        self._swung = np.zeros(self._shape, np.complex128)
        self._turns = 0j
        self._count = 0
        self._since: float | None = None
        self._until = 0.0

    def add(self, values: np.ndarray, seconds: float) -> None:
        """Add one frame's values, shown at a time."""
        if self._since is not None and seconds - self._since >= SEGMENT:
            self.cut()
        if self._since is None:
            self._since = seconds
        turn = cmath.exp(-2j * math.pi * seconds / PERIOD)
        self._sum += values
        self._swung += values * turn
        self._turns += turn
        self._count += 1
        self._until = seconds

    def cut(self) -> None:
        """Say that the picture changes now: what follows has another mean."""
        if self._count > 1 and self._since is not None:
            self._total = self.swung
            self.seconds += self._until - self._since
        self._begin()

    @property
    def swung(self) -> np.ndarray:
        """What swung so far, complex: its angle says when."""
        if self._count < 2:
            return self._total
        return self._total + self._swung - self._sum * (self._turns / self._count)
