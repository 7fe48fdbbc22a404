"""What can't be used is refused in a sentence, what is only odd works, and nothing half-made is left."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core import files
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media import reader
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono
from scenes import (
    RATE,
    babble,
    deepened,
    leftovers,
    null_device,
    pixels_of,
    portrait,
    quiet,
    scenery,
    stamps_of,
    talking,
    write_clip,
    write_voice,
)

Run = Callable[..., Path]
Refused = Callable[..., str]
WORK = ("-q", "--phones", "off", "--no-check")


@pytest.fixture
def works(small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Dubs and gives the result; nothing is said on stderr."""

    def run(*words: str, clip: Path = small_clip, voice: Path = voice_file, output: str = "out.mp4") -> Path:
        place = tmp_path / output
        code = main(["dub", str(clip), str(voice), "-o", str(place), *words, *WORK])
        said = capsys.readouterr()
        assert (code, said.err) == (0, "")
        return place

    return run


@pytest.fixture
def refused(
    small_clip: Path, voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Refused:
    """Tries to dub and gives what is said instead: a sentence or two, on stderr, and no file is made."""

    def run(
        *words: str, clip: Path = small_clip, voice: Path = voice_file, output: str | Path = "out.mp4"
    ) -> str:
        before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        code = main(["dub", str(clip), str(voice), "-o", str(tmp_path / output), *words, *WORK])
        after = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        assert after == before
        return one_message(code, capsys)

    return run


def one_message(code: int, capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert code == 1, said.err
    assert said.out == ""
    assert re.fullmatch(r"retalk: .+\.\n", said.err), said.err  # one line that ends as sentences do
    assert "Traceback" not in said.err and "Error" not in said.err
    return said.err


def png(path: Path, picture: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return path


# Faces


def test_no_face_anywhere_is_told_with_the_number_of_frames(refused: Refused, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", scenery(5))
    said = refused(clip=clip)
    assert "No face" in said and "5 frames" in said and "160x160" in said and "32 pixels" in said


def test_a_face_that_is_too_small_is_told_with_the_least_size(refused: Refused, tmp_path: Path) -> None:
    canvas = np.full((200, 240, 3), 90, np.uint8)
    canvas[60:110, 90:140] = portrait(50)  # her face is 22 pixels high
    assert "32 pixels" in refused(clip=write_clip(tmp_path / "clip.mkv", [canvas] * 3))


def test_a_small_face_that_is_large_enough_works(works: Run, tmp_path: Path) -> None:
    canvas = np.full((200, 240, 3), 90, np.uint8)
    canvas[60:150, 90:180] = portrait(90)  # 40 pixels
    assert len(pixels_of(works(clip=write_clip(tmp_path / "clip.mkv", [canvas] * 3)))) == 15


@pytest.mark.parametrize(
    ("index", "told"), [("1", "2nd face from"), ("7", "8th face from"), ("-1", "no face -1")]
)
def test_a_face_that_isnt_there_cant_be_chosen(refused: Refused, index: str, told: str) -> None:
    assert told in refused("--face-index", index)


@pytest.mark.parametrize("place", ["5", "1,2,3", "left,top", "nan,3", "inf,inf", ""])
def test_a_place_that_is_none_is_refused(refused: Refused, place: str) -> None:
    assert "X,Y" in refused("--face-at", place)


def test_a_mask_that_covers_nobody_finds_no_face(refused: Refused, tmp_path: Path) -> None:
    refused("--face-mask", str(png(tmp_path / "mask.png", np.zeros((9, 9), np.uint8))))


def test_a_mask_may_have_any_size(works: Run, tmp_path: Path) -> None:
    works("--face-mask", str(png(tmp_path / "mask.png", np.full((3, 50), 255, np.uint8))))


# Voices


def odd_voices() -> dict[str, np.ndarray]:
    speech = babble(0.4)
    return {
        "zeros": quiet(0.4),
        "shorter than 0.2 s": babble(0.1),
        "one sample": np.array([0.5], np.float32),
        "clipped": 30 * speech,
        "constant": np.full(RATE // 2, 0.9, np.float32),
        "stereo": np.stack([speech, -0.5 * speech]),
        "six channels": np.stack([speech] * 6),
        "out of phase": np.stack([speech, -speech]),
    }


@pytest.mark.parametrize("name", odd_voices())
def test_an_odd_voice_works(works: Run, tmp_path: Path, name: str) -> None:
    samples = odd_voices()[name]
    output = works(voice=write_voice(tmp_path / "voice.wav", samples))
    count = max(6, -(-samples.shape[-1] * 25 // RATE))  # frames of the clip, or of the voice
    assert stamps_of(output) == [Fraction(i, 25) for i in range(count)]


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 96_000, 192_000])
def test_a_voice_of_any_rate_works(works: Run, tmp_path: Path, rate: int) -> None:
    voice = babble(0.4, rate)
    output = works(voice=write_voice(tmp_path / "voice.wav", voice, rate))
    assert len(stamps_of(output)) == 10
    heard = read_mono(output, 8_000)
    assert np.corrcoef(heard[:3000], babble(0.4, 8_000)[:3000])[0, 1] > 0.9


def test_samples_that_are_no_numbers_are_silent(works: Run, tmp_path: Path) -> None:
    samples = babble(0.4)
    samples[1000:2000] = np.nan
    samples[3000] = np.inf
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 0, b"WAVE", b"fmt ", 16, 3, 1, RATE, 4 * RATE, 4, 32)
    data = samples.astype("<f4").tobytes()
    voice = tmp_path / "voice.wav"
    voice.write_bytes(header + struct.pack("<4sI", b"data", len(data)) + data)
    heard = read_mono(works("--codec", "ffv1", voice=voice, output="out.mkv"), RATE)
    assert np.isfinite(heard).all()
    assert np.abs(heard[1100:1900]).max() < 1e-3 and np.abs(heard[4000:6000]).max() > 0.05
    voice.write_bytes(header + struct.pack("<4sI", b"data", len(data)) + b"\x00\x00\xc0\x7f" * len(samples))
    works(voice=voice)  # nothing but such samples


def test_a_voice_without_samples_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "sample" in refused(voice=write_voice(tmp_path / "voice.wav", np.zeros(0)))


def test_a_clip_without_sound_is_no_voice(refused: Refused, small_clip: Path) -> None:
    assert "no sound" in refused(voice=small_clip)
    assert "no sound" in refused("--soundtrack", str(small_clip))


# Files


def missing(path: Path) -> None:
    pass


def folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("Dear reader, this is a letter.\n" * 40)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(4000))


@pytest.mark.parametrize("spoil", [missing, folder, empty, text, noise], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("part", ["clip", "voice", "soundtrack", "face mask"])
def test_a_file_that_is_none_is_named(
    refused: Refused, tmp_path: Path, spoil: Callable[[Path], None], part: str
) -> None:
    path = tmp_path / ("given.mp4" if part == "clip" else "given.wav")
    spoil(path)
    if part in ("clip", "voice"):
        said = refused(**{part: path})
    else:
        said = refused(f"--{part.replace(' ', '-')}", str(path))
    assert str(path) in said


def test_sound_is_no_clip_and_a_picture_is_no_voice(
    refused: Refused, voice_file: Path, tmp_path: Path
) -> None:
    assert "only sound" in refused(clip=voice_file)
    assert "no sound" in refused(voice=png(tmp_path / "still.png", portrait()))


def test_a_name_that_is_too_long_is_refused(refused: Refused) -> None:
    refused(clip=Path("x" * 300 + ".mp4"))
    refused(output="x" * 300 + ".mp4")


def test_a_truncated_clip_is_used_as_far_as_it_goes(works: Run, refused: Refused, tmp_path: Path) -> None:
    whole = write_clip(
        tmp_path / "whole.mkv", talking(20), codec="libx264", options={"g": "5", "bf": "0", "crf": "10"}
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    assert 15 <= len(pixels_of(works(clip=cut))) < 20
    mp4 = write_clip(tmp_path / "whole.mp4", talking(4), codec="libx264")
    data = mp4.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.index(b"moov")])  # its index is lost
    assert "cut.mp4" in refused(clip=tmp_path / "cut.mp4")


def test_a_truncated_voice_is_used_as_far_as_it_goes(works: Run, tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", babble(0.6))
    voice.write_bytes(voice.read_bytes()[: 44 + 2 * int(0.4 * RATE)])
    assert len(pixels_of(works(voice=voice))) == 10


def test_names_of_any_letters_work(works: Run, small_clip: Path, voice_file: Path, tmp_path: Path) -> None:
    clip, voice = tmp_path / "Gesicht – 50 % #1.mp4", tmp_path / "声 'voice'.wav"
    clip.write_bytes(small_clip.read_bytes())
    voice.write_bytes(voice_file.read_bytes())
    assert len(pixels_of(works(clip=clip, voice=voice, output="café: final?.mp4"))) == 15


# Results


@pytest.mark.parametrize("name", ["out.gif", "out", "out.wav", ".mp4", "out.mp4.txt"])
def test_an_ending_that_no_video_has_is_refused(refused: Refused, name: str) -> None:
    assert ".mp4" in refused(output=name)


@pytest.mark.parametrize(
    ("codec", "name", "wanted"), [("ffv1", "out.mp4", ".mkv"), ("prores", "o.mkv", ".mov")]
)
def test_a_codec_that_the_container_cant_hold_is_refused(
    refused: Refused, codec: str, name: str, wanted: str
) -> None:
    assert wanted in refused("--codec", codec, output=name)


def test_a_folder_that_is_missing_is_named(refused: Refused, tmp_path: Path) -> None:
    assert "does not exist" in refused(output="nowhere/out.mp4")
    for word in ("--sheet", "--chart", "--report"):
        assert "does not exist" in refused(word, str(tmp_path / "nowhere" / "picture.png"))


def test_a_folder_is_no_file_to_write(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder" in refused(output="folder.mp4")


def test_a_file_is_no_folder_to_write_to(refused: Refused, voice_file: Path) -> None:
    assert "does not exist" in refused(output=voice_file / "out.mp4")


@pytest.fixture
def before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test where a clip is opened."""
    monkeypatch.setattr(reader, "open_clip", lambda *_: pytest.fail("the work has begun"))


@pytest.mark.usefixtures("before_the_work")
@pytest.mark.parametrize("word", ["--sheet", "--chart", "--report"])
def test_places_that_cant_be_written_are_refused_before_the_work(
    refused: Refused, tmp_path: Path, word: str
) -> None:
    assert "is empty" in refused(word, "")
    assert "is empty" in refused(word, ".")
    (tmp_path / "a folder.png").mkdir()
    assert "is a folder" in refused(word, str(tmp_path / "a folder.png"))
    assert "can't be written" in refused(word, str(tmp_path / f"{'x' * 300}.png"))
    assert "does not exist" in refused(word, str(tmp_path / "nowhere" / "x.png"))
    if Path("/proc/self").exists():
        assert "can't be written" in refused(word, "/proc/x.png")
    if word != "--report":
        for name in ("x.gif", "x", "x.json", "x.png.txt"):
            assert ".png or .jpg" in refused(word, str(tmp_path / name))


@pytest.mark.usefixtures("before_the_work")
@pytest.mark.parametrize("name", ["track.gif", "folder.mp4", "nowhere/track.mp4", "nowhere/track.png", ""])
def test_inspecting_refuses_a_place_before_the_work(
    small_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.mp4").mkdir()
    one_message(main(["inspect", str(small_clip), "-o", name, "-q"]), capsys)
    assert leftovers(tmp_path) == ["folder.mp4"]


def test_sheet_and_chart_are_what_their_names_say(works: Run, tmp_path: Path) -> None:
    works("--sheet", str(tmp_path / "sheet.jpg"), "--chart", str(tmp_path / "chart.PNG"))
    assert (tmp_path / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (tmp_path / "chart.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such devices")
def test_a_report_may_go_to_a_device_which_stays_one(works: Run, refused: Refused, tmp_path: Path) -> None:
    device = null_device(tmp_path)
    works("--report", str(device))
    for word in ("--sheet", "--chart"):
        assert ".png or .jpg" in refused(word, str(device))
    assert stat.S_ISCHR(device.stat().st_mode)


def test_what_cant_be_written_at_last_takes_nothing_along(
    small_clip: Path,
    voice_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(path: Path, picture: np.ndarray) -> None:
        raise InputError(f"{path.name} can't be written (No space left on device). Choose another place.")

    monkeypatch.setattr(files, "write_picture", full)
    made = ("--sheet", str(tmp_path / "s.png"), "--report", str(tmp_path / "r.json"))
    output = tmp_path / "out.mp4"
    assert main(["dub", str(small_clip), str(voice_file), "-o", str(output), *made, *WORK]) == 1
    said = capsys.readouterr()
    assert "out.mp4: 15 frames" in said.out and leftovers(tmp_path) == ["out.mp4", "r.json"]
    assert said.err == (
        "retalk: s.png can't be written (No space left on device). Choose another place. "
        f"The video {output} is finished.\n"
    )


def test_an_older_result_stays_when_the_disk_is_full(
    refused: Refused, talking_clip: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    (tmp_path / "out.mkv").write_bytes(b"older")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for most in (60_000, 500_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
        try:
            refused("--codec", "ffv1", clip=talking_clip, output="out.mkv")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(os.name != "posix", reason="Windows lets few users make links")
def test_links_to_one_file_are_one_place(refused: Refused, tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        (tmp_path / name).symlink_to("yet to come.png")
    words = ("--sheet", str(tmp_path / "one.png"), "--chart", str(tmp_path / "other.png"))
    assert "overwritten" in refused(*words)


def test_the_picture_of_an_expression_is_never_overwritten(refused: Refused, tmp_path: Path) -> None:
    smile = png(tmp_path / "smile.png", portrait())
    assert "overwritten" in refused("--expression", str(smile), "--sheet", str(smile))


def test_a_broken_time_stamp_is_told_and_makes_no_day(
    voice_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stamps = [i + (25 * 86_400 if i >= 3 else 0) for i in range(6)]
    clip = write_clip(tmp_path / "clip.mkv", talking(6, 96), stamps=stamps)
    assert main(["dub", str(clip), str(voice_file), "-o", str(tmp_path / "out.mp4"), *WORK]) == 0
    assert "note: time stamps of the clip are broken" in capsys.readouterr().out
    assert stamps_of(tmp_path / "out.mp4") == [Fraction(i, 25) for i in range(15)]
    assert main(["inspect", str(clip), "-q"]) == 0
    assert "note: time stamps of the clip are broken" in capsys.readouterr().out


def test_what_is_given_is_never_overwritten(
    refused: Refused, small_clip: Path, voice_file: Path, tmp_path: Path
) -> None:
    clip, voice, link = tmp_path / "clip.mp4", tmp_path / "voice.mp4", tmp_path / "link.mp4"
    clip.write_bytes(small_clip.read_bytes())
    voice.write_bytes(voice_file.read_bytes())
    os.link(clip, link)
    given = {"clip": clip, "voice": voice}
    for name in ("clip.mp4", "voice.mp4", "link.mp4", "./folder/../clip.mp4"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        assert "overwritten" in refused(**given, output=name)
    assert "overwritten" in refused("--soundtrack", str(voice), clip=clip, output="voice.mp4")
    for word in ("--sheet", "--chart", "--report"):
        for path in (clip, voice, tmp_path / "out.mp4"):
            assert "overwritten" in refused(word, str(path), **given)
    assert "overwritten" in refused("--sheet", str(tmp_path / "a.png"), "--chart", str(tmp_path / "a.png"))


def test_inspecting_doesnt_overwrite_the_clip(
    small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(small_clip.read_bytes())
    assert "overwritten" in one_message(main(["inspect", str(clip), "-o", str(clip), "-q"]), capsys)
    assert clip.read_bytes() == small_clip.read_bytes()


def test_an_older_result_is_replaced(works: Run, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"older")
    assert len(pixels_of(works())) == 15


def test_a_folder_that_may_not_be_written_to_is_one_sentence(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    said = refused()
    assert "can't be written" in said and str(tmp_path) in said


@pytest.mark.parametrize("part", ["clip", "voice", "output"])
def test_a_folder_that_is_closed_is_one_sentence(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def closed(path: Path, **options: bool) -> os.stat_result:
        if path.parent.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return os.stat(path, **options)  # noqa: PTH116 - this is what stands in for Path.stat

    monkeypatch.setattr(Path, "stat", closed)
    (tmp_path / "closed").mkdir()
    assert "closed" in refused(**{part: tmp_path / "closed" / "file.mp4"})


@pytest.mark.parametrize("rights", [0o555, 0o000], ids=["not to be written to", "closed"])
def test_a_folder_without_permission_is_one_sentence(refused: Refused, tmp_path: Path, rights: int) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("this user may write everywhere")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(rights)
    try:
        assert "locked" in refused(output="locked/out.mp4")
    finally:
        locked.chmod(0o755)
    assert leftovers(locked) == []


def test_a_full_disk_leaves_nothing_half_made(refused: Refused, talking_clip: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        said = refused("--codec", "ffv1", clip=talking_clip, output="out.mkv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "can't be written" in said and "room" in said


# Choices


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--start", "99"), "start"),
        (("--start", "0.3"), "start"),  # the clip has 0.24 s
        (("--start=-1",), "not a time"),
        (("--start", "soon"), "not a time"),
        (("--start", "nan"), "not a time"),
        (("--start", "1e3"), "not a time"),
        (("--start", "9" * 400), "time"),
        (("--start", "9" * 5000), "time"),
        (("--start", ""), "not a time"),
        (("--duration", "0"), "duration"),
        (("--duration=-2",), "not a time"),
        (("--edit-only", "3"), "time range"),
        (("--edit-only", "3-1"), "time range"),
        (("--edit-only", "1-2-3"), "time range"),
        (("--edit-only", "a-b"), "time range"),
        (("--edit-only", "0-1, x"), "time range"),
        (("--quality", "99"), "51"),
        (("--quality=-1",), "51"),
        (("--fps", "0"), "frame rate"),
        (("--fps=-25",), "frame rate"),
        (("--fps", "nan"), "frame rate"),
        (("--fps", "inf"), "frame rate"),
        (("--fps", "25/0"), "frame rate"),
        (("--fps", "1e400"), "frame rate"),
        (("--fps", "1000000"), "frame rate"),
        (("--fps", "fast"), "frame rate"),
    ],
    ids=lambda value: " ".join(value)[:20] if isinstance(value, tuple) else "",
)
def test_a_choice_that_cant_be_is_refused_in_words(
    refused: Refused, words: tuple[str, ...], said: str
) -> None:
    assert said in refused(*words)


def test_a_start_beyond_the_voice_is_told_apart(refused: Refused, talking_clip: Path) -> None:
    assert "the voice ends" in refused("--start", "0.65", clip=talking_clip)


# Odd pictures


def turned_in_file(path: Path) -> Path:
    """Write into an MP4's header that its picture is to be turned clockwise by a quarter."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def test_a_turned_phone_clip_becomes_an_upright_one(works: Run, tmp_path: Path) -> None:
    upright = [frame[:, :144] for frame in talking(6)]
    stored = [np.ascontiguousarray(np.rot90(frame)) for frame in upright]
    clip = turned_in_file(write_clip(tmp_path / "clip.mp4", stored, codec="libx264", options={"crf": "8"}))
    output = works(clip=clip)
    assert open_clip(output).rotation == 0
    results = pixels_of(output)
    assert results[0].shape == (160, 144, 3)
    for before, after in zip(upright, results, strict=False):
        assert np.abs(before[:60].astype(int) - after[:60]).mean() < 6


def test_ten_bits_stay_ten_bits(works: Run, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "clip.mp4", talking(4), codec="libx264", pixel_format="yuv420p10le", given="rgb24"
    )
    assert open_clip(works(clip=clip)).bit_depth == 10
    assert open_clip(works("--codec", "ffv1", clip=clip, output="out.mkv")).bit_depth == 16


@pytest.mark.parametrize("given", ["rgba", "gray"])
def test_transparent_and_grey_clips_work(works: Run, tmp_path: Path, given: str) -> None:
    frames = talking(4)
    if given == "rgba":
        pictures = [np.dstack([frame, np.full(frame.shape[:2], 70, np.uint8)]) for frame in frames]
        clip = write_clip(tmp_path / "clip.mkv", pictures, pixel_format="bgra", given="rgba")
    else:
        frames = [np.repeat(frame[..., 1:2], 3, axis=2) for frame in frames]
        clip = write_clip(
            tmp_path / "clip.mkv", [f[..., 0] for f in frames], pixel_format="gray", given="gray"
        )
    results = pixels_of(works("--codec", "ffv1", clip=clip, output="out.mkv"))
    for before, after in zip(frames, results, strict=False):
        np.testing.assert_array_equal(before[:60], after[:60])


def test_a_transparent_still_works(works: Run, tmp_path: Path) -> None:
    picture = portrait()
    still = png(tmp_path / "still.png", np.dstack([picture[..., ::-1], np.full((160, 160), 9, np.uint8)]))
    results = pixels_of(works("--codec", "ffv1", clip=still, output="out.mkv"))
    assert len(results) == 15
    np.testing.assert_array_equal(results[7][:60], picture[:60])


@pytest.mark.parametrize("codec", ["h264", "prores", "ffv1"])
def test_odd_sizes_and_deep_pictures_work_in_every_codec(works: Run, tmp_path: Path, codec: str) -> None:
    frames = [np.ascontiguousarray(frame[:157, :151]) for frame in deepened(talking(3))]
    name = {"h264": "out.mp4", "prores": "out.mov", "ffv1": "out.mkv"}[codec]
    output = works("--codec", codec, clip=write_clip(tmp_path / "clip.mkv", frames), output=name)
    height, width = open_clip(output).size
    assert (height, width) == {"h264": (158, 152), "prores": (157, 152), "ffv1": (157, 151)}[codec]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (600, 2), (16, 16)], ids=str)
def test_clips_too_small_for_a_face_are_refused_in_words(
    refused: Refused, tmp_path: Path, size: tuple[int, int]
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [np.full((*size, 3), 99, np.uint8)] * 2)
    assert "No face" in refused(clip=clip)


def test_a_face_cut_by_the_frames_edge_works(works: Run, tmp_path: Path) -> None:
    for bottom in (100, 117):  # at the mouth, above the chin
        frames = [np.ascontiguousarray(frame[:bottom]) for frame in talking(3)]
        works(clip=write_clip(tmp_path / "clip.mkv", frames))


def test_a_sound_without_a_rate_is_refused(refused: Refused, tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", babble(0.2))
    data = bytearray(voice.read_bytes())
    data[24:28] = struct.pack("<I", 0)
    voice.write_bytes(data)
    assert "voice.wav" in refused(voice=voice)
