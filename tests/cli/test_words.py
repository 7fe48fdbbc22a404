"""The words of options on the command line follow from their fields."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from retalk_nodes.models.catalog import lips
from retalk_nodes.retalk_core.cli import words
from retalk_nodes.retalk_core.cli.options import read_computing, read_dub_options, read_face
from retalk_nodes.retalk_core.compute.options import Computing
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.faces.choice import FaceChoice
from retalk_nodes.retalk_core.fields import Option, option, options_of
from retalk_nodes.retalk_core.stages.options import Stages

ALL = [each for holder in words.HOLDERS for each in options_of(holder)]
ASKED = [each for each in ALL if each.flag]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="dub")
    words.add_options(made)
    return made


def read(*given: str) -> argparse.Namespace:
    return parser().parse_args(given)


def test_no_two_options_share_a_name_or_a_flag() -> None:
    """Names are where the parser keeps what was said, and what translations go by."""
    assert [name for name, count in Counter(each.name for each in ALL).items() if count > 1] == []
    assert [flag for flag, count in Counter(each.flag for each in ASKED).items() if count > 1] == []


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_every_option_is_in_the_help(asked: Option) -> None:
    told = " ".join(parser().format_help().split())
    assert asked.flag in told
    assert words.help_of(asked) and not words.help_of(asked).endswith(".")
    words.help_of(asked).encode("ascii")  # for any terminal
    assert asked.group in ("", *words.GROUPS)


def test_what_is_not_said_is_left_to_the_fields() -> None:
    plain = read()
    assert {value for name, value in vars(plain).items()} == {None}
    assert read_computing(plain) == Computing()
    assert read_dub_options(plain).stages is None
    assert read_face(plain).rule == "largest"


def test_a_new_option_needs_one_field(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Paint:
        gloss_amount: float = option(0.25, low=0, high=1, tip="How far the teeth shine.")

    monkeypatch.setitem(words.HOLDERS, Paint, "made")
    assert read("--gloss-amount", "0.5").gloss_amount == 0.5
    told = " ".join(parser().format_help().split())
    assert "--gloss-amount 0..1 how far the teeth shine; default: 0.25" in told


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        (("--no-neutralise",), {"neutralise": False}),
        (("--no-enhance",), {"enhance": False}),
        (("--whole-face",), {"keep_upper": False}),
        (("--one-shot",), {"one_shot": True}),
        (("--restore-reference",), {"restore_reference": True}),
        (("--no-restore-reference",), {"restore_reference": False}),
        (("--restore", "off"), {"restore": "off"}),
        (("--noise-seed", "7"), {"noise_seed": 7}),
        (
            ("--expression", "smile", "--expression-strength", "0.5"),
            {"expression": "smile", "expression_strength": 0.5},
        ),
        (
            ("--expression-edit", "4=0.3", "--expression-edit", "5=-1"),
            {"expression_edits": {4: 0.3, 5: -1.0}},
        ),
        (("--upper-face", "sad"), {"upper_face": "sad"}),
        (("--upper-face", "off"), {"upper_face": "off"}),
        (("--upper-face", "4=0.3,12=0.5"), {"upper_face": "units", "action_units": {4: 0.3, 12: 0.5}}),
        (
            ("--restore-strength", "0.1", "--colour-match", "0"),
            {"restore_strength": 0.1, "colour_match": 0.0},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_words_change_the_presets_stages(given: tuple[str, ...], changes: dict[str, Any]) -> None:
    assert read_dub_options(read(*given)).stages == Stages.of("paper", **changes)
    fast = read_dub_options(read("--preset", "fast", *given))
    assert fast.preset == "fast" and fast.stages == Stages.of("fast", **changes)


def test_an_expression_may_be_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "grin.png"
    picture.write_bytes(b"")
    assert read_dub_options(read("--expression", str(picture))).stages == Stages(expression=picture)


def test_other_words_reach_the_options(tmp_path: Path) -> None:
    found = read_dub_options(
        read("--batch", "3", "--work-dir", str(tmp_path), "--work-limit", "1.5", "--phones", "on")
    )
    assert (found.batch, found.work_dir, found.work_limit) == (3, tmp_path, 1_500_000_000)
    assert found.phones is True
    how = read_computing(read("--device", "cpu", "--precision", "bf16", "--resident", "together"))
    assert how == Computing(device="cpu", precision="bf16", resident="together")
    assert read_computing(read("--models", str(tmp_path))).models == tmp_path


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--expression-edit", "4"), "--expression-edit takes NUMBER=AMOUNT such as 4=0.3; '4' is none."),
        (
            ("--expression-edit", "4=nan"),
            "--expression-edit takes NUMBER=AMOUNT such as 4=0.3; '4=nan' is none.",
        ),
        (("--upper-face", "units"), "--upper-face takes NUMBER=AMOUNT such as 4=0.3; 'units' is none."),
        (("--upper-face", "bored"), "--upper-face takes NUMBER=AMOUNT such as 4=0.3; 'bored' is none."),
        (("--face-at", "640"), "640 is no place. Give a pixel as X,Y, such as 640,360."),
        (("--face-at", "inf,1"), "inf,1 is no place. Give a pixel as X,Y, such as 640,360."),
        (("--face-index=-1",), "Faces are counted from 0 at the left; there is no face -1."),
        (("--work-limit", "0"), "A limit of 0 GB for --work-dir is out of range: up to 1,000,000."),
        (("--work-limit", "inf"), "A limit of inf GB for --work-dir is out of range: up to 1,000,000."),
        (("--work-limit", "nan"), "A limit of nan GB for --work-dir is out of range: up to 1,000,000."),
        (("--quality", "52"), "quality is 52, but must be from 0 to 51."),
        (("--batch", "0"), "batch is 0, but must be 1 or more."),
        (
            ("--noise-seed", f"{2**63}"),
            f"noise_seed is {2**63}, but must fit into 64 bits. Choose a shorter one.",
        ),
        (("--mask-smoothing", "2"), "mask_smoothing is 2.0, but must be from 0 to 1."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_words_that_mean_nothing_are_refused(given: tuple[str, ...], said: str) -> None:
    with pytest.raises((OptionError, InputError)) as caught:
        read_dub_options(read(*given))
    assert str(caught.value) == said


@dataclass(frozen=True)
class Few:
    alone: str = option("one", choices=("one",), tip="Nothing to choose.")
    either: str = option("one", choices=("one", "other"), tip="A choice.")


def test_one_choice_alone_is_not_asked_for() -> None:
    assert [each.flag for each in options_of(Few)] == ["", "--either"]
    assert ("--lips" in parser().format_help()) == (len(lips()) > 1)
    with pytest.raises(OptionError, match="lips is 'nobody', but must be one of lnet"):
        Stages(lips="nobody")


def test_a_face_is_chosen_in_one_way() -> None:
    assert {each.name for each in options_of(FaceChoice)} == {"index", "point", "mask"}
    with pytest.raises(SystemExit):
        read("--face-index", "1", "--face-at", "1,2")
    assert read_face(read("--face-index", "0")).rule == "index"


def test_the_groups_are_all_used() -> None:
    assert all(words.options_by_group().values())
    assert set(words.HOLDERS) == {Computing, FaceChoice, DubOptions, Stages}
