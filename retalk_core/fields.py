"""An option is one field: its check, its words for the command line, its widget and a job's key follow."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .errors import OptionError

OptionKind = Literal[
    "",  # as the default is: a switch, a whole number, a number or a text; with choices, one of them
    "switch",  # bool
    "choice",  # one of `choices`
    "choice or picture",  # the same, or the path of a picture
    "choice or amounts",  # the same; on the command line also amounts
    "number",  # float
    "whole",  # int
    "text",
    "transcript",  # a text of many lines; on the command line the path of a file that holds it
    "path",
    "seconds",  # a fraction
    "rate",  # frames per second, a fraction
    "ranges",  # pairs of seconds
    "amounts",  # float by int
    "gigabytes",  # int, in bytes
    "point",  # x and y in pixels
    "mask",  # (H, W) in [0, 1], read from a picture
    "masks",  # the same, or a clip of such pictures, read from a picture or a video
]


BY_NAME = "by the field's name"


@dataclass(frozen=True, eq=False)
class Option:
    """What is known of an option beside its type. All but `name` and `default` are keywords of `option`."""

    name: str = ""  # the field's
    default: Any = None  # the field's
    kind: OptionKind = ""
    tip: str = ""  # what it does, in sentences
    unset: str = ""  # what holds where it is None or empty
    low: float | None = None  # the least that is taken
    high: float | None = None  # the most
    unit: str = ""
    # What may be chosen: values, or words for them. One choice alone is none: no host asks for it.
    choices: Sequence[str] | Mapping[str, Any] = ()
    by_preset: bool = False  # where it isn't given, the preset decides
    engine: str = ""  # the only one that heeds it; "": all do
    keeps_pixels: bool = False  # edited pixels are the same whatever it is: it doesn't belong to a job's key

    # On the command line
    flag: str = BY_NAME  # "": none
    metavar: str = ""
    group: str = ""  # of the help; "": its dataclass's
    command_tip: str = ""  # in place of `tip`, where the two hosts really differ
    command_default: Any = None  # what holds where it isn't given, where that isn't the default

    # On the canvas
    widget: str = BY_NAME  # its input's id; "": none
    on_face: bool = False  # of the dub nodes, in the order of the fields; the others are on Dub Options
    place: int = 1000  # among the inputs of Dub Options; new ones come last
    came_later: bool = False  # than the node: what was queued before it came still runs
    advanced: bool = False  # folded away until asked for
    widget_tip: str = ""  # in place of `tip`, where the two hosts really differ
    widget_choices: Sequence[str] | Mapping[Any, Any] = ()  # in place of `choices`
    widget_default: Any = None  # what it shows at first, where that isn't the default
    widget_range: tuple[float, float] | None = None  # in place of `low` and `high`
    blank: Any = None  # a number or a text that stands for the default
    step: float = 0.01
    placeholder: str = ""

    @property
    def values(self) -> tuple[Any, ...]:
        """What the choices stand for."""
        return tuple(self.choices.values() if isinstance(self.choices, Mapping) else self.choices)

    @property
    def range(self) -> str:
        """From where to where it goes, in words; empty where there is no limit."""
        if self.low is None:
            return "" if self.high is None else f"{self.high:g} or less"
        return f"{self.low:g} or more" if self.high is None else f"from {self.low:g} to {self.high:g}"


def option(default: Any = MISSING, *, factory: Callable[[], Any] | None = None, **known: Any) -> Any:  # noqa: ANN401
    """A dataclass's field that is an option.

    default, factory: as `dataclasses.field` has them; one of the two
    known:            the fields of `Option`, from `kind` on
    """
    metadata = {"option": Option(**known)}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@functools.cache
def options_of(holder: type) -> tuple[Option, ...]:
    """The options that a dataclass holds, in the order of its fields, with flag and widget worked out."""
    return tuple(_option_of(each) for each in fields(holder) if "option" in each.metadata)


def _option_of(holding: Field[Any]) -> Option:
    known: Option = holding.metadata["option"]
    default = holding.default
    if holding.default_factory is not MISSING:
        default = holding.default_factory()
    kind = known.kind or _kind_of(default, known)
    flag, widget = known.flag, known.widget
    if len(known.choices) == 1:
        flag = widget = ""
    if flag == BY_NAME:
        turns_off = kind == "switch" and default and not known.by_preset
        flag = f"--{'no-' if turns_off else ''}{holding.name.replace('_', '-')}"
    if widget == BY_NAME:
        widget = holding.name
    return replace(known, name=holding.name, default=default, kind=kind, flag=flag, widget=widget)


def _kind_of(default: object, known: Option) -> OptionKind:
    if known.choices or known.widget_choices:
        return "choice"
    kinds: dict[type, OptionKind] = {bool: "switch", int: "whole", float: "number", str: "text"}
    if type(default) not in kinds:
        raise ValueError(f"an option whose default is {default!r} must say of what kind it is")
    return kinds[type(default)]


def option_named(holder: type, name: str) -> Option:
    """One of a dataclass's options."""
    return next(each for each in options_of(holder) if each.name == name)


def check_options(options: Any) -> None:  # noqa: ANN401 - any dataclass
    """Refuse what is none of an option's choices or out of its range. Raises OptionError."""
    holder: type = type(options)
    for each in options_of(holder):
        value = getattr(options, each.name)
        if each.choices and not _is_choice(each, value):
            known = ", ".join(each.choices)
            wanted = f"{known} or a picture's path" if each.kind == "choice or picture" else f"one of {known}"
            raise OptionError(f"{each.name} is {value!r}, but must be {wanted}.")
        if value is not None and not _is_within(each, value):
            raise OptionError(f"{each.name} is {value}, but must be {each.range}.")
        if each.kind == "amounts" and not all(map(math.isfinite, value.values())):
            raise OptionError(f"{each.name} is {dict(value)}, but amounts must be finite numbers.")


def _is_choice(each: Option, value: object) -> bool:
    return value in each.values or (each.kind == "choice or picture" and isinstance(value, Path))


def _is_within(each: Option, value: Any) -> bool:  # noqa: ANN401 - any number
    """Not-a-number is in no range."""
    return (each.low is None or value >= each.low) and (each.high is None or value <= each.high)


def changed(options: object, plain: object) -> list[Option]:
    """The options that differ from what holds where nothing is chosen.

    plain: the same kind of options, with nothing chosen
    """
    held: type = type(options)
    return [each for each in options_of(held) if getattr(options, each.name) != getattr(plain, each.name)]


def key_of(options: object) -> object:
    """What belongs to a job's key: a dataclass's fields by name, without options that keep pixels.

    Fields that hold such dataclasses are treated likewise; what has no options is given back as it is.
    """
    if not is_dataclass(options) or isinstance(options, type) or not options_of(type(options)):
        return options
    later = {each.name for each in options_of(type(options)) if each.keeps_pixels}
    names = (each.name for each in fields(options) if each.name not in later)
    return {name: key_of(getattr(options, name)) for name in names}
