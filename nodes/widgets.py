"""Widgets for the core's options: what they show and what they mean is read off the options' fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from comfy_api.latest import io

from ..retalk_core.compute.options import Computing
from ..retalk_core.dub.options import DubOptions
from ..retalk_core.fields import Option, OptionKind, options_of
from ..retalk_core.stages.options import Stages
from ..retalk_core.times import parse_ranges
from . import media
from .schema import ADVANCED, meant, parse_numbers

AS_PRESET = "as preset"
GIGABYTE = 10**9
MEANINGS: dict[
    OptionKind, Callable[[Any], Any]
] = {  # of what a widget holds, where it isn't the option's value
    "seconds": media.exact_seconds,
    "rate": media.exact_rate,
    "ranges": parse_ranges,
    "amounts": parse_numbers,
    "gigabytes": lambda amount: round(amount * GIGABYTE),
}


def face_options() -> list[Option]:
    """What the dub nodes ask for on their face."""
    return [each for each in options_of(DubOptions) if each.widget and each.on_face]


def further_options() -> list[Option]:
    """What Dub Options asks for, in the order of its inputs."""
    found = [each for holder in (DubOptions, Computing, Stages) for each in options_of(holder)]
    return sorted((each for each in found if each.widget and not each.on_face), key=lambda each: each.place)


def widget_of(asked: Option) -> Any:  # noqa: ANN401 - an input of any type
    """The widget that asks for an option."""
    about: dict[str, Any] = {"tooltip": tooltip_of(asked), "default": _shown(asked)}
    if asked.came_later:
        about["optional"] = True
    if asked.advanced:
        about |= ADVANCED
    choices = _choices(asked)
    if _is_switch(asked):
        return io.Boolean.Input(asked.widget, **about)
    if choices:
        return io.Combo.Input(asked.widget, options=list(choices), **about)
    if asked.kind == "transcript":
        return io.String.Input(asked.widget, placeholder=asked.placeholder, multiline=True, **about)
    if asked.kind in ("text", "ranges", "amounts"):
        return io.String.Input(asked.widget, placeholder=asked.placeholder, **about)
    about["min"], about["max"] = asked.widget_range or (asked.low, asked.high)
    if asked.kind == "whole":
        if "seed" in asked.name:
            about["control_after_generate"] = False  # else the editor changes a seed after each run
        return io.Int.Input(asked.widget, **about)
    return io.Float.Input(asked.widget, step=asked.step, **about)


def tooltip_of(asked: Option) -> str:
    """An option's tip, and what it means where the widget is left blank."""
    tip = asked.widget_tip or asked.tip
    if asked.blank is None or not asked.unset:
        return tip
    return f"{tip} {'Empty' if asked.blank == '' else f'{asked.blank:g}'}: {asked.unset}."


def word_for(holder: type, name: str, value: object) -> str:
    """What a widget calls a value of an option."""
    choices = _choices(next(each for each in options_of(holder) if each.name == name))
    return next((str(word) for word, meaning in choices.items() if meaning == value), str(value))


def values_of(holder: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """What widgets say of a dataclass's options, by the field's name; nothing of what is left to the preset.

    given: by the widgets' ids. Raises OptionError
    """
    return {
        each.name: _meaning(each, given[each.widget])
        for each in options_of(holder)
        if each.widget in given and not (each.by_preset and given[each.widget] == AS_PRESET)
    }


def _meaning(asked: Option, shown: Any) -> Any:  # noqa: ANN401 - a widget's value, and the option's
    if asked.blank is not None and shown == asked.blank:
        return asked.default
    choices = _choices(asked)
    if _is_switch(asked):
        return choices[bool(shown)] if choices else bool(shown)
    if isinstance(asked.widget_choices or asked.choices, Mapping) or asked.kind == "switch":
        return meant(shown, choices)
    return MEANINGS[asked.kind](shown) if asked.kind in MEANINGS else shown


def _is_switch(asked: Option) -> bool:
    """Whether a widget is on or off. Of a path the canvas asks only whether: the host knows the place."""
    if asked.by_preset:
        return False
    return asked.kind in ("switch", "path") or set(_choices(asked)) == {True, False}


def _choices(asked: Option) -> dict[Any, Any]:
    """What a widget offers, and what it means; nothing where anything goes."""
    offered = asked.widget_choices or asked.choices
    choices = dict(offered) if isinstance(offered, Mapping) else {each: each for each in offered}
    if not asked.by_preset:
        return choices
    return {AS_PRESET: AS_PRESET, **(choices or {"on": True, "off": False})}


def _shown(asked: Option) -> Any:  # noqa: ANN401 - of the widget's type
    """What a widget shows at first."""
    if asked.widget_default is not None:
        return asked.widget_default
    if asked.by_preset:
        return AS_PRESET
    if asked.blank is not None:
        return asked.blank
    for word, value in _choices(asked).items():
        if value == asked.default:
            return word
    return float(asked.default) if asked.kind == "seconds" else asked.default
