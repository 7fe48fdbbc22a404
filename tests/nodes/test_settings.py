"""What is set for all of ComfyUI decides where a node leaves it open, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from retalk_nodes.nodes import dub, settings
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.marks.choice import MarkChoice

if TYPE_CHECKING:
    from typing import Any

CHOICES = list(get_args(MarkChoice))


@pytest.fixture
def editor(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file in which the editor keeps its settings."""
    monkeypatch.delenv(settings.MARK_VARIABLE, raising=False)
    kept = base / "user" / "default" / "comfy.settings.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    yield kept
    kept.unlink(missing_ok=True)


def test_nothing_is_set_by_itself(editor: Path) -> None:
    assert settings.mark_choice() == "auto"
    editor.write_text("no JSON")
    assert settings.mark_choice() == "auto"


def test_the_variable_comes_before_the_editor(editor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor.write_text(json.dumps({"Comfy.Locale": "zh", settings.MARK_SETTING: "frame"}))
    assert settings.mark_choice() == "frame"
    monkeypatch.setenv(settings.MARK_VARIABLE, "off")
    assert settings.mark_choice() == "off"


def test_a_word_that_is_none_is_told(editor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor.write_text(json.dumps({settings.MARK_SETTING: "some"}))
    with pytest.raises(
        OptionError, match=r"setting ReTalk\.Mark is 'some', but it must be one of auto, face"
    ):
        settings.mark_choice()
    monkeypatch.setenv(settings.MARK_VARIABLE, "no")
    with pytest.raises(OptionError, match="RETALK_MARK is 'no'"):
        settings.mark_choice()


def test_it_fills_in_what_options_leave_open(editor: Path) -> None:
    editor.write_text(json.dumps({settings.MARK_SETTING: "off"}))
    assert dub.marked_as_set(DubOptions(mark="auto")).mark == "off"
    assert dub.marked_as_set(DubOptions(mark="face")).mark == "face"


def test_a_dub_is_made_anew_once_it_is_set(editor: Path, nodes: dict[str, Any]) -> None:
    def state() -> object:
        return nodes["ReTalkDubVideo"].fingerprint_inputs(engine="embedded preview")

    before = state()
    editor.write_text(json.dumps({settings.MARK_SETTING: "off"}))
    assert state() != before


def test_the_editor_offers_just_that(root: Path) -> None:
    script = (root / "web" / "js" / "retalk.js").read_text("utf-8")
    offered = re.search(r'id: "(ReTalk\.Mark)",.*?options: (\[.*?\]).*?defaultValue: "(\w+)"', script, re.S)
    assert offered is not None
    assert offered[1] == settings.MARK_SETTING
    assert json.loads(offered[2]) == CHOICES and offered[3] == "auto"
    for language in ("en", "zh"):
        words = json.loads((root / "locales" / language / "settings.json").read_text("utf-8"))
        assert list(words) == [settings.MARK_SETTING.replace(".", "_")]
        assert list(words["ReTalk_Mark"]["options"]) == CHOICES
