"""`retalk train`: what can't be done is told in a sentence, with the command's own exit code."""

from __future__ import annotations

import errno
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scenes
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.training import checkpoints
from retalk_nodes.retalk_core.training.data.cartoons import Cartoon
from retalk_nodes.retalk_core.training.data.layouts import find_videos
from retalk_nodes.retalk_core.training.data.sets import LIST, prepare_set

SENTENCE = re.compile(r"retalk: [A-Z/][^\n]+\.\n")
TINY = (
    "preset=tiny",
    "data=cartoons",
    "pace.steps=12",
    "pace.batch=2",
    "pace.save_every=4",
    "pace.device=cpu",
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One talking portrait."""
    folder = tmp_path_factory.mktemp("videos")
    scenes.speaking_clip(folder / "ann.mkv", 16)
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What the command says that fails."""
    capsys.readouterr()
    assert main(["train", *map(str, words)]) == 1
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines(keepends=True) if line.startswith("retalk: ")]
    assert len(lines) == 1 and SENTENCE.fullmatch(lines[0]), said
    assert "Traceback" not in said
    return lines[0]


def test_folders_that_cannot_be_learnt_from(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    prepare = ("prepare", tmp_path / "empty", "-o", tmp_path / "set", "-q")
    assert "holds no video" in told(capsys, *prepare, "--rights", "mine")
    (tmp_path / "walls").mkdir()
    scenes.speaking_clip(tmp_path / "walls" / "wall.mkv", 8, np.full((8, 96, 96, 3), 90, np.uint8))
    walls = told(capsys, "prepare", tmp_path / "walls", "-o", tmp_path / "set", "--rights", "mine", "-q")
    assert "None of 1 videos can be learnt from" in walls and "No face was found" in walls
    assert "state the licence" in told(capsys, "prepare", videos, "-o", tmp_path / "set", "-q")


def test_one_clip_alone_and_a_set_that_is_none(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "prepare", str(videos), "-o", str(tmp_path / "set"), "--rights", "mine", "-q"]) == 0
    run = ("sync", "preset=tiny", f"out={tmp_path / 'run'}")
    assert "none to be judged by: give videos of two people" in told(capsys, *run, f"data={tmp_path / 'set'}")
    assert "holds no prepared set" in told(capsys, *run, f"data={tmp_path}")
    assert "Nothing says what to learn from" in told(capsys, *run)
    assert "There is no setting pace.speed" in told(capsys, *run, "pace.speed=3")


@pytest.mark.parametrize("words", [("lnet", *TINY), ("sync", *TINY, "loss=pairs", "windows=1")])
def test_a_portion_of_one_picture_is_refused(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, *words, f"out={tmp_path / 'run'}", "pace.batch=1", "-q")
    assert "Batch norm compares 2 pictures or more" in said and "pace.batch=2" in said


def test_missing_weights_are_named(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "models").mkdir()
    elsewhere = ("--models", tmp_path / "models", "-q")
    lnet = told(capsys, "lnet", *TINY, f"out={tmp_path / 'run'}", "features=vgg19", *elsewhere)
    assert "Comparing pictures by features needs a file that isn't here" in lnet
    assert "vgg19-dcbb9e9d.pth" in lnet
    enet = told(capsys, "enet", *TINY, f"out={tmp_path / 'run'}", "identity=arcface", *elsewhere)
    assert "The identity loss (or identity=none) needs a file" in enet
    prepare_set(find_videos(videos), tmp_path / "set", "mine")
    sharp = told(capsys, "enhance-set", tmp_path / "set", "-o", tmp_path / "sharp", *elsewhere)
    assert "GPEN-BFR-512" in sharp and not (tmp_path / "sharp").exists()
    fit = ("personalise", videos / "ann.mkv", "-o", tmp_path / "p.safetensors", "--rights", "hers")
    person = told(capsys, *fit, *elsewhere, "--settings", "rate=1e-5", "pace.steps=3")
    assert "ENet" in person or "E-Net" in person


def test_a_loss_that_is_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = Cartoon.mels
    monkeypatch.setattr(Cartoon, "mels", lambda self, rows: plain(self, rows) * float("nan"))
    said = told(capsys, "lnet", *TINY, f"out={tmp_path / 'run'}", "-q")
    assert "The loss pixels was no number in 10 steps in a row" in said and "lower the rate" in said


def test_a_full_disk(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full)
        said = told(capsys, "lnet", *TINY, f"out={tmp_path / 'run'}", "-q")
    assert "No space left on device" in said and not list((tmp_path / "run").glob("*step*"))
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "writestr", full)
        said = told(capsys, "prepare", videos, "-o", tmp_path / "set", "--rights", "mine", "-q")
    assert "No space left on device" in said
    assert not (tmp_path / "set" / LIST).exists() and scenes.leftovers(tmp_path / "set" / "clips") == []
