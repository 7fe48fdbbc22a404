"""A receipt says what is here and how a clip came out, and keeps to its time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.errors import RetalkError
from retalk_nodes.retalk_core.judging import selfcheck as checking
from retalk_nodes.retalk_core.judging.selfcheck import (
    Receipt,
    in_time,
    machine_lines,
    receipt_lines,
    selfcheck,
    weight_lines,
)
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.weights.files import ModelFiles
from scenes import talking
from videos import speaking_clip

COUNT = 40


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait with a voice of its own."""
    return speaking_clip(tmp_path_factory.mktemp("clips") / "speaking.mkv", talking(COUNT, 160))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return ModelFiles([tmp_path_factory.mktemp("no_weights")])


@pytest.fixture(scope="module")
def receipt(speaking: Path, empty: ModelFiles) -> Receipt:
    return selfcheck(open_clip(speaking), None, LocalNetworks(empty), seconds=600)


def test_a_clip_is_held_against_itself(receipt: Receipt) -> None:
    assert receipt.length == Fraction(COUNT, 25) and receipt.own_voice
    assert receipt.dubbed.report.frames_out == COUNT
    values = receipt.judgement.values
    assert 0 < values["mouth_distance"] < 0.2 and values["lower_face_l1"] > 0
    assert "niqe" not in values and "niqe" not in receipt.judgement.unavailable


def test_it_says_what_a_report_needs_and_no_folder(
    receipt: Receipt, empty: ModelFiles, speaking: Path
) -> None:
    told = "\n".join((*machine_lines(), *weight_lines(empty), *receipt_lines(receipt)))
    for words in ("system: ", "torch ", "computes on: ", "s a frame", "mouth_distance", "took ", "doubt"):
        assert words in told, words
    assert "weights: none found" in told and "its figures flatter it" in told
    assert str(speaking.parent) not in told and str(empty.folders[0]) not in told
    assert "unavailable" not in told and "HDTF" not in told


def test_a_slow_machine_dubs_less(speaking: Path, empty: ModelFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_FOR_DUBS", 0.0)
    found = selfcheck(open_clip(speaking), None, LocalNetworks(empty), seconds=600)
    assert found.length == checking._SHORTEST and found.dubbed.report.frames_out == 5


def test_no_frame_lends_its_own_mouth_to_the_papers_networks(
    empty: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = LocalNetworks(empty)
    assert checking._options(networks, own_voice=True).stages is None
    monkeypatch.setattr(networks, "lacking", lambda needs: [])
    own, other = (checking._options(networks, own_voice=own_voice) for own_voice in (True, False))
    assert own.chosen_stages.one_shot and own.preset == "paper" and own.chosen_stages.neutralise
    assert other.stages is None


def test_no_time_is_told_in_a_sentence(speaking: Path, empty: ModelFiles) -> None:
    with pytest.raises(RetalkError, match="more than 0 s and was stopped"):
        selfcheck(open_clip(speaking), None, LocalNetworks(empty), seconds=0)
    told: list[tuple[int, int | None]] = []
    in_time(lambda stage: lambda done, total: told.append((done, total)), 60)("dub")(1, 2)
    assert told == [(1, 2)]


def test_another_voice_has_no_truth(
    speaking: Path, empty: ModelFiles, voice_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_FOR_DUBS", 0.0)
    found = selfcheck(open_clip(speaking), voice_file, LocalNetworks(empty), seconds=600)
    assert not found.own_voice and "mouth_distance" not in found.judgement.values
    assert "there is no truth" in "\n".join(receipt_lines(found))


def test_odd_files_are_told_without_their_folder(tmp_path: Path) -> None:
    (tmp_path / "DNet.pt").write_bytes(b"nothing of use")
    told = "\n".join(weight_lines(ModelFiles([tmp_path])))
    assert "weights refused: DNet.pt" in told and str(tmp_path) not in told


def test_the_command_prints_it(speaking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selfcheck", str(speaking), "--models", str(tmp_path), "-q"]) == 0
    assert "ReTalk " in capsys.readouterr().out


def test_a_silent_clip_needs_a_voice(small_clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selfcheck", str(small_clip), "-q"]) == 1
    assert "give it a voice" in capsys.readouterr().err
