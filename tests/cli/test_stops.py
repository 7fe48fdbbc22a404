"""The first signal to stop is heeded once, wherever it comes; those that follow harm nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from retalk_nodes.retalk_core import files
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.cli.stops import STOPS, Stops
from retalk_nodes.retalk_core.media.writer import VideoWriter
from scenes import babble, leftovers, pixels_of, write_voice

NUMBERS = [getattr(signal, name) for name in STOPS if hasattr(signal, name)]


@pytest.fixture
def stops() -> Iterator[Stops]:
    made = Stops()
    made.listen()
    yield made
    made.give_back()


@pytest.mark.parametrize("first", NUMBERS, ids=str)
def test_only_the_first_signal_stops(stops: Stops, first: signal.Signals) -> None:
    cleaned = []
    with pytest.raises(KeyboardInterrupt), stops.heeded():
        try:
            signal.raise_signal(first)
        finally:
            for number in NUMBERS:
                signal.raise_signal(number)
                cleaned.append(number)
    signal.raise_signal(first)
    assert cleaned == NUMBERS


def test_a_signal_that_comes_early_stops_what_begins_then(stops: Stops) -> None:
    signal.raise_signal(NUMBERS[0])
    with pytest.raises(KeyboardInterrupt), stops.heeded():
        pytest.fail("nothing may begin")


def test_what_is_done_cant_be_stopped(stops: Stops) -> None:
    with stops.heeded():
        pass
    for number in NUMBERS:
        signal.raise_signal(number)


def test_signals_that_are_ignored_stay_so() -> None:
    before = signal.signal(NUMBERS[-1], signal.SIG_IGN)
    try:
        stops = Stops()
        stops.listen()
        with stops.heeded():
            signal.raise_signal(NUMBERS[-1])
        stops.give_back()
        assert signal.getsignal(NUMBERS[-1]) is signal.SIG_IGN
    finally:
        signal.signal(NUMBERS[-1], before)


# In a dub


def _dub(clip: Path, voice: Path, folder: Path) -> int:
    made = ["-o", str(folder / "out.mp4"), "--sheet", str(folder / "s.png")]
    return main(["dub", str(clip), str(voice), *made, "-q", "--phones", "off", "--engine", "embedded"])


def test_an_impatient_person_leaves_nothing_behind(
    small_clip: Path,
    voice_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write, abandon = VideoWriter.write, VideoWriter._abandon

    def writing(writer: VideoWriter, *given: Any) -> None:  # noqa: ANN401 - whatever is written
        write(writer, *given)
        signal.raise_signal(signal.SIGINT)

    def abandoning(writer: VideoWriter) -> None:
        for number in NUMBERS:
            signal.raise_signal(number)
        abandon(writer)

    monkeypatch.setattr(VideoWriter, "write", writing)
    monkeypatch.setattr(VideoWriter, "_abandon", abandoning)
    assert _dub(small_clip, voice_file, tmp_path) == 130
    assert capsys.readouterr().err == "retalk: stopped; nothing was written.\n"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("moment", ["appear", "settled", "sheet"])
def test_the_words_fit_what_is_there_at_any_moment(
    small_clip: Path,
    voice_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    moment: str,
    older: bool,
) -> None:
    owner: Any = VideoWriter if moment != "sheet" else files
    name = {"appear": "_appear", "settled": "_hand_over", "sheet": "write_picture"}[moment]
    inner = getattr(owner, name)

    def watched(*given: Any) -> None:  # noqa: ANN401 - whatever it takes
        inner(*given)
        if moment != "settled" or given[1] is None:  # the last word to the encoder
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(owner, name, watched)
    output = tmp_path / "out.mp4"
    if older:
        output.write_bytes(b"older")
    assert _dub(small_clip, voice_file, tmp_path) == 130
    said = capsys.readouterr().err
    if moment == "settled":
        assert said == "retalk: stopped; nothing was written.\n"
        assert leftovers(tmp_path) == (["out.mp4"] if older else [])
        assert not older or output.read_bytes() == b"older"
        return
    missing = (
        "only the look at it was stopped" if moment == "appear" else "but not all that was wished beside it"
    )
    assert said == f"retalk: stopped; {output} is finished, {missing}.\n"
    assert len(pixels_of(output)) == 15


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
def test_a_killed_dub_harms_nothing_and_the_next_one_cleans_up(
    root: Path, talking_clip: Path, tmp_path: Path
) -> None:
    voice = write_voice(tmp_path / "voice.wav", babble(2))
    folder = tmp_path / "made"
    folder.mkdir()
    output = folder / "out.mp4"
    output.write_bytes(b"older")
    words = [sys.executable, str(root), "dub", str(talking_clip), str(voice), "-o", str(output), "-q"]
    words += ["--phones", "off", "--engine", "embedded", "--no-check"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    patience = time.monotonic() + 120
    while len(leftovers(folder)) < 2 and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.02)  # until the unfinished file shows that writing has begun
    process.kill()
    process.wait()
    assert output.read_bytes() == b"older" and len(leftovers(folder)) == 2
    assert subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert leftovers(folder) == ["out.mp4"] and len(pixels_of(output)) == 50
