"""How long a comparison will take yet, by what its systems took so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Remaining:
    """Reckons from the pieces that are done to those that are left; each is of a kind that takes its time."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._left = Counter(kinds)
        self._count: Counter[str] = Counter()
        self._spent: dict[str, float] = {}
        self.total, self.done = sum(self._left.values()), 0

    def take(self, kind: str, seconds: float | None) -> None:
        """A piece is done. None: it was done before, which says nothing of the time it takes."""
        self._left[kind] -= 1
        self.done += 1
        if seconds is not None:
            self._count[kind] += 1
            self._spent[kind] = self._spent.get(kind, 0.0) + seconds

    @property
    def seconds(self) -> float | None:
        """That are left; None before the first piece. A kind that isn't known yet takes the mean."""
        measured = sum(self._count.values())
        if not measured:
            return None
        mean = sum(self._spent.values()) / measured
        return sum(left * self._usual(kind, mean) for kind, left in self._left.items())

    def _usual(self, kind: str, mean: float) -> float:
        return self._spent[kind] / self._count[kind] if self._count[kind] else mean

    @property
    def words(self) -> str:
        """Where the work stands, such as "7 of 40, about 12 min left"."""
        left = self.seconds
        return f"{self.done + 1} of {self.total}" + (
            "" if left is None else f", about {rough_time(left)} left"
        )


def rough_time(seconds: float) -> str:
    """A time in words of one unit, rounded up."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{-(-seconds // length):.0f} {unit}"
    return f"{-(-seconds // 1):.0f} s"
