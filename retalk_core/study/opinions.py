"""What opinions say: means with intervals for other people and clips, and which differences are real."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from ..judging.corpus.intervals import Interval, corpus_value
from .answers import QUESTIONS, Opinion, Rater
from .make import ATTENTION_CHECK, BAD_ANCHOR, HIDDEN_REFERENCE

LEVEL = 0.05  # of error, that all comparisons together may have
POWER = 0.8  # with which a difference is to be found
_EFFICIENCY = 3 / math.pi  # of signed ranks against a t-test where differences are normal
POINTS_APART = (0.25, 0.5, 1.0)  # points, of differences that one may wish to find


@dataclass(frozen=True)
class Pairwise:
    """Two systems against each other, over the people who rated both."""

    first: str
    second: str
    difference: float  # points, of the first against the second
    spread: float  # points, the standard deviation of that over people
    p: float  # by signed ranks, two-sided
    corrected: float  # the same after Holm for all pairs
    raters: int
    needed: int | None  # people who would show this difference; None: there is none, or nothing is known


@dataclass(frozen=True)
class Findings:
    """What people said to one question."""

    question: str
    means: Mapping[str, Interval]  # by the system's name, reference and anchor too
    friedman: float | None  # chance that systems are equal; None: fewer than three, or too few people
    pairs: tuple[Pairwise, ...]
    raters_for: Mapping[float, int]  # people who would show a difference of so many points


def find(raters: Sequence[Rater], systems: Sequence[str], question: str) -> Findings:
    """What counted raters say to a question, by the systems' names."""
    rated = [
        (rater.name, each)
        for rater in raters
        for each in rater.opinions
        if each.stimulus.system != ATTENTION_CHECK
    ]
    names = [*systems, HIDDEN_REFERENCE, BAD_ANCHOR]
    means = {name: value for name in names if (value := _mean(rated, name, question)) is not None}
    table = rater_means(raters, systems, question)
    complete = table[np.isfinite(table).all(axis=1)]
    pairs = _pairs(table, systems)
    return Findings(question, means, _friedman(complete), pairs, _raters_for(pairs))


def find_all(raters: Sequence[Rater], systems: Sequence[str]) -> dict[str, Findings]:
    """The findings for each question, by its name."""
    return {question: find(raters, systems, question) for question in QUESTIONS}


def _mean(rated: Sequence[tuple[str, Opinion]], system: str, question: str) -> Interval | None:
    """A system's mean opinion; people and clips are drawn anew, each by themselves."""
    of_it = [(rater, each) for rater, each in rated if each.stimulus.system == system]
    if not of_it:
        return None
    return corpus_value(
        [each.answers[question] for _, each in of_it],
        [each.stimulus.clip for _, each in of_it],
        [rater for rater, _ in of_it],
    )


def rater_means(raters: Sequence[Rater], systems: Sequence[str], question: str) -> np.ndarray:
    """Each person's mean opinion of each system, (people, systems); NaN where there is none."""
    table = np.full((len(raters), len(systems)), np.nan)
    for row, rater in enumerate(raters):
        for column, system in enumerate(systems):
            said = [each.answers[question] for each in rater.opinions if each.stimulus.system == system]
            if said:
                table[row, column] = np.mean(said)
    return table


def _friedman(table: np.ndarray) -> float | None:
    if table.shape[1] < 3 or len(table) < 2:
        return None
    if np.all(table == table[:, :1]):  # everybody finds all alike
        return 1.0
    return float(stats.friedmanchisquare(*table.T).pvalue)


def _pairs(table: np.ndarray, systems: Sequence[str]) -> tuple[Pairwise, ...]:
    found = []
    for one, other in combinations(range(len(systems)), 2):
        differences = table[:, one] - table[:, other]
        differences = differences[np.isfinite(differences)]
        if len(differences):
            found.append((systems[one], systems[other], differences, _signed_ranks(differences)))
    corrected = holm([p for *_, p in found])
    spreads = [float(each.std(ddof=1)) if len(each) > 1 else math.nan for _, _, each, _ in found]
    return tuple(
        Pairwise(
            first=first,
            second=second,
            difference=float(differences.mean()),
            spread=spread,
            p=p,
            corrected=after,
            raters=len(differences),
            needed=people_needed(float(differences.mean()), spread, len(found)),
        )
        for (first, second, differences, p), after, spread in zip(found, corrected, spreads, strict=True)
    )


def _signed_ranks(differences: np.ndarray) -> float:
    """Wilcoxon's test of differences (n,) around 0."""
    return 1.0 if not differences.any() else float(stats.wilcoxon(differences).pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """Chances of error after Holm's correction for as many tests.

    Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    order = np.argsort(ps)
    corrected, least = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = least
    return corrected


def people_needed(difference: float, spread: float, tests: int) -> int | None:
    """People of whom 80 in 100 studies would show a difference, if the first of so many tests must show it.

    difference, spread: the mean over people and its standard deviation, in points
    """
    if not difference or not math.isfinite(spread):
        return None
    if not spread:
        return 2
    reach = stats.norm.ppf(1 - LEVEL / max(tests, 1) / 2) + stats.norm.ppf(POWER)
    return max(2, math.ceil((reach * spread / difference) ** 2 / _EFFICIENCY))


def _raters_for(pairs: Sequence[Pairwise]) -> dict[float, int]:
    """How many people differences of some sizes need, by the pairs' middle spread."""
    spreads = [pair.spread for pair in pairs if math.isfinite(pair.spread)]
    if not spreads:
        return {}
    middle = float(np.median(spreads))
    needed = {step: people_needed(step, middle, len(pairs)) for step in POINTS_APART}
    return {step: count for step, count in needed.items() if count is not None}
