"""Words arrive whatever reads them, and words that mean nothing are refused in words."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TextIO

import pytest
from retalk_nodes.retalk_core.cli import commands
from retalk_nodes.retalk_core.cli.main import FAILED, main
from retalk_nodes.retalk_core.reports.report import Report


def stream(number: int, encoding: str = "utf-8") -> TextIO:
    return os.fdopen(number, "w", encoding=encoding, errors="strict")


@pytest.fixture
def unread() -> TextIO:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return stream(writer)


@pytest.fixture
def full() -> TextIO:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    return stream(os.open("/dev/full", os.O_WRONLY))


# Streams


@pytest.mark.parametrize("words", [("models", "list"), ("models", "list", "--json"), ("--help",)])
def test_a_reader_that_leaves_early_ends_nothing(
    unread: TextIO,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdout", unread)
    try:
        assert main(words) == 0
    except SystemExit as end:  # of --help
        assert end.code == 0
    assert sys.stdout is unread and capsys.readouterr().err == ""
    unread.close()  # Python does it when it ends, and has nothing to say any more


def test_work_goes_on_when_nobody_reads_any_more(unread: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def work(_: object) -> None:
        for number in range(3):
            print(number, flush=True)
            done.append(number)

    monkeypatch.setattr(commands, "run_models_list", work)
    monkeypatch.setattr("retalk_nodes.retalk_core.cli.arguments.run_models_list", work)
    monkeypatch.setattr(sys, "stdout", unread)
    assert main(["models", "list"]) == 0
    assert done == [0, 1, 2]


@pytest.mark.parametrize("words", [("models", "list"), ("--help",), ("dub", "--help")])
def test_a_full_disk_behind_the_output_is_told(
    full: TextIO, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    try:
        assert main(words) == FAILED
    except SystemExit as end:
        assert end.code == FAILED
    said = capsys.readouterr().err
    assert said.startswith("retalk: What is printed can't be written (No space left on device)")
    assert said.count("\n") == 1
    full.close()


def test_bars_that_nobody_reads_stop_no_work(
    unread: TextIO, small_clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", unread)
    assert main(["inspect", str(small_clip)]) == 0
    assert capsys.readouterr().out.startswith("small.mp4: 96x96")


def test_it_works_without_streams(
    small_clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["inspect", str(small_clip)]) == 0
    assert main(["inspect", "missing.mp4"]) == FAILED


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_names_that_a_terminal_cant_print_are_escaped(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    name = "ş\N{SLICE OF PIZZA}\udcff"

    def work(_: object) -> None:
        print(json.dumps({"output": name}, ensure_ascii=False))

    monkeypatch.setattr("retalk_nodes.retalk_core.cli.arguments.run_models_list", work)
    assert main(["models", "list"]) == 0
    written = raw.getvalue().decode(encoding)
    assert json.loads(written)["output"] == name  # what is printed as JSON stays JSON
    assert ("ş" in written) == (encoding == "utf-8")


def test_a_report_of_any_name_can_be_written_anywhere() -> None:
    report = Report("\udcff.mp4", "embedded", "", (1, 1), 1, 1, 1, 1.0, 1, [], [])
    assert json.loads(report.to_json().encode())["output"] == "\udcff.mp4"


# Words


@pytest.mark.parametrize(
    "word",
    [
        *("--edit-only=--", "--fps=--", "--start=--", "--quality=--", "--engine=--", "--face-at=--"),
        *("--report=--", "--expression-edit=--", "-o=--", "-o--"),
    ],
)
def test_two_dashes_are_no_value(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["dub", "clip.mp4", "voice.wav", "-o", "out.mp4", word])
    assert end.value.code == 2
    assert f"error: {word}: -- can't be the value of an option" in capsys.readouterr().err


def test_behind_two_dashes_anything_is_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "-q", "--", "--fps=--"]) == FAILED
    assert "--fps=-- does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("days", ["nan", "inf", "-1", "1e400", "1000001", "-inf"])
def test_an_age_that_is_none_removes_nothing(
    tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / ("0123456789abcdef" * 2)
    store.mkdir()
    marker = store / "retalk_job.json"
    marker.write_text(json.dumps({"made_by": "retalk", "key": store.name}))
    assert main(["work", "clear", str(tmp_path), f"--older-than={days}"]) == FAILED
    assert "must be from 0 to 1,000,000 days" in capsys.readouterr().err
    assert marker.exists()


def test_json_nested_without_end_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / ("0123456789abcdef" * 2)
    store.mkdir()
    (store / "retalk_job.json").write_bytes(b"[" * 100_000)
    assert main(["work", "list", str(tmp_path)]) == 0
    assert "holds no jobs" in capsys.readouterr().out


def test_a_removed_working_directory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError:
        pytest.skip("this system keeps a folder in which somebody works")
    assert main(["inspect", "clip.mp4"]) == FAILED
    assert "The folder in which this was started can't be used" in capsys.readouterr().err


def test_what_the_system_refuses_is_no_mistake_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_: object) -> None:
        Path("n" * 300).read_bytes()

    monkeypatch.setattr("retalk_nodes.retalk_core.cli.arguments.run_models_list", work)
    assert main(["models", "list"]) == FAILED
    assert "can't be used (File name too long)" in capsys.readouterr().err
