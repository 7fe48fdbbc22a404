"""A video is judged by all that there is enough for, and the rest is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.judging.judge import Judgement, judge
from retalk_nodes.retalk_core.judging.look import pairing
from retalk_nodes.retalk_core.judging.question import Question
from retalk_nodes.retalk_core.judging.tell import draw_judgement, lines
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.metrics.registry import metrics
from retalk_nodes.retalk_core.weights.files import ModelFiles
from scenes import babble, scenery, talking, write_clip, write_voice

SIDE = 200


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> LocalNetworks:
    """Networks without any weights of the user's."""
    return LocalNetworks(ModelFiles([tmp_path_factory.mktemp("empty")]))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("source") / "face.mp4", talking(40, SIDE), codec="libx264")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("voice") / "voice.wav", babble(1.6))


@pytest.fixture(scope="module")
def softened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with soft pictures and a patch beyond the face."""
    pictures = [cv2.GaussianBlur(picture, (0, 0), 2) for picture in talking(40, SIDE)]
    for picture in pictures:
        picture[:20, :20] = 255
    return write_clip(tmp_path_factory.mktemp("soft") / "face.mp4", pictures, codec="libx264")


@pytest.fixture(scope="module")
def judged(source: Path, softened: Path, voice: Path, nothing: LocalNetworks) -> Judgement:
    question = Question(result=open_clip(softened), source=open_clip(source), voice=voice, truth=True)
    return judge(question, nothing)


def test_each_metric_has_a_value_or_a_reason(judged: Judgement) -> None:
    assert set(judged.values) | set(judged.unavailable) == set(metrics())
    assert not set(judged.values) & set(judged.unavailable)
    assert all(np.isfinite(value) for value in judged.values.values())
    assert all(judged.details[name] for name in judged.values)
    for name in ("lse_d", "identity", "lower_face_lpips"):
        assert "needs " in judged.unavailable[name] and "models download" in judged.unavailable[name]
    assert "judge a folder" in judged.unavailable["fid"] and "transcript" in judged.unavailable["closures"]


def test_soft_lips_and_what_lies_beyond_the_face_are_seen(judged: Judgement) -> None:
    assert judged.values["lip_sharpness"] < 0.8
    assert judged.values["loss_outside"] < 40
    assert judged.values["lower_face_l1"] > 0
    assert 0 <= judged.values["mouth_distance"] < 0.05


def test_the_truth_itself_is_perfect(source: Path, nothing: LocalNetworks) -> None:
    question = Question(result=open_clip(source), source=open_clip(source), truth=True)

    values = judge(question, nothing).values

    assert values["mouth_distance"] == values["lower_face_l1"] == 0
    assert values["lip_sharpness"] == values["lip_flicker"] == values["warping_error"] == 1
    assert "opening_loudness" not in values


def test_a_metric_that_does_not_exist_is_refused(source: Path) -> None:
    with pytest.raises(OptionError, match="no metric nonsense"):
        Question(result=open_clip(source), names=("nonsense",))


def test_frames_are_paired_by_number_or_by_time(source: Path, tmp_path: Path) -> None:
    short = open_clip(source)
    longer = open_clip(write_clip(tmp_path / "long.mp4", scenery(90, 64)))

    assert pairing(short, short).tolist() == list(range(40))
    paired = pairing(longer, short)
    assert paired[:40].tolist() == list(range(40)) and paired[40:44].tolist() == [38, 37, 36, 35]
    assert paired.min() == 0 and paired.max() == 39


def test_the_command_prints_a_table_and_writes_what_is_wished(
    source: Path, voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, chart = tmp_path / "r.json", tmp_path / "c.png"
    words = ["eval", "judge", str(source), "--voice", str(voice), "--models", str(tmp_path), "-q"]

    assert main([*words, "--report", str(report), "--chart", str(chart)]) == 0

    printed = capsys.readouterr().out
    assert "lse_d" in printed and "unavailable" in printed and "opening_loudness" in printed
    assert json.loads(report.read_text("utf-8"))["metrics"]
    assert cv2.imread(str(chart)) is not None


def test_a_folder_is_judged_once(
    source: Path,
    softened: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, report = tmp_path / "made", tmp_path / "r.json"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(source.read_bytes())
    (folder / "b.mp4").write_bytes(softened.read_bytes())
    (folder / "c.mp4").write_bytes(b"no video")
    words = ["eval", "judge", str(folder), "--models", str(tmp_path / "none"), "--metrics", "cpbd", "-q"]
    (tmp_path / "none").mkdir()

    assert main([*words, "--report", str(report)]) == 0
    first = capsys.readouterr().out
    assert "2 of 3 videos judged" in first and "not judged: c.mp4" in first and "too few" in first

    def twice(*_: object) -> None:
        raise AssertionError("judged again")

    (folder / "c.mp4").unlink()
    monkeypatch.setattr("retalk_nodes.retalk_core.judging.corpus.folder.judge", twice)
    assert main([*words, "--report", str(report)]) == 0
    assert "2 of 2 videos judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--truth"], "name it with --source"),
        (["--real", "."], "judge a folder"),
        (["--metrics", "lse"], "no metric lse"),
    ],
)
def test_what_can_not_be_judged_is_refused_in_a_sentence(
    source: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "judge", str(source), "-q", *more]) == 1
    assert told in capsys.readouterr().err


def test_a_folder_is_told_as_json_too(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, empty = tmp_path / "made", tmp_path / "none"
    folder.mkdir()
    empty.mkdir()
    (folder / "a.mp4").write_bytes(source.read_bytes())
    words = ["eval", "judge", str(folder), "--real", str(folder), "--models", str(empty), "--metrics", "cpbd"]

    assert main([*words, "-q", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["corpus"]["cpbd"]["videos"] == 1 and told["distances"] == {}
    assert main([*words, "-q"]) == 0
    assert "fid, mouth_kid     unavailable (needs" in capsys.readouterr().out
    assert main([*words, "-q", "--frames", "0"]) == 1
    assert "--frames is 0" in capsys.readouterr().err


def test_a_transcript_tells_of_mouth_shapes_or_why_not(
    source: Path, voice: Path, tmp_path: Path, nothing: LocalNetworks
) -> None:
    text = "My brother brought a big blue umbrella."
    found = judge(Question(result=open_clip(source), voice=voice, transcript=text), nothing)
    assert "closures" in found.unavailable or 0 <= found.values["closures"] <= 1
    assert "transcript" in found.unavailable.get("closures", "transcript")
    silent = judge(Question(result=open_clip(source), transcript=text, names=("closures",)), nothing)
    assert "there is no voice" in silent.unavailable["closures"]


def test_a_still_mouth_is_doubted_and_drawn(
    source: Path, voice: Path, tmp_path: Path, nothing: LocalNetworks
) -> None:
    picture = next(iter(open_clip(source).frames())).pixels
    still = write_clip(tmp_path / "still.mkv", [picture] * 40)

    found = judge(Question(result=open_clip(still), voice=voice, names=("opening_loudness",)), nothing)

    assert [doubt.kind for doubt in found.doubts] == ["still"]
    drawn = draw_judgement(found)
    plain = draw_judgement(replace(found, doubts=()))
    assert (drawn != plain).any() and "still while the voice speaks" in "\n".join(lines(found))
