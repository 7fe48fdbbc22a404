"""The words of options: flags, groups and help, as the options' fields say them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..compute.options import Computing
from ..dub.options import DubOptions
from ..faces.choice import FaceChoice
from ..fields import Option, OptionKind, options_of
from ..stages.options import Stages

MAIN = "main"
GROUPS = {  # and their titles, in the order of the help
    MAIN: "options",
    "stages": "stages of the engine retalk, where they shall differ from the preset's",
    "computing": "how the engine retalk computes",
    "time": "length and time (seconds, or minutes:seconds)",
    "face": "whose face",
    "made": "what is made",
}
HOLDERS = {Computing: "computing", FaceChoice: "face", DubOptions: "made", Stages: "stages"}


def read_path(word: str) -> Path:
    """A name as a path; an empty one would silently mean the working directory."""
    if not word:
        raise argparse.ArgumentTypeError("its name is empty")
    return Path(word)


READ_BY_ARGPARSE: dict[OptionKind, Callable[[str], Any]] = {
    "number": float,
    "gigabytes": float,
    "whole": int,
    "path": read_path,
    "mask": read_path,
    "transcript": read_path,
    "masks": read_path,
}
METAVARS: dict[OptionKind, str] = {
    "whole": "N",
    "number": "X",
    "text": "NAME",
    "transcript": "FILE",
    "seconds": "TIME",
    "rate": "RATE",
    "gigabytes": "GB",
    "point": "X,Y",
    "path": "FILE",
    "mask": "PICTURE",
    "masks": "PICTURE/VIDEO",
    "ranges": "RANGES",
    "amounts": "N=X",
    "choice or picture": "WHICH",
    "choice or amounts": "HOW",
}


def options_by_group() -> dict[str, list[Option]]:
    """The options that have a flag, by the key of their group."""
    found: dict[str, list[Option]] = {key: [] for key in GROUPS}
    for holder, usual in HOLDERS.items():
        for each in options_of(holder):
            if each.flag:
                found[each.group or usual].append(each)
    return found


def add_options(command: argparse.ArgumentParser) -> dict[str, argparse._ArgumentGroup]:
    """Add every option to a command. Gives back the groups by their keys, for what else belongs there."""
    groups = {key: command.add_argument_group(title) for key, title in GROUPS.items() if key != MAIN}
    faces = options_of(FaceChoice)
    for key, options in options_by_group().items():
        if key == "face":
            add_face_choice(groups[key])
        for each in options:
            if each not in faces:
                add_option(groups.get(key, command), each)
    return groups


def add_face_choice(group: argparse._ArgumentGroup) -> None:
    """Add the options that choose a face, of which one may be given."""
    which = group.add_mutually_exclusive_group()
    for each in options_of(FaceChoice):
        add_option(which, each)


def add_option(group: argparse._ActionsContainer, asked: Option) -> None:
    """Add an option under its field's name. It is None unless it is given: defaults stand in the fields."""
    told: dict[str, Any] = {"dest": asked.name, "default": None, "help": help_of(asked).replace("%", "%%")}
    if asked.kind == "switch" and asked.by_preset:
        told["action"] = argparse.BooleanOptionalAction
    elif asked.kind == "switch":
        told |= {"action": "store_const", "const": not asked.default}
    elif asked.kind == "choice":
        told["choices"] = tuple(asked.choices)
    else:
        told["metavar"] = metavar_of(asked)
        if asked.kind == "amounts":
            told["action"] = "append"
        if asked.kind in READ_BY_ARGPARSE:
            told["type"] = READ_BY_ARGPARSE[asked.kind]
    group.add_argument(asked.flag, **told)


def metavar_of(asked: Option) -> str:
    """What stands for the value behind a flag; empty behind a switch, and where the choices stand there."""
    if asked.kind in ("switch", "choice"):
        return ""
    if asked.metavar or asked.unit:
        return asked.metavar or asked.unit.upper()
    if asked.kind == "number" and asked.low is not None and asked.high is not None:
        return f"{asked.low:g}..{asked.high:g}"
    return METAVARS[asked.kind]


def help_of(asked: Option) -> str:
    """An option's tip and default, worded as the help of a command is: no capital, no full stop."""
    tip, default = (asked.command_tip or asked.tip).rstrip(".").replace(" · ", "; "), default_of(asked)
    is_name = tip[1:2].isupper() or tip[1:2] == "-"  # GPEN, D-Net
    said = tip if is_name else tip[:1].lower() + tip[1:]
    return f"{said}; default: {default}" if default else said


def default_of(asked: Option) -> str:
    """What holds where an option isn't given, in words; empty where that goes without saying."""
    if asked.by_preset:
        return "as the preset has it"
    if asked.unset:
        return asked.unset
    if asked.kind == "gigabytes":
        return f"{asked.default / 1e9:g}"
    if asked.command_default is not None:
        return f"{asked.command_default}"
    if isinstance(asked.choices, Mapping):
        return next(word for word, value in asked.choices.items() if value == asked.default)
    if asked.kind == "number":
        return f"{asked.default:g}"
    plain = asked.kind in ("choice", "choice or picture", "choice or amounts", "whole", "text", "seconds")
    return f"{asked.default}" if plain and asked.default is not None else ""


def add_talk(command: argparse.ArgumentParser) -> None:
    """Add what a command that reports may be told of its words."""
    talk = command.add_argument_group("what is said")
    talk.add_argument("--json", action="store_true", help="print the report as JSON")
    talk.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    add_verbose(talk)


def add_verbose(group: argparse._ActionsContainer) -> None:
    """Add the option that every command has."""
    group.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")
