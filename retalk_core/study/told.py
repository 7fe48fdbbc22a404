"""A study's findings for people, in the form of the paper's table 2, and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..comparing.paper import STUDY
from ..judging.corpus.intervals import Interval
from .answers import Answers, Key
from .make import BAD_ANCHOR, HIDDEN_REFERENCE
from .opinions import LEVEL, Findings

QUESTION_WORDS = {"quality": "visual quality", "sync": "lip sync"}
_OTHERS = {
    HIDDEN_REFERENCE: "the source itself (hidden reference)",
    BAD_ANCHOR: "blurred, out of sync (bad anchor)",
}


def study_lines(key: Key, answers: Answers, findings: Mapping[str, Findings]) -> Iterator[str]:
    """Means with intervals, tests, who was left out, and how many people a difference needs."""
    counted = answers.counted
    opinions = sum(len(rater.opinions) for rater in counted)
    yield f"{len(counted)} of {len(answers.raters)} raters counted, {opinions} videos rated"
    yield from (f"dropped: {each.file}: {', '.join(each.dropped)}" for each in answers.raters if each.dropped)
    yield from (f"not read: {words}" for words in answers.unread)
    titles = {**key.titles, **_OTHERS}
    width = max(map(len, titles.values())) + 2
    yield f"\n{'':<{width}}{''.join(f'{words:<26}' for words in QUESTION_WORDS.values())}".rstrip()
    for name, title in titles.items():
        means = [_mean_words(findings[question].means.get(name)) for question in QUESTION_WORDS]
        yield f"{title:<{width}}{''.join(f'{mean:<26}' for mean in means)}".rstrip()
    yield "means on five points, with intervals (95 %) for other raters and other clips"
    for question, words in QUESTION_WORDS.items():
        yield f"\n{words}:"
        yield from _test_lines(findings[question], titles, len(counted))
    yield (
        f"\nThe paper's table 2, of {STUDY['clips']} clips and {STUDY['people']} people with "
        f"{STUDY['opinions']} opinions, has means of its own, which are not known to this program and not "
        "reproduced here."
    )


def _mean_words(mean: Interval | None) -> str:
    if mean is None:
        return "–"
    if mean.low is None or mean.high is None:
        return f"{mean.mean:.2f}"
    return f"{mean.mean:.2f} ({mean.low:.2f} to {mean.high:.2f})"


def _test_lines(found: Findings, titles: Mapping[str, str], raters: int) -> Iterator[str]:
    if found.friedman is not None:
        verdict = "differ" if found.friedman < LEVEL else "no difference is shown"
        yield f"  all systems: {verdict} (Friedman, p {found.friedman:.4f})"
    for pair in found.pairs:
        shown = "" if pair.corrected < LEVEL else ", not shown to differ"
        needed = "" if pair.needed is None else f"; this difference needs about {pair.needed} raters"
        yield (
            f"  {titles[pair.first]} against {titles[pair.second]}: {pair.difference:+.2f} points, p "
            f"{pair.corrected:.4f} after Holm ({pair.p:.4f}){shown}{needed}"
        )
    if found.raters_for:
        told = ", ".join(f"{step:g} points {count}" for step, count in found.raters_for.items())
        yield f"  raters that a difference would need, by the spread found here: {told}"
    if raters < 6:
        yield f"  with {raters} raters signed ranks can't show any difference: six are the least"


def study_to_dict(key: Key, answers: Answers, findings: Mapping[str, Findings]) -> dict[str, Any]:
    """Plain values, for JSON."""
    return {
        "study": key.study,
        "systems": dict(key.titles),
        "raters": [
            {
                "rater": each.name,
                "file": each.file,
                "videos": len(each.opinions),
                "dropped": list(each.dropped),
            }
            for each in answers.raters
        ],
        "unread": list(answers.unread),
        "questions": {
            question: {
                "means": {name: vars(mean) for name, mean in found.means.items()},
                "friedman": found.friedman,
                "pairs": [vars(pair) for pair in found.pairs],
                "raters_for": {f"{step:g}": count for step, count in found.raters_for.items()},
            }
            for question, found in findings.items()
        },
        "paper": dict(STUDY),
    }
