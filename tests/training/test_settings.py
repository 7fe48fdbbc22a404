"""Settings are read from files and words, refused in a sentence, and told with their reasons."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.training.runs import TRAININGS, knob_lines, read_settings
from retalk_nodes.retalk_core.training.settings import differences_between, from_plain, to_plain

KINDS = tuple(TRAININGS)


def test_words_win_over_the_file_and_that_over_the_preset(tmp_path: Path) -> None:
    pytest.importorskip("tomllib", reason="Python 3.11 is the first that reads TOML")
    file = tmp_path / "run.toml"
    file.write_text('preset = "tiny"\nout = "here"\n[pace]\nsteps = 7\nbatch = 3\n')
    run = read_settings(
        "lnet", file, ["pace.steps=9", "sync_weight=1", "shape.attention=concat", "data=cartoons"]
    )
    assert (run.out, run.pace.steps, run.pace.batch, run.data) == ("here", 9, 3, "cartoons")
    assert run.sync_weight == 1.0 and run.shape.first == 8


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("rate", "write a name, = and a value"),
        ("speed=1", "There is no setting speed"),
        ("pace=1", "has settings of its own"),
        ("pace.steps=many", "pace.steps is 'many', but must be such as"),
        ("features=sharp", "must be one of vgg19, basicsr, pyramid, none"),
        ("preset=large", "must be one of full, tiny"),
    ],
)
def test_what_cannot_be_is_told(word: str, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        read_settings("lnet", None, [word])


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("pace steps")
    for name, told in (("run.toml", "is no TOML"), ("none.toml", "can't be read")):
        with pytest.raises(OptionError, match=told):
            read_settings("sync", tmp_path / name, [])


@pytest.mark.parametrize("kind", KINDS)
def test_every_knob_has_a_reason_and_a_source(kind: str) -> None:
    for preset in TRAININGS[kind].presets.values():
        for each in fields(preset):
            if not is_dataclass(getattr(preset, each.name)):
                assert each.metadata["why"] and each.metadata["source"] in ("paper", "ancestor", "ours")
        assert from_plain(preset, to_plain(preset)) == preset
    lines = list(knob_lines(kind))
    assert any("[ancestor]" in line for line in lines) and any("pace.steps" in line for line in lines)


def test_table_threes_ablations_are_presets() -> None:
    presets = TRAININGS["lnet"].presets
    assert presets["without-attention"].shape.attention == "concat" != presets["full"].shape.attention
    assert presets["without-dnet"].reference == "other" and presets["with-dnet"].reference == "mixed"


def test_only_some_settings_may_change_when_a_run_goes_on() -> None:
    one = to_plain(TRAININGS["enet"].presets["tiny"])
    other = from_plain(TRAININGS["enet"].presets["tiny"], {"rate": 1.0, "pace": {"steps": 1, "batch": 9}})
    assert differences_between(one, to_plain(other)) == ["rate", "pace.batch"]
