"""Read what people answered, and tell who can't be counted and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .make import ATTENTION_CHECK, BAD_ANCHOR, HIDDEN_REFERENCE, STUDY_FORM, Stimulus

QUESTIONS = ("quality", "sync")
_POINTS = range(1, 6)
_LEAST = 0.5  # of all videos, that a person must have rated


@dataclass(frozen=True)
class Key:
    """Which video of a study is whose."""

    study: str
    titles: Mapping[str, str]  # of the systems, by name
    stimuli: Mapping[str, Stimulus]  # by the video's name


@dataclass(frozen=True)
class Opinion:
    """What one person said of one video."""

    stimulus: Stimulus
    answers: Mapping[str, int]  # by the question, 1 to 5


@dataclass(frozen=True)
class Rater:
    """One person, and what is wrong with the answers."""

    name: str
    file: str
    opinions: tuple[Opinion, ...]
    dropped: tuple[str, ...]  # why the answers don't count; none: they do


@dataclass(frozen=True)
class Answers:
    """What a folder of answers holds."""

    raters: tuple[Rater, ...]
    unread: tuple[str, ...]  # files that are no answers, and why

    @property
    def counted(self) -> list[Rater]:
        """Those whose answers count."""
        return [rater for rater in self.raters if not rater.dropped]


def read_study_key(path: Path) -> Key:
    """Read a study's key. Raises InputError."""
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["form"] != STUDY_FORM:
            raise ValueError("another form")
        stimuli = {
            name: Stimulus(name, each["clip"], each["system"], dict(each["expected"]))
            for name, each in told["videos"].items()
        }
        return Key(told["study"], dict(told["systems"]), stimuli)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} can't be read as a study's key: name the JSON that eval study make wrote."
        ) from error


def read_answers(folder: Path, key: Key) -> Answers:
    """Read the files that people handed in, each by one person. Raises InputError where there is none.

    A file that is none of this study is told of and left out; of two files by one person that with more
    answers counts.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name the one that holds the raters' files.")
    found, unread = dict[str, Rater](), list[str]()
    for path in sorted(folder.glob("*.json")):
        try:
            rater = _rater(path, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            unread.append(
                f"{path.name}: {error if isinstance(error, _ForeignError) else 'no answers to a study'}"
            )
            continue
        known = found.get(rater.name)
        if known is not None:
            less = min(known, rater, key=lambda each: len(each.opinions))
            unread.append(
                f"{less.file}: by the same person as another file, which has as many answers or more"
            )
        if known is None or len(rater.opinions) > len(known.opinions):
            found[rater.name] = rater
    if not found:
        why = f" ({'; '.join(unread[:3])})" if unread else ""
        raise InputError(f"{folder} holds no answers to this study{why}: put the raters' files there.")
    return Answers(tuple(found.values()), tuple(unread))


class _ForeignError(ValueError):
    """Answers to another study."""


def _rater(path: Path, key: Key) -> Rater:
    told = json.loads(path.read_text("utf-8"))
    if told["study"] != key.study:
        raise _ForeignError("answers to another study")
    opinions = tuple(_opinions(told["answers"], key))
    return Rater(str(told["rater"]), path.name, opinions, tuple(_faults(opinions, key)))


def _opinions(answers: Sequence[Mapping[str, Any]], key: Key) -> Iterator[Opinion]:
    """The answers in which both questions have one; videos that couldn't be played have none."""
    seen = set[str]()
    for each in answers:
        name, said = each["video"], {question: each[question] for question in QUESTIONS}
        if name not in key.stimuli or name in seen:
            raise _ForeignError("answers that don't fit this study's videos")
        seen.add(name)
        if all(type(value) is int and value in _POINTS for value in said.values()):
            yield Opinion(key.stimuli[name], said)


def _faults(opinions: Sequence[Opinion], key: Key) -> Iterator[str]:
    """Why a person's answers don't count."""
    rated = [each for each in opinions if each.stimulus.system != ATTENTION_CHECK]
    asked = sum(each.system != ATTENTION_CHECK for each in key.stimuli.values())
    if len(rated) < _LEAST * asked:
        yield f"rated {len(rated)} of {asked} videos"
    checks = [each for each in opinions if each.stimulus.system == ATTENTION_CHECK]
    missed = sum(dict(each.answers) != dict(each.stimulus.expected) for each in checks)
    if missed:
        yield f"missed {missed} of {len(checks)} attention checks"
    if len(rated) > 1 and len({value for each in rated for value in each.answers.values()}) == 1:
        yield "gave one answer to everything"
    best, worst = (
        [value for each in rated if each.stimulus.system == system for value in each.answers.values()]
        for system in (HIDDEN_REFERENCE, BAD_ANCHOR)
    )
    if best and worst and np.mean(worst) >= np.mean(best):
        yield "rated the spoiled videos as high as the untouched ones, or higher"
