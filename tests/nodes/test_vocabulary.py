"""On the canvas nobody is told of options of a command line, and commands come last."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from retalk_nodes.nodes.vocabulary import on_canvas
from retalk_nodes.retalk_core.dub.choose import missing_files
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.faces.choice import FaceChoice
from retalk_nodes.retalk_core.faces.select import refuse_choice
from retalk_nodes.retalk_core.reports.doubts import KINDS
from retalk_nodes.retalk_core.weights.files import missing_words
from test_execution import Nodes


@pytest.mark.parametrize("kind", KINDS)
def test_advice_names_widgets_and_nodes(kind: str) -> None:
    advice = KINDS[kind].advice
    said = on_canvas(advice)
    assert "--" not in said and len(said) > 10
    assert ("--edit-only" in advice) == ("edit only in Dub Options" in said)


def test_a_missing_file_is_fetched_by_a_button_and_the_command_comes_last(tmp_path: Path) -> None:
    said = on_canvas(missing_words("dnet", [tmp_path]))
    first, command = said.split(" In a terminal: ")
    assert (
        first == f"D-Net was not found; press Download on Get ReTalk Models, or put DNet.pt into {tmp_path}."
    )
    assert re.fullmatch(r"`.* models download dnet`\.", command)


def test_a_preset_that_lacks_files_says_what_to_press() -> None:
    said = on_canvas(missing_files("paper", [("dnet",)], {}))
    assert (
        "Run Check Models to see" in said and "or press Download on Get ReTalk Models to fetch them" in said
    )
    assert "the engine embedded preview" in said and said.count("`") == 2 and said.endswith("paper`.")


def test_a_face_that_is_never_there_is_named_as_the_widget_has_it() -> None:
    with pytest.raises(OptionError) as refused:
        refuse_choice(FaceChoice("index", 2), 2)
    said = on_canvas(str(refused.value))
    assert "3rd face from the left" in said and "--" not in said and said.endswith("the left.")


def test_nodes_say_it_so(nodes: Nodes, base: Path) -> None:
    answer = nodes["ReTalkLoadDNet"].validate_inputs("auto")
    assert "press Download on Get ReTalk Models" in answer
    with pytest.raises(Exception, match=r"press Download on Get ReTalk Models.*In a terminal"):
        nodes["ReTalkLoadDNet"].execute("auto")
