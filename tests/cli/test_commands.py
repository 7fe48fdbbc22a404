"""The command: what it writes and prints, its exit codes, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.cli import arguments, commands, demo
from retalk_nodes.retalk_core.cli.main import FAILED, MISTAKE, main
from retalk_nodes.retalk_core.dub import pipeline
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.types import Progress
from scenes import babble, leftovers, pixels_of, portrait, stamps_of, talking, write_clip, write_voice

QUICK = ("-q", "--phones", "off", "--no-check")


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., DubOptions]:
    """The options that words of the command line stand for; nothing is dubbed."""

    class StoppedError(Exception):
        pass

    seen: list[DubOptions] = []

    def note(clip: Clip, voice: Path, output: Path, options: DubOptions, *_: object) -> None:
        seen.append(options)
        raise StoppedError

    monkeypatch.setattr(pipeline, "dub", note)
    clip = write_clip(tmp_path / "clip.mkv", [np.zeros((16, 16, 3), np.uint8)] * 2)

    def read(*words: str) -> DubOptions:
        seen.clear()
        assert main(["dub", str(clip), "voice.wav", "-o", str(tmp_path / "out.mp4"), *words]) == MISTAKE
        return seen[0]

    return read


# Dub


def test_what_is_protected_stays_as_it_is(talking_clip: Path, voice_file: Path, tmp_path: Path) -> None:
    left = np.zeros((40, 40, 3), np.uint8)
    left[:, :20] = 255
    masks = write_clip(tmp_path / "masks.mkv", [left] * 9 + [np.full_like(left, 255)] * 9)
    out = tmp_path / "out.mkv"
    words = ("dub", str(talking_clip), str(voice_file), "-o", str(out), "--codec", "ffv1", *QUICK)
    assert main([*words, "--engine", "embedded", "--protect", str(masks)]) == 0
    before, after = (np.stack(pixels_of(path)) for path in (talking_clip, out))
    assert np.array_equal(before[:, :, :78], after[:, :, :78]) and np.array_equal(before[9:], after[9:])
    assert not np.array_equal(before[:9, :, 82:], after[:9, :, 82:])


def test_masks_that_fit_no_clip_are_refused_in_one_sentence(
    talking_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write_clip(tmp_path / "masks.mkv", [np.zeros((16, 16, 3), np.uint8)] * 3)
    words = ("dub", str(talking_clip), str(voice_file), "-o", str(tmp_path / "out.mkv"), *QUICK)
    for protect, told in ((masks, "has 3 frames, but the clip"), (tmp_path / "none.png", "none.png")):
        assert main([*words, "--protect", str(protect)]) == FAILED
        said = capsys.readouterr().err.strip()
        assert told in said and len(said.splitlines()) == 1
    assert not (tmp_path / "out.mkv").exists()


def test_dub_writes_a_file_and_says_what_it_did(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    assert main(["dub", str(small_clip), str(voice_file), "-o", str(output), "-q", "--phones", "off"]) == 0
    said = capsys.readouterr()
    assert leftovers(tmp_path) == ["out.mp4"] and len(stamps_of(output)) == 15
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0].startswith("PREVIEW")
    assert lines[1].startswith("out.mp4: 15 frames") and "15 edited" in lines[1]
    assert "embedded" in lines[2] and "preview" in lines[2]
    assert any(line.startswith("measured: ") for line in lines)


def test_choices_that_the_engine_does_without_are_told(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--engine", "embedded", "--upper-face", "sad", "--expression-edit", "3=0.5", "--device", "cpu")
    output = str(tmp_path / "out.mp4")
    assert main(["dub", str(small_clip), str(voice_file), "-o", output, *words, *QUICK]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "not heeded" in line]
    begins = "note: not heeded, since the engine embedded does without:"
    assert told == [f"{begins} expression edits, upper face", f"{begins} device"]


def test_json_is_printed_alone(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    assert main(["dub", str(small_clip), str(voice_file), "-o", str(output), "--json", *QUICK]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["output"] == str(output) and told["frames_out"] == 15


def test_sheet_chart_and_report_are_written_where_asked(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2 = pytest.importorskip("cv2")
    places = {name: tmp_path / name for name in ("sheet.png", "chart.png", "report.json")}
    words = [str(word) for name in places for word in (f"--{name.split('.')[0]}", places[name])]
    output = tmp_path / "out.mp4"
    assert main(["dub", str(small_clip), str(voice_file), "-o", str(output), *words, *QUICK]) == 0
    assert leftovers(tmp_path) == ["chart.png", "out.mp4", "report.json", "sheet.png"]
    for name in ("sheet.png", "chart.png"):
        picture = cv2.imdecode(np.frombuffer(places[name].read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and min(picture.shape[:2]) > 100
    assert json.loads(places["report.json"].read_text(encoding="utf-8"))["frames_out"] == 15


def test_bars_go_to_the_log_and_not_to_the_output(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dub", str(small_clip), str(voice_file), "-o", str(tmp_path / "out.mp4"), "--phones", "off"]
    assert main(words) == 0
    said = capsys.readouterr()
    for stage in ("finding the face", "dubbing", "checking"):
        assert stage in said.err and stage not in said.out


def test_the_same_words_without_choices_mean_the_defaults_and_a_mark(
    options: Callable[..., DubOptions],
) -> None:
    given, wanted = options(), DubOptions(mark="auto")
    for name in vars(wanted):
        if name != "face":
            assert getattr(given, name) == getattr(wanted, name), name
    assert given.face.rule == "largest"


def test_every_choice_reaches_the_options(options: Callable[..., DubOptions], tmp_path: Path) -> None:
    given = options(
        *("--voice-longer", "hold", "--voice-shorter", "end_with_voice", "--pauses", "keep_original"),
        *("--start", "0:01.5", "--duration", "2.25", "--edit-only", "0-1, 1:00-1:01", "--fps", "29.97"),
        *("--soundtrack", str(tmp_path / "music.wav"), "--face-index", "1", "--smoothing", "none"),
        *("--face-boxes", "s3fd", "--mask-smoothing", "0.08"),
        *("--codec", "prores", "--quality", "0", "--phones", "off", "--no-check"),
    )
    assert (given.longer, given.shorter, given.pauses) == ("hold", "end_with_voice", "keep_original")
    assert (given.start, given.duration) == (Fraction(3, 2), Fraction(9, 4))
    assert given.edit_only == ((0, 1), (60, 61))
    assert given.constant_rate == Fraction(30000, 1001)
    assert given.soundtrack == tmp_path / "music.wav"
    assert (given.face.rule, given.face.index) == ("index", 1)
    assert (given.smoothing, given.codec, given.quality) == ("none", "prores", 0)
    assert given.phones is False and given.check is False
    assert given.stages == Stages(face_boxes="s3fd", mask_smoothing=0.08)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("30.0", Fraction(30)),
        ("12.5", Fraction(25, 2)),
        ("1000", Fraction(1000)),
    ],
)
def test_frame_rates_are_meant_exactly(options: Callable[..., DubOptions], text: str, rate: Fraction) -> None:
    assert options("--fps", text).constant_rate == rate


def test_the_face_can_be_chosen_by_place_and_by_mask(
    options: Callable[..., DubOptions], tmp_path: Path
) -> None:
    cv2 = pytest.importorskip("cv2")
    assert options("--face-at", "640,360.5").face.point == (640, 360.5)
    mask = np.zeros((20, 30), np.uint8)
    mask[:, 15:] = 200
    (tmp_path / "mask.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    face = options("--face-mask", str(tmp_path / "mask.png")).face
    assert face.rule == "mask" and face.mask is not None
    np.testing.assert_array_equal(face.mask, mask / 200)


def test_the_other_face_is_edited_when_it_is_asked_for(voice_file: Path, tmp_path: Path) -> None:
    frames = [np.hstack([frame, frame[:, ::-1]]) for frame in talking(4, 112)]
    clip = write_clip(tmp_path / "clip.mkv", frames)
    output = tmp_path / "out.mkv"
    for words, side in ((("--face-index", "1"), 1), (("--face-at", "50,50"), 0)):
        ranges = ("--duration", "0.16", "--codec", "ffv1")
        assert main(["dub", str(clip), str(voice_file), "-o", str(output), *words, *ranges, *QUICK]) == 0
        changed = [
            (one != other).any(axis=(0, 2)) for one, other in zip(frames, pixels_of(output), strict=True)
        ]
        touched = [
            any(columns[half * 112 : half * 112 + 112].any() for columns in changed) for half in (0, 1)
        ]
        assert touched == [side == 0, side == 1]


# Help and words


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("dub", "inspect", "demo"))


@pytest.mark.parametrize("command", ["dub", "inspect", "demo"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "--quiet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["dub"],
        ["dub", "clip.mp4", "voice.wav"],
        ["dub", "clip.mp4", "voice.wav", "-o", "out.mp4", "--codec", "divx"],
        ["dub", "clip.mp4", "voice.wav", "-o", "out.mp4", "--quality", "high"],
        ["dub", "clip.mp4", "voice.wav", "-o", "out.mp4", "--face-index", "1", "--face-at", "1,2"],
    ],
)
def test_words_that_cant_be_understood_exit_with_two(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "usage: retalk" in said and "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["dub", "--help"], ["inspect", "--help"], ["work", "--help"]),
        *(["eval", "judge", "--help"], ["eval", "pairs", "--help"], ["eval", "compare", "--help"]),
        *(["eval", "study", "make", "--help"], ["eval", "study", "read", "--help"]),
    ],
)
def test_help_doesnt_wait_for_torch(root: Path, words: list[str]) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['retalk', *{words}]\n"
        "try:\n"
        f"    runpy.run_path({str(root / '__main__.py')!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    print(sorted({'torch', 'cv2', 'av', 'scipy', 'numpy', 'librosa'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"


# When something goes wrong


def test_a_mistake_of_ours_is_one_line_and_exits_with_three(
    small_clip: Path,
    voice_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody thought of this\nat all")

    monkeypatch.setattr(pipeline, "dub", broken)
    words = ["dub", str(small_clip), str(voice_file), "-o", str(tmp_path / "out.mp4"), "-q"]
    assert main(words) == 3
    said = capsys.readouterr().err
    assert said.startswith("retalk: ") and said.count("\n") == 1
    assert "ZeroDivisionError: nobody thought of this" in said and "Traceback" not in said
    assert main([*words, "-v"]) == 3
    assert "Traceback" in capsys.readouterr().err


HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("track", signal.SIGINT),
        ("dub", signal.SIGTERM),
        ("dub", HANGUP),
        ("check", signal.SIGINT),
        ("check", HANGUP),
    ],
)
def test_stopping_says_what_is_there(
    small_clip: Path,
    voice_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stage: str,
    number: signal.Signals,
) -> None:
    class Impatient(commands.Bars):
        def __call__(self, name: str) -> Progress:
            if name == stage:
                return lambda done, total: signal.raise_signal(number)
            return super().__call__(name)

    monkeypatch.setattr(commands, "Bars", Impatient)
    words = [
        "dub",
        str(small_clip),
        str(voice_file),
        "-o",
        str(tmp_path / "out.mp4"),
        "-q",
        "--phones",
        "off",
    ]
    assert main(words) == 130
    said = capsys.readouterr()
    output = tmp_path / "out.mp4"
    there = f"{output} is finished, only the look at it was stopped"
    words_then = there if stage == "check" else "nothing was written"
    assert said.err == f"retalk: stopped; {words_then}.\n" and said.out == ""
    assert leftovers(tmp_path) == (["out.mp4"] if stage == "check" else [])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("retalk")]


def test_the_handlers_of_signals_are_given_back(small_clip: Path, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, HANGUP)]
    assert main(["dub", str(small_clip), "missing.wav", "-o", str(tmp_path / "out.mp4"), "-q"]) == 1
    assert [signal.getsignal(number) for number in (signal.SIGTERM, HANGUP)] == before


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGHUP")
def test_under_nohup_a_closed_terminal_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def survive(args: object) -> None:
        signal.raise_signal(HANGUP)

    monkeypatch.setattr(arguments, "run_work_list", survive)
    before = signal.signal(HANGUP, signal.SIG_IGN)
    try:
        assert main(["work", "list", "."]) == 0
    finally:
        signal.signal(HANGUP, before)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
@pytest.mark.parametrize("number", [signal.SIGINT, HANGUP], ids=str)
def test_a_signal_from_outside_stops_it_cleanly(
    root: Path, talking_clip: Path, tmp_path: Path, number: signal.Signals
) -> None:
    voice = write_voice(tmp_path / "voice.wav", babble(40))
    folder = tmp_path / "made"
    folder.mkdir()
    command = [sys.executable, str(root), "dub", str(talking_clip), str(voice), "-o", str(folder / "out.mp4")]
    process = subprocess.Popen(
        [*command, "--phones", "off", "-q"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    patience = time.monotonic() + 60
    while not leftovers(folder) and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.05)  # until the temporary file shows that writing has begun
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "retalk: stopped; nothing was written.\n" and out == ""
    assert leftovers(folder) == []


# The demo


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch, voice_file: Path) -> None:
    monkeypatch.setattr(demo, "portrait", lambda: portrait(128))
    monkeypatch.setattr(demo, "_voice", lambda folder: voice_file)


def test_the_demo_makes_a_clip_and_a_sheet_in_a_new_folder(
    small_demo: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "folder" / "demo.mp4"
    assert main(["demo", "-o", str(output), "-q"]) == 0
    assert leftovers(output.parent) == ["demo.mp4", "demo.png"]
    said = capsys.readouterr().out
    assert f"video: {output}" in said and f"contact sheet: {output.with_suffix('.png')}" in said
    assert len(stamps_of(output)) == 15


def test_the_demo_overwrites_no_picture_but_its_own(
    small_demo: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"a photo")
    words = ["demo", "-o", str(tmp_path / "photo.mp4"), "-q"]
    for _ in range(2):
        assert main(words) == 0
        assert "contact sheet: " + str(tmp_path / "photo_mouths.png") in capsys.readouterr().out
        assert photo.read_bytes() == b"a photo"
        assert leftovers(tmp_path) == ["photo.mp4", "photo.png", "photo_mouths.png"]
    photo.unlink()
    for _ in range(2):
        assert main(words) == 0
    assert leftovers(tmp_path) == ["photo.mp4", "photo.png", "photo_mouths.png"]


@pytest.mark.parametrize("name", ["", "new/demo.gif", "file/demo.mp4", "file/new/demo.mp4"])
def test_the_demo_refuses_a_place_in_words_and_makes_no_folder(
    small_demo: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main(["demo", "-o", name, "-q"]) == FAILED
    said = capsys.readouterr().err
    assert said.startswith("retalk: ") and said.endswith(".\n") and "should not" not in said
    assert leftovers(tmp_path) == ["file"]


def test_the_demo_without_its_portrait_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(InputError, match="scikit-image"):
        demo.portrait()
    assert main(["demo", "-o", str(tmp_path / "demo.mp4"), "-q"]) == 1
    assert "scikit-image" in capsys.readouterr().err
    assert leftovers(tmp_path) == []


def test_the_demos_portrait_is_a_picture_of_a_face() -> None:
    pytest.importorskip("skimage.data")
    picture = demo.portrait()
    assert picture.shape == (512, 512, 3) and picture.dtype == np.uint8


def test_the_demos_voice_is_the_shipped_one_where_no_synthesiser_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo.shutil, "which", lambda program: None)
    assert demo._voice(tmp_path) == demo.SHIPPED_VOICE and demo.SHIPPED_VOICE.is_file()


def test_an_expression_that_is_no_picture_is_refused(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "dub",
        str(small_clip),
        str(voice_file),
        "-o",
        str(tmp_path / "out.mp4"),
        "--expression",
        "grim.png",
    ]
    assert main(words) == FAILED
    assert "--expression grim.png: no such picture, nor is it neutral or smile." in capsys.readouterr().err
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("action", ["list", "clear"])
@pytest.mark.parametrize("command", ["work", "jobs"])
def test_work_is_not_looked_for_where_no_folder_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, action: str
) -> None:
    assert main([command, action, str(tmp_path / "wrok")]) == FAILED
    assert "wrok does not exist. Name the one that was given as --work-dir." in capsys.readouterr().err


def test_the_old_word_for_work_is_understood_and_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("work", "jobs"):
        assert main([command, "list", str(tmp_path)]) == 0
        assert capsys.readouterr().out == f"{tmp_path} holds no jobs.\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "work" in said and "jobs" not in said
