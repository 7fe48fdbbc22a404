"""From words to options: those of the command line, and the cells of a table."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compute.options import Computing
from ..dub.options import FACES, DubOptions
from ..errors import InputError, OptionError
from ..faces.choice import FaceChoice
from ..fields import Option, OptionKind, options_of
from ..stages.options import Preset, Stages
from ..times import parse_ranges, parse_rate, parse_time
from .table import NEEDED, shown

if TYPE_CHECKING:
    import numpy as np

    from ..media.clip import Clip


MOST_GB = 1_000_000
OPTION_HOLDERS = (DubOptions, Stages, Computing, FaceChoice)
YES, NO = ("yes", "on", "true", "1"), ("no", "off", "false", "0")
LOADED: tuple[OptionKind, ...] = ("mask", "masks", "transcript")  # whose file is opened where it is read
FILES: tuple[OptionKind, ...] = ("path", *LOADED)


# All words together


def dub_options_of(words: Mapping[str, Any]) -> DubOptions:
    """Options of a dub from words by the fields' names, as argparse gives them; None isn't given.

    Raises OptionError, InputError.
    """
    given = {**usual_options(DubOptions), **_given(words, DubOptions)}
    options = DubOptions(face=face_of(words), **given)
    stages = _stages_of(words, options.preset)
    return options if stages is None else replace(options, stages=stages)


def usual_options(holder: type) -> dict[str, Any]:
    """What holds on the command line where nothing is given, as far as programs have something else."""
    return {
        each.name: each.command_default
        for each in options_of(holder)
        if each.command_default is not None and each.command_default != each.default
    }


def computing_of(words: Mapping[str, Any]) -> Computing:
    """How the networks of a dub compute."""
    return Computing(**_given(words, Computing))


def face_of(words: Mapping[str, Any]) -> FaceChoice:
    """Whose face is meant. Raises OptionError, InputError."""
    given = _given(words, FaceChoice)
    if not given:
        return FaceChoice()
    if len(given) > 1:
        raise OptionError(f"A face is chosen by one thing, not by {' and '.join(given)}.")
    ((rule, value),) = given.items()  # a rule is named as its field
    return FaceChoice(rule, **{rule: value})  # type: ignore[arg-type]


def _stages_of(words: Mapping[str, Any], preset: Preset) -> Stages | None:
    """The preset's stages as they were changed; None where they weren't."""
    changes = _given(words, Stages)
    if isinstance(changes.get("upper_face"), dict):
        changes |= {"upper_face": "units", "action_units": changes["upper_face"]}
    return Stages.of(preset, **changes) if changes else None


def _given(words: Mapping[str, Any], holder: type) -> dict[str, Any]:
    """What the words say of a dataclass's options, by the fields' names; nothing of what wasn't given."""
    found = {}
    for each in options_of(holder):
        word = words.get(each.name)
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


def _read_transcript(path: Path, asked: Option) -> str:
    from ..visemes.text.transcript import read_transcript

    return read_transcript(path)


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
    "transcript": _read_transcript,
    "masks": _read_masks,
}


# Cells of a table: they say the same in words of their own


@functools.cache
def columns_of_options() -> Mapping[str, Option]:
    """The options that a column may be, by all that it may be called: field, flag and widget."""
    named: dict[str, Option] = {}
    for each in (each for holder in OPTION_HOLDERS for each in options_of(holder) if each.flag):
        for name in (each.name, each.flag.lstrip("-").replace("-", "_"), each.widget):
            if name:
                named.setdefault(name, each)
    return named


def words_of_cells(cells: Iterable[tuple[str, Any]], file: Callable[[str], str]) -> dict[str, Any]:
    """What cells say of options: plain words by the fields' names, as `restored` takes them.

    cells:  columns and what stands there: texts, or what JSON holds
    file:   makes of a file's name in a cell one that means the same anywhere
    raises: OptionError for a column or a word that isn't known
    """
    found: dict[str, Any] = {}
    for column, cell in cells:
        name = column.lstrip("-").replace("-", "_")
        if name == "face":
            found |= _face_words(cell)
            continue
        asked = columns_of_options().get(name)
        if asked is None:
            raise OptionError(_unknown_column(column))
        if asked.name in found:
            raise OptionError(f"{asked.name} is given twice: leave one of the two cells empty.")
        found[asked.name] = _cell(asked, name, cell, file)
    return found


def restored(words: Mapping[str, Any]) -> dict[str, Any]:
    """Plain words by the fields' names as argparse would give them: paths are paths."""
    known = columns_of_options()
    return {name: Path(word) if known[name].kind in FILES else word for name, word in words.items()}


def files_among(words: Mapping[str, Any]) -> dict[str, str]:
    """The files that plain words name, by the options' names; folders and what is written aside."""
    found = {}
    for name, word in words.items():
        asked = columns_of_options()[name]
        if names_file(asked, word) and asked.metavar != "FOLDER":
            found[name] = str(word)
    return found


def names_file(asked: Option, word: object) -> bool:
    """Whether an option's word is the name of a file or a folder."""
    return asked.kind in FILES or (asked.kind == "choice or picture" and word not in asked.choices)


def _unknown_column(column: str) -> str:
    import difflib

    near = difflib.get_close_matches(column, [*columns_of_options(), "face", *NEEDED], 1)
    meant = f" {near[0]} is meant, perhaps." if near else " `retalk batch --help` lists the options."
    return f"There is no option {shown(column)}.{meant}"


def _face_words(cell: object) -> dict[str, Any]:
    """A face as the canvas offers it, or its number from the left."""
    if isinstance(cell, str) and cell in FACES:
        chosen = FACES[cell]
        return {} if chosen.rule == "largest" else {"index": chosen.index}
    number = _number(cell)
    if number is None or not number.is_integer():
        raise OptionError(f"face is {shown(cell)}, but must be a whole number or one of {', '.join(FACES)}.")
    return {"index": int(number)}


def _cell(asked: Option, name: str, cell: Any, file: Callable[[str], str]) -> Any:  # noqa: ANN401 - plain
    """What a cell says of one option, in a plain word."""
    if asked.kind == "switch":
        return _switch(asked, name, cell)
    if asked.kind in ("number", "gigabytes", "whole"):
        return _counted(asked, name, cell)
    if asked.kind == "amounts":
        return _amount_words(cell)
    if asked.kind == "choice or amounts" and not isinstance(cell, str):
        return ",".join(_amount_words(cell))
    if isinstance(cell, list | tuple):
        return _joined(cell)
    word = str(cell)
    if asked.kind == "choice":
        return _chosen_word(asked, name, word)
    return file(word) if names_file(asked, word) else word


def _switch(asked: Option, name: str, cell: object) -> bool:
    word = str(cell).lower()
    if word not in (*YES, *NO):
        raise OptionError(f"{name} is {shown(cell)}, but must be yes or no.")
    turned = asked.flag == f"--{name.replace('_', '-')}" and name != asked.name and bool(asked.default)
    return (word in YES) != turned  # the flag of what is on by default says that it is off


def _counted(asked: Option, name: str, cell: object) -> float | int:
    number = _number(cell)
    if number is None or (asked.kind == "whole" and not number.is_integer()):
        kind = "a whole number" if asked.kind == "whole" else "a number"
        raise OptionError(f"{name} is {shown(cell)}, but must be {kind}.")
    return int(number) if asked.kind == "whole" else number


def _number(cell: Any) -> float | None:  # noqa: ANN401 - a text or a number
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(cell, bool) else None


def _amount_words(cell: Any) -> list[str]:  # noqa: ANN401 - plain
    """Amounts as the command line has them: 4=0.3."""
    if isinstance(cell, Mapping):
        return [f"{number}={amount}" for number, amount in cell.items()]
    words = cell if isinstance(cell, list | tuple) else str(cell).split(",")
    return [str(word).strip().replace(":", "=") for word in words]


def _joined(cell: Sequence[Any]) -> str:
    """A place, or ranges of time, as the command line has them."""
    ranges = any(isinstance(each, list | tuple) for each in cell)
    if not ranges:
        return ",".join(map(str, cell))
    return ", ".join(
        "-".join(map(str, each)) if isinstance(each, list | tuple) else str(each) for each in cell
    )


def _chosen_word(asked: Option, name: str, word: str) -> str:
    """A choice's word; one that the canvas has for it, too."""
    if word in asked.choices:
        return word
    if isinstance(asked.widget_choices, Mapping) and word in asked.widget_choices:
        value = asked.widget_choices[word]
        if not isinstance(asked.choices, Mapping):
            return str(value)
        return next(known for known, means in asked.choices.items() if means == value)
    raise OptionError(f"{name} is {shown(word)}, but must be one of {', '.join(asked.choices)}.")
