"""The widgets of options follow from their fields."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from retalk_nodes.nodes import widgets
from retalk_nodes.retalk_core.compute.options import Computing
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.fields import Option, option, option_named, options_of
from retalk_nodes.retalk_core.stages.options import Stages

FURTHER = widgets.further_options()


@dataclass(frozen=True)
class Paint:
    """As new options would be."""

    gloss: float = option(0.25, low=0, high=1, tip="How far teeth shine.")
    coats: int | None = option(None, kind="whole", low=1, blank=0, tip="How many.", unset="one")
    tone: str = option("warm", choices=("warm", "cold"), tip="Which tone.")
    dry: bool = option(False, tip="Whether to wait.")
    note: str = option("", tip="What to write on it.", placeholder="wet paint")
    brush: str = option("wide", choices=("wide",), tip="There is one only.")


def widget(name: str) -> Any:  # noqa: ANN401
    return widgets.widget_of(option_named(Paint, name))


def test_a_new_option_needs_one_field() -> None:
    gloss, coats, tone, dry, note = map(widget, ("gloss", "coats", "tone", "dry", "note"))
    assert (gloss.io_type, gloss.id, gloss.default, gloss.min, gloss.max) == ("FLOAT", "gloss", 0.25, 0, 1)
    assert (coats.io_type, coats.default, coats.tooltip) == ("INT", 0, "How many. 0: one.")
    assert (tone.io_type, tone.options, tone.default) == ("COMBO", ["warm", "cold"], "warm")
    assert (dry.io_type, dry.default) == ("BOOLEAN", False)
    assert (note.io_type, note.default, note.placeholder) == ("STRING", "", "wet paint")
    given = {"gloss": 0.5, "coats": 0, "tone": "cold", "dry": True, "note": "x"}
    assert widgets.values_of(Paint, given) == {**given, "coats": None}
    assert option_named(Paint, "brush").widget == ""


def test_new_inputs_come_last() -> None:
    places = [each.place for each in FURTHER]
    assert places == sorted(places)
    released = [place for place in places if place < 1000]
    assert released == list(range(1, len(released) + 1))
    assert Option().place > max(released)


def test_no_two_widgets_share_an_id() -> None:
    ids = Counter(each.widget for each in (*widgets.face_options(), *FURTHER))
    assert [id for id, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("holder", [DubOptions, Computing, Stages])
def test_what_a_widget_shows_at_first_means_the_default(holder: type) -> None:
    """But for those that say otherwise on their field."""
    asked = [each for each in options_of(holder) if each.widget and each.widget_default is None]
    shown = {each.widget: widgets.widget_of(each).default for each in asked}
    values = widgets.values_of(holder, shown)
    assert values == {each.name: each.default for each in asked if not each.by_preset}


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match=r"'robot' is no choice here\. Choose one of: auto, retalk"):
        widgets.values_of(DubOptions, {"engine": "robot"})
    with pytest.raises(OptionError, match="pauses is 'sing'"):
        DubOptions(**widgets.values_of(DubOptions, {"pauses": "sing"}))


def test_what_is_left_to_the_preset_is_not_said() -> None:
    left = {"restore_mouth": "as preset", "restore_reference": "as preset"}
    assert widgets.values_of(Stages, left) == {}
    said = {"restore_mouth": "gpen", "restore_reference": "on"}
    assert widgets.values_of(Stages, said) == {"restore": "gpen", "restore_reference": True}
