"""What a run is told: frozen dataclasses, each knob with its reason and source, read from TOML and words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import OptionError

# Who says so: the paper; the method that it builds on; neither does.
KnobSource = Literal["paper", "ancestor", "ours"]
RunKind = TypeVar("RunKind")


def knob(default: Any, why: str, source: KnobSource = "ours") -> Any:  # noqa: ANN401 - of any type
    """A field of a run: what it is set to, and why."""
    return field(default=default, metadata={"why": why, "source": source})


@dataclass(frozen=True)
class Pace:
    """What every run has: how long it learns, in what portions, where, and how often it tells."""

    steps: int = knob(400_000, "after how many steps it ends", "paper")
    batch: int = knob(4, "samples at a time on each device")
    accumulate: int = knob(
        1, "portions of that size that one step is made of: more samples than memory holds"
    )
    seed: int = knob(0, "of all that is drawn by chance; the same seed gives the same run")
    device: str = knob("auto", "cpu, cuda, …; auto is the fastest there is")
    precision: str = knob("fp32", "fp32, bf16 or fp16; weights stay in fp32")
    workers: int = knob(0, "processes that cut pictures while the network learns")
    average: float = knob(
        0.99778, "decay of the weights' running mean, which is what is exported", "ancestor"
    )
    clip: float = knob(0.0, "longest gradient; 0 takes all: none of the papers speaks of a limit")
    minutes: float = knob(0.0, "after how many minutes it ends, if that is sooner; 0: never")
    tell_every: int = knob(50, "steps between two lines in the log")
    save_every: int = knob(1000, "steps between two checkpoints: what a power cut may cost")
    validate_every: int = knob(3000, "steps between two looks at clips that are kept back", "ancestor")
    draw_every: int = knob(1000, "steps between two strips of pictures")
    keep: int = knob(2, "checkpoints that stay; the best one stays as well")
    patience: int = knob(0, "looks in a row without a better one, after which it ends; 0: never")


# What may differ when a run goes on: it changes nothing of what was learnt so far.
MAY_CHANGE = (
    *("steps", "device", "workers", "minutes", "tell_every", "save_every", "validate_every"),
    *("draw_every", "keep", "patience"),
)


def read_run(
    plain: RunKind, presets: Mapping[str, RunKind], file: Path | None, words: Sequence[str]
) -> RunKind:
    """A run from a file of TOML and words such as `pace.steps=10`; later ones win.

    plain:   with nothing chosen
    presets: other starting points by name, chosen by `preset`
    raises:  OptionError for what isn't there or of another type
    """
    given = _read_toml(file) if file else {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise OptionError(f"{word!r} is no setting: write a name, = and a value, as in pace.steps=1000.")
        _put(given, name.strip().split("."), _read_value(value.strip()))
    preset = given.pop("preset", None)
    if preset is not None and preset not in presets:
        raise OptionError(f"preset is {preset!r}, but must be one of {', '.join(presets)}.")
    return from_plain(plain if preset is None else presets[preset], given)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        try:
            import tomli as tomllib
        except ImportError:
            raise OptionError(
                f"{file} can't be read: TOML needs Python 3.11, or the package tomli (the extra `train`)."
            ) from None
    try:
        return dict(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise OptionError(f"{file} can't be read ({error.strerror}). Name a file of settings.") from error
    except ValueError as error:
        raise OptionError(f"{file} is no TOML ({error}). Correct it there.") from error


def _read_value(text: str) -> Any:  # noqa: ANN401 - whatever is written there
    """A number, true, false, or a list as TOML and JSON write them; any other word is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip("'\"")


def _put(given: dict[str, Any], path: Sequence[str], value: object) -> None:
    *outer, last = path
    for part in outer:
        inner = given.setdefault(part, {})
        if not isinstance(inner, dict):
            raise OptionError(f"{'.'.join(path)} can't be set: {part} is a value.")
        given = inner
    given[last] = value


def from_plain(run: RunKind, given: Mapping[str, Any], where: str = "") -> RunKind:
    """A run with some of its values changed; mappings reach into its parts. Raises OptionError."""
    known = {each.name: each for each in fields(run)}  # type: ignore[arg-type]
    types = get_type_hints(type(run))
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise OptionError(f"There is no setting {where}{name}; there are {', '.join(known)}.")
        now = getattr(run, name)
        if is_dataclass(now) and not isinstance(now, type):
            if not isinstance(value, Mapping):
                raise OptionError(f"{where}{name} has settings of its own: write {where}{name}.NAME=VALUE.")
            changes[name] = from_plain(now, value, f"{where}{name}.")
        else:
            changes[name] = _typed(f"{where}{name}", value, now, types[name])
    return replace(run, **changes)  # type: ignore[type-var]


def _typed(name: str, value: Any, now: Any, kind: Any) -> Any:  # noqa: ANN401
    """A value of the kind that a setting has."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise OptionError(
                f"{name} is {value!r}, but must be one of {', '.join(map(str, get_args(kind)))}."
            )
        return value
    if isinstance(now, tuple):
        if not isinstance(value, list | tuple):
            raise OptionError(f"{name} is {value!r}, but must be a list such as {list(now)}.")
        return tuple(value)
    if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(now, str) and not isinstance(value, str):
        return str(value)
    if type(value) is not type(now):
        raise OptionError(f"{name} is {value!r}, but must be such as {now!r}.")
    return value


def to_plain(run: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """A run's values as JSON can hold them."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(run)))
    return plain


def told_knobs(run: Any, where: str = "") -> Iterator[tuple[str, str, str, str]]:  # noqa: ANN401
    """Each knob's name, value, reason and source."""
    for each in fields(run):
        value = getattr(run, each.name)
        if is_dataclass(value):
            yield from told_knobs(value, f"{where}{each.name}.")
        else:
            why, source = each.metadata.get("why", ""), each.metadata.get("source", "")
            yield f"{where}{each.name}", json.dumps(value), why, source


def differences_between(one: Mapping[str, Any], other: Mapping[str, Any], where: str = "") -> list[str]:
    """The settings that differ, but for those that may."""
    found = []
    for name in dict.fromkeys((*one, *other)):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences_between(a, b, f"{where}{name}.")
        elif a != b and name not in MAY_CHANGE:
            found.append(f"{where}{name}")
    return found
