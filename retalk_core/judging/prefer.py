"""Which of two videos is better, by what is known of both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..metrics.registry import Better, metrics

_NO_JUDGEMENT = "That is no judgement: give the JSON of Judge Video, or of retalk eval judge --report."
_ALIKE = 0.02  # of a figure; what differs by less decides nothing


@dataclass(frozen=True)
class Vote:
    """What one metric says."""

    name: str
    first: float
    second: float
    winner: int  # 1 or 2; 0: they are alike

    def __str__(self) -> str:
        said = {0: "alike", 1: "the first", 2: "the second"}[self.winner]
        return f"{self.name}: {self.first:.4g} and {self.second:.4g}: {said}"


@dataclass(frozen=True)
class Preference:
    """Which of two videos is better; each metric that both have votes once."""

    votes: tuple[Vote, ...]

    @property
    def better(self) -> int:
        """1 or 2; the first where the votes are equal."""
        return 2 if self._count(2) > self._count(1) else 1

    @property
    def is_clear(self) -> bool:
        """Whether one of them has more votes."""
        return self._count(1) != self._count(2)

    def lines(self) -> Iterator[str]:
        """The votes, for people."""
        if not self.votes:
            yield "nothing is known of both: the first is kept"
            return
        first, second = self._count(1), self._count(2)
        kept = "the first" if self.better == 1 else "the second"
        tie = "" if self.is_clear else ", since neither has more"
        yield f"{kept} is kept{tie}: {first} to {second} of {len(self.votes)} metrics that both have"
        yield from map(str, self.votes)

    def _count(self, which: int) -> int:
        return sum(vote.winner == which for vote in self.votes)


def prefer(first: Mapping[str, Any], second: Mapping[str, Any]) -> Preference:
    """Compare two judgements, as `Judgement.to_dict` has them, by the metrics that both have.

    Raises InputError for what is no judgement. Metrics measure different things, and a majority of them is no
    verdict of people's.
    """
    one, other = _figures(first), _figures(second)
    return Preference(
        tuple(
            Vote(name, one[name], other[name], _winner(each.better, one[name], other[name]))
            for name, each in metrics().items()
            if name in one and name in other
        )
    )


def read_judgement(text: str) -> Mapping[str, Any]:
    """A judgement's JSON, as Judge Video gives it. Raises InputError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise InputError(_NO_JUDGEMENT)
    return found


def _figures(judgement: Mapping[str, Any]) -> Mapping[str, float]:
    found = judgement.get("metrics")
    if not isinstance(found, Mapping) or not all(isinstance(each, int | float) for each in found.values()):
        raise InputError(_NO_JUDGEMENT)
    return found


def _winner(better: Better, first: float, second: float) -> int:
    losses = [_loss(better, value) for value in (first, second)]
    scale = max(abs(losses[0]), abs(losses[1]))
    if scale == 0 or abs(losses[0] - losses[1]) <= _ALIKE * scale:
        return 0
    return 1 if losses[0] < losses[1] else 2


def _loss(better: Better, value: float) -> float:
    """How far a figure is from the best, in its own units."""
    if better == "higher":
        return -value
    if better == "near 0":
        return abs(value)
    return abs(float(np.log(max(value, 1e-6)))) if better == "near 1" else value
