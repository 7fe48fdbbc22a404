"""Cells of a table say what words of the command line say."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from retalk_nodes.retalk_core.compute.options import Computing
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.fields import options_of
from retalk_nodes.retalk_core.jobs import reading


def options(**cells: object) -> DubOptions:
    return reading.dub_options_of(reading.restored(plain(**cells)))


def plain(**cells: object) -> dict[str, Any]:
    return reading.words_of_cells(cells.items(), lambda name: f"/base/{name}")


def test_every_option_with_a_flag_may_be_a_column() -> None:
    columns = reading.columns_of_options()
    for holder in reading.OPTION_HOLDERS:
        for each in options_of(holder):
            if each.flag:
                assert columns[each.name] is each
                assert columns[each.flag.lstrip("-").replace("-", "_")] is each


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"engine": "embedded"}, "engine", "embedded"),
        ({"engine": "embedded preview"}, "engine", "embedded"),
        ({"voice_longer": "hold"}, "longer", "hold"),
        ({"--voice-longer": "hold"}, "longer", "hold"),
        ({"longer": "hold"}, "longer", "hold"),
        ({"start": "1:02.5"}, "start", Fraction(125, 2)),
        ({"start": 2.5}, "start", Fraction(5, 2)),
        ({"fps": "29.97"}, "constant_rate", Fraction(30000, 1001)),
        ({"edit_only": "0-1, 2-3"}, "edit_only", ((0, 1), (2, 3))),
        ({"edit_only": [[0, 1], [2, 3]]}, "edit_only", ((0, 1), (2, 3))),
        ({"quality": "20"}, "quality", 20),
        ({"quality": 20}, "quality", 20),
        ({"covers": "no"}, "covers", False),
        ({"no_covers": "yes"}, "covers", False),
        ({"no-check": True}, "check", False),
        ({"check": True}, "check", True),
        ({"phones": "off"}, "phones", False),
        ({"smoothing": "none"}, "smoothing", "none"),
        ({"soundtrack": "mix.wav"}, "soundtrack", Path("/base/mix.wav")),
        ({"work_limit": "2"}, "work_limit", 2_000_000_000),
        ({}, "mark", "auto"),  # as the command has it
    ],
)
def test_a_cell_is_an_option(cells: dict[str, Any], field: str, value: object) -> None:
    assert getattr(options(**cells), field) == value


def test_stages_and_computing_may_be_columns() -> None:
    found = options(preset="fast", upper_face="4=0.3,12=0.5", expression_edit={"3": 0.5}, noise_seed=7)
    stages = found.chosen_stages
    assert stages.restore == "off" and stages.noise_seed == 7
    assert stages.upper_face == "units" and stages.action_units == {4: 0.3, 12: 0.5}
    assert stages.expression_edits == {3: 0.5}
    assert options(expression="smile").chosen_stages.expression == "smile"
    computing = reading.computing_of(reading.restored(plain(device="cpu", models="weights")))
    assert computing == Computing(device="cpu", models=Path("/base/weights"))


@pytest.mark.parametrize(("cell", "index"), [("2nd from the left", 1), ("0", 0), (3, 3), ("largest", None)])
def test_a_face_is_chosen_as_on_the_canvas_or_by_its_number(cell: object, index: int | None) -> None:
    face = options(face=cell).face
    assert (face.rule, face.index if index is not None else None) == (
        "largest" if index is None else "index",
        index,
    )
    assert options(face_at=[10, 20]).face.point == (10.0, 20.0)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"engin": "auto"}, "There is no option 'engin'. engine is meant, perhaps"),
        ({"xyzzy": 1}, "There is no option 'xyzzy'. `retalk batch --help`"),
        ({"engine": "best"}, "engine is 'best', but must be one of auto, retalk, embedded"),
        ({"quality": "good"}, "quality is 'good', but must be a whole number"),
        ({"quality": 1.5}, "must be a whole number"),
        ({"quality": 99}, "quality is 99, but must be from 0 to 51"),
        ({"quality": True}, "must be a whole number"),
        ({"colour_match": "nan"}, "must be a number"),
        ({"covers": "perhaps"}, "covers is 'perhaps', but must be yes or no"),
        ({"start": "soon"}, "'soon' is not a time"),
        ({"edit_only": "3-2"}, "is not a time range"),
        ({"fps": "many"}, "is no frame rate"),
        ({"face": "the tall one"}, "face is 'the tall one'"),
        ({"face_index": 0, "face_at": "1,2"}, "A face is chosen by one thing"),
        ({"longer": "hold", "voice_longer": "loop"}, "longer is given twice"),
        ({"upper_face": "4=much"}, "takes NUMBER=AMOUNT"),
    ],
)
def test_what_is_no_option_is_told_in_a_sentence(cells: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError) as error:
        options(**cells)
    assert told in str(error.value)


def test_the_files_among_plain_words_are_known() -> None:
    words = plain(soundtrack="m.wav", transcript="t.txt", expression="p.png", work_dir="w", preset="fast")
    assert reading.files_among(words) == {
        "soundtrack": "/base/m.wav",
        "transcript": "/base/t.txt",
        "expression": "/base/p.png",
    }
    assert reading.files_among(plain(expression="smile")) == {}
