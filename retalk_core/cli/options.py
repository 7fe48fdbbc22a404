"""From the words of the command line to options."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compute.options import Computing
from ..dub.options import DubOptions
from ..errors import InputError, OptionError
from ..faces.choice import FaceChoice
from ..fields import Option, OptionKind, options_of
from ..stages.options import Preset, Stages
from ..times import parse_ranges, parse_rate, parse_time
from ..visemes.text.transcript import read_transcript

if TYPE_CHECKING:
    import numpy as np

    from ..media.clip import Clip


MOST_GB = 1_000_000


def read_dub_options(args: argparse.Namespace) -> DubOptions:
    """The options of `retalk dub`. Raises OptionError, InputError."""
    options = DubOptions(face=read_face(args), **{**usual_options(DubOptions), **_given(args, DubOptions)})
    return replace(options, stages=_read_stages(args, options.preset))


def usual_options(holder: type) -> dict[str, Any]:
    """What holds on the command line where nothing is given, as far as programs have something else."""
    return {
        each.name: each.command_default
        for each in options_of(holder)
        if each.command_default is not None and each.command_default != each.default
    }


def read_computing(args: argparse.Namespace) -> Computing:
    """How the networks of `retalk dub` compute."""
    return Computing(**_given(args, Computing))


def read_face(args: argparse.Namespace) -> FaceChoice:
    """Whose face is meant. Raises OptionError, InputError."""
    given = _given(args, FaceChoice)
    if not given:
        return FaceChoice()
    ((rule, value),) = given.items()  # never two; a rule is named as its field
    return FaceChoice(rule, **{rule: value})  # type: ignore[arg-type]


def _read_stages(args: argparse.Namespace, preset: Preset) -> Stages | None:
    """The preset's stages as they were changed; None where they weren't."""
    changes = _given(args, Stages)
    if isinstance(changes.get("upper_face"), dict):
        changes |= {"upper_face": "units", "action_units": changes["upper_face"]}
    return Stages.of(preset, **changes) if changes else None


def _given(args: argparse.Namespace, holder: type) -> dict[str, Any]:
    """What the words say of a dataclass's options, by the fields' names; nothing of what wasn't given."""
    found = {}
    for each in options_of(holder):
        word = getattr(args, each.name, None)
        if word is not None:
            read = READERS.get(each.kind)
            found[each.name] = word if read is None else read(word, each)
    return found


# Words of one kind each


def _read_choice(word: str, asked: Option) -> Any:  # noqa: ANN401 - what the word stands for
    return asked.choices[word] if isinstance(asked.choices, Mapping) else word


def _read_choice_or_picture(word: str, asked: Option) -> str | Path:
    if word in asked.choices:
        return word
    if not os.path.isfile(word):  # noqa: PTH113 - it never raises
        raise InputError(f"{asked.flag} {word}: no such picture, nor is it {' or '.join(asked.choices)}.")
    return Path(word)


def _read_choice_or_amounts(word: str, asked: Option) -> str | dict[int, float]:
    named = word in asked.choices and word != "units"
    return word if named else _read_amounts(word.split(","), asked)


def _read_amounts(words: Sequence[str], asked: Option) -> dict[int, float]:
    """Amounts by their numbers, such as 4=0.3."""
    found = {}
    for word in words:
        amount = _amount(word)
        if amount is None:
            raise OptionError(f"{asked.flag} takes NUMBER=AMOUNT such as 4=0.3; {word!r} is none.")
        found[amount[0]] = amount[1]
    return found


def _amount(word: str) -> tuple[int, float] | None:
    """A number and its amount; None where the word is no such pair."""
    number, _, amount = word.partition("=")
    try:
        found = int(number), float(amount)
    except ValueError:
        return None
    return found if math.isfinite(found[1]) else None


def _read_gigabytes(amount: float, asked: Option) -> int:
    if not 0 < amount <= MOST_GB:
        raise OptionError(f"A limit of {amount:g} GB for --work-dir is out of range: up to {MOST_GB:,}.")
    return int(amount * 1e9)


def _read_point(word: str, asked: Option) -> tuple[float, float]:
    point = _point(word)
    if point is None:
        raise OptionError(f"{word} is no place. Give a pixel as X,Y, such as 640,360.")
    return point


def _point(word: str) -> tuple[float, float] | None:
    """X and Y; None where the word is no such pair."""
    try:
        x, y = map(float, word.split(","))
    except ValueError:
        return None
    return (x, y) if math.isfinite(x + y) else None


def _read_mask(path: Path, asked: Option) -> np.ndarray:
    from ..media.reader import open_clip

    frame = next(iter(open_clip(path).frames([0])))
    return frame.pixels.max(axis=2).astype("float32") / frame.pixels.max().clip(1)


def _read_masks(path: Path, asked: Option) -> Clip:
    from ..media.reader import open_clip

    return open_clip(path)


READERS: dict[OptionKind, Callable[[Any, Option], Any]] = {
    "choice": _read_choice,
    "choice or picture": _read_choice_or_picture,
    "choice or amounts": _read_choice_or_amounts,
    "seconds": lambda word, asked: parse_time(word),
    "rate": lambda word, asked: parse_rate(word),
    "ranges": lambda word, asked: parse_ranges(word),
    "amounts": _read_amounts,
    "gigabytes": _read_gigabytes,
    "point": _read_point,
    "mask": _read_mask,
    "transcript": lambda path, asked: read_transcript(path),
    "masks": _read_masks,
}
