"""`retalk batch`: what it prints and writes, its exit status, and how it stops."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.cli import batch
from retalk_nodes.retalk_core.cli.main import FAILED, INTERRUPTED, main
from retalk_nodes.retalk_core.jobs import executors

Capture = pytest.CaptureFixture[str]
QUICK = ("-q", "--engine", "embedded", "--phones", "off", "--no-check", "--mark", "off", "--workers", "1")


@pytest.fixture
def table(talking_clip: Path, voice_file: Path, tmp_path: Path) -> Path:
    """Two good rows around a bad one."""
    path = tmp_path / "jobs.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("clip", "voice", "output", "duration"))
        rows.writerow((talking_clip, voice_file, "out/one.mp4", "0.2"))
        rows.writerow(("gone.mp4", voice_file, "out/two.mp4", ""))
        rows.writerow((talking_clip, voice_file, "out/three.mp4", "0.2"))
    return path


def test_a_table_is_done_and_told(table: Path, capsys: Capture) -> None:
    assert main(["batch", str(table), *QUICK]) == FAILED
    said = capsys.readouterr()
    assert "one.mp4: done" in said.out and "three.mp4: done" in said.out
    assert said.err == f"retalk: row 3: clip {table.parent / 'gone.mp4'} isn't there: check the name.\n"
    assert said.out.splitlines()[-1].startswith("2 done, 1 failed")
    folder = table.with_suffix(".results")
    assert {path.name for path in folder.iterdir()} == {
        *("jobs.sqlite", "results.csv", "results.json", "results.html")
    }
    rows = json.loads((folder / "results.json").read_text("utf-8"))
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    table.write_text(table.read_text().replace("gone.mp4", rows[0]["clip"]))
    assert main(["batch", str(table), *QUICK, "--json"]) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["status"] for line in said.out.splitlines()] == ["there", "done", "there"]
    assert said.err.startswith("1 done, 2 there already")


def test_a_dry_run_tells_what_would_be_done(table: Path, capsys: Capture) -> None:
    assert main(["batch", str(table), "--dry-run", "-q"]) == FAILED
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"row 2: {table.parent / 'out/one.mp4'}: would be made",
        f"row 4: {table.parent / 'out/three.mp4'}: would be made",
        "2 would be made, 1 failed",
    ]
    assert sorted(path.name for path in table.parent.iterdir() if path.suffix != ".mkv") == ["jobs.csv"]


def test_a_dry_run_tells_every_mistake_since_no_table_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(batch, "MISTAKES_SHOWN", 2)
    (tmp_path / "jobs.csv").write_text("clip,voice,output\n" + "gone.mp4,gone.wav,out.mp4\n" * 5)
    words = ["batch", str(tmp_path / "jobs.csv"), "--dry-run", "-q", "--results", str(tmp_path / "results")]
    assert main(words) == FAILED
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 5 and "the tables have them all" not in said.err
    assert said.out == "5 failed\n" and not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-",), "name a folder for the results"),
        (("gone.csv", "--workers", "1"), "gone.csv can't be read"),
        (("gone.csv", "--workers", "0"), "--workers is 0, but must be at least 1"),
    ],
)
def test_words_that_do_not_fit_are_told_in_a_sentence(
    words: tuple[str, ...], told: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["batch", *words, "-q"]) == FAILED
    said = capsys.readouterr().err
    assert told in said and len(said.splitlines()) == 1


def test_a_stop_says_how_to_go_on_and_writes_what_is_known(
    table: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = executors.begin

    def stopping(place: str, settings: executors.Plain) -> executors.Doing:
        doing, calls = begin(place, settings), [0]

        def do(given: executors.Plain, tell: executors.Tell) -> dict[str, object]:
            calls[0] += 1
            if calls[0] == 2:
                raise KeyboardInterrupt
            return doing(given, tell)

        return do

    monkeypatch.setattr(executors, "begin", stopping)
    assert main(["batch", str(table), *QUICK]) == INTERRUPTED
    assert "stopped; 1 jobs were done; the same command goes on with the others" in capsys.readouterr().err
    rows = json.loads((table.with_suffix(".results") / "results.json").read_text("utf-8"))
    assert [row["status"] for row in rows] == ["done", "failed"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process there")
def test_ctrl_c_stops_workers_and_leaves_no_half_file(
    table: Path, talking_clip: Path, voice_file: Path, root: Path
) -> None:
    lines = [f"{talking_clip},{voice_file},out/{number}.mp4," for number in range(50)]
    table.write_text("\n".join(["clip,voice,output,duration", *lines]))
    words = ["batch", str(table), *QUICK[:-1], "2"]
    process = subprocess.Popen(
        [sys.executable, str(root), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "done" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED and time.monotonic() - begun < 15
    assert "the same command goes on" in complaint
    out = table.parent / "out"
    assert all(path.suffix == ".mp4" and not path.name.startswith(".") for path in out.iterdir())
    assert 1 <= len(list(out.iterdir())) < 50
