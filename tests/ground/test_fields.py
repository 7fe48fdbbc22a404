"""An option is one field: what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.fields import check_options, key_of, option, option_named, options_of
from retalk_nodes.retalk_core.stages.options import Stages


@dataclass(frozen=True)
class Colours:
    """What a house is painted with."""

    coats: int = option(2, low=1, tip="How often.")
    gloss: float = option(0.5, low=0, high=1, tip="How far it shines.")
    washable: bool = option(True, tip="Whether it can be washed.")
    matt: bool = option(False, tip="Whether it is matt.")
    tone: str = option("warm", choices=("warm", "cold"), tip="Which tone.")
    primer: bool | None = option(None, choices={"auto": None, "on": True}, tip="Whether there is one.")
    sample: str | Path = option("none", kind="choice or picture", choices=("none",), tip="What it is like.")
    brush: str = option("wide", choices=("wide",), tip="There is one only.")
    ladder: str = option("long", keeps_pixels=True, flag="--steps", widget="", tip="What is stood on.")
    mixed: Mapping[int, float] = option(factory=dict, kind="amounts", tip="What is added.")
    owner: str = "nobody"

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class House:
    """Options beside what is none."""

    colours: Colours | None = None
    rooms: int = option(3, keeps_pixels=True, tip="How many.")


def test_amounts_are_finite() -> None:
    with pytest.raises(OptionError, match="amounts must be finite numbers"):
        Stages(expression_edits={3: float("nan")})


def test_the_defaults_are_as_they_are_written() -> None:
    plain = Colours()
    assert (plain.coats, plain.washable, plain.tone, plain.mixed) == (2, True, "warm", {})
    assert [each.default for each in options_of(Colours)] == [
        getattr(plain, each.name) for each in options_of(Colours)
    ]


@pytest.mark.parametrize(
    ("name", "kind", "flag", "widget"),
    [
        ("coats", "whole", "--coats", "coats"),
        ("gloss", "number", "--gloss", "gloss"),
        ("washable", "switch", "--no-washable", "washable"),
        ("matt", "switch", "--matt", "matt"),
        ("tone", "choice", "--tone", "tone"),
        ("primer", "choice", "--primer", "primer"),
        ("ladder", "text", "--steps", ""),
        ("brush", "choice", "", ""),  # nothing to choose
        ("mixed", "amounts", "--mixed", "mixed"),
    ],
)
def test_kind_flag_and_widget_follow_from_the_field(name: str, kind: str, flag: str, widget: str) -> None:
    found = option_named(Colours, name)
    assert (found.kind, found.flag, found.widget) == (kind, flag, widget)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"coats": 0}, "coats is 0, but must be 1 or more."),
        ({"gloss": 1.5}, "gloss is 1.5, but must be from 0 to 1."),
        ({"gloss": float("nan")}, "gloss is nan, but must be from 0 to 1."),
        ({"tone": "loud"}, "tone is 'loud', but must be one of warm, cold."),
        ({"primer": False}, "primer is False, but must be one of auto, on."),
        ({"sample": "stone"}, "sample is 'stone', but must be none or a picture's path."),
        ({"brush": "narrow"}, "brush is 'narrow', but must be one of wide."),
    ],
)
def test_what_is_out_of_range_or_no_choice_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        replace(Colours(), **changes)
    assert str(caught.value) == said


def test_a_picture_may_stand_for_a_choice() -> None:
    assert Colours(sample=Path("stone.png")).sample == Path("stone.png")


def test_a_range_is_said_in_words() -> None:
    assert [option_named(Colours, name).range for name in ("coats", "gloss", "tone")] == [
        "1 or more",
        "from 0 to 1",
        "",
    ]


def test_a_key_leaves_out_what_keeps_pixels_however_deep() -> None:
    key = key_of(House(Colours(gloss=0.1)))
    assert isinstance(key, dict) and set(key) == {"colours"}
    assert set(key["colours"]) == {each.name for each in options_of(Colours)} - {"ladder"} | {"owner"}
    assert key == key_of(House(Colours(gloss=0.1, ladder="short"), rooms=7))
    assert key != key_of(House(Colours(gloss=0.2)))


def test_what_has_no_options_is_its_own_key() -> None:
    @dataclass(frozen=True)
    class Plain:
        size: int = 1

    plain = Plain()
    assert key_of(plain) is plain and key_of(None) is None


def test_an_option_of_an_unknown_kind_is_a_mistake() -> None:
    @dataclass(frozen=True)
    class Vague:
        what: object = option(None, tip="Who knows.")

    with pytest.raises(ValueError, match="must say of what kind it is"):
        options_of(Vague)
