"""What can't be meant, can't be worked on, or can't be written ends in a sentence, and nothing is lost."""

from __future__ import annotations

import faulthandler
import os
import struct
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media import container, writer
from retalk_nodes.retalk_core.media import reader as video
from retalk_nodes.retalk_core.media.container import check_size
from retalk_nodes.retalk_core.media.frame_index import FrameIndex, FrameTable, clock
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundStream
from videos import leftovers, make, numbered, shown, tone_of, write

# Time stamps that can't be meant

DAY = 24 * 3600 * 25  # frames


def mean(count: int, at: int, jump: int) -> list[int]:
    """Stamps of frames, with a jump before one of them."""
    return [i + (jump if i >= at else 0) for i in range(count)]


@pytest.mark.parametrize("at", [1, 5, 9])
@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov"])
def test_a_broken_time_stamp_makes_no_day(tmp_path: Path, at: int, ending: str) -> None:
    clip = open_clip(make(tmp_path / f"clip.{ending}", mean(10, at, DAY), options={"bf": "0"}))
    assert (clip.rate, clip.end) == (25, Fraction(10, 25))
    assert clip.times == tuple(Fraction(i, 25) for i in range(10))
    assert shown(clip) == list(range(10)) and shown(clip, [8, 2, 5]) == [8, 2, 5]
    (note,) = clip.notes
    assert "time stamps" in note and "24:00:00.000" in note


def test_a_day_between_any_two_frames_is_not_meant(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mkv", [i * DAY for i in range(4)], options={"bf": "0"}))
    assert (len(clip), clip.rate, clip.end) == (4, 25, Fraction(4, 25)) and clip.notes
    assert shown(clip) == [0, 1, 2, 3]


def table_of(stamps: Sequence[int], last: int) -> FrameTable:
    index = FrameIndex(0, tuple(stamps), {}, (0,), frozenset())
    return FrameTable(index, (1,) * (len(stamps) - 1) + (last,))


@pytest.mark.parametrize("count", [1, 5])
def test_a_last_frame_of_a_day_is_not_meant(count: int) -> None:
    clocked = clock(table_of(range(count), DAY), Fraction(1, 25), [Fraction(25)])
    assert (clocked.end, clocked.rate) == (Fraction(count, 25), 25)
    assert clocked.closed == (DAY - 1) / Fraction(25)


@pytest.mark.parametrize(
    ("stamps", "last"),
    [
        (mean(10, 5, 55 * 25), 1),  # less than a minute
        ([0, 40 * 25, 80 * 25, 400 * 25], 40 * 25),  # minutes, but no hundred times the usual
        ([0, 3000 * 25], 3000 * 25),
    ],
)
def test_long_frames_that_can_be_meant_stay(stamps: list[int], last: int) -> None:
    clocked = clock(table_of(stamps, last), Fraction(1, 25), [Fraction(25)])
    assert clocked.times == tuple(Fraction(stamp, 25) for stamp in stamps)
    assert (clocked.end, clocked.closed) == (Fraction(stamps[-1] + last, 25), 0)


# Sizes that can't be worked on


def png_header(path: Path, width: int, height: int) -> Path:
    """A PNG that says how large it is, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(width + 1))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("size", [(12_000, 12_000), (1_000_000, 10), (10, 20_000), (16_385, 100), (5_000, 4)])
def test_pictures_too_large_to_work_on_are_refused_by_their_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(video, "_first_frame", lambda *_: pytest.fail("a picture was decoded"))
    path = png_header(tmp_path / "picture.png", *size)
    with pytest.raises(InputError, match=rf"{size[0]}x{size[1]} pixels, but .*: scale or cut it first\.$"):
        open_clip(path)


def test_a_header_that_promises_less_is_not_believed(tmp_path: Path) -> None:
    check_size(10_000, 10_000, tmp_path)  # these can be
    check_size(16_384, 17, tmp_path)
    check_size(1, 1, tmp_path)
    check_size(0, 0, tmp_path)  # unknown yet
    path = make(tmp_path / "clip.mkv", range(2), size=(48, 64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "MOST_PIXELS", 48 * 64 - 1)
        patch.setattr(video, "check_size", lambda *given: later.append(given) or check_size(*given))
        later: list[object] = []
        with pytest.raises(InputError, match="64x48"):
            open_clip(path)
        patch.setattr(container, "MOST_PIXELS", 48 * 64)
        later.clear()
        open_clip(path)
    assert later == [(64, 48, path)] * 2  # of the header, of the frame


def noisy(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3)).astype(np.uint8))


KINDS = [("clip.mp4", "h264"), ("clip.mkv", "ffv1"), ("clip.mov", "prores")]


@pytest.fixture
def in_time() -> Iterator[None]:
    """Ends the tests, with every thread's stack, where one waits for ever."""
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(("name", "codec"), KINDS)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.98, 0.999])
def test_a_file_that_may_not_grow_further_is_one_sentence_wherever_that_happens(
    tmp_path: Path, name: str, codec: str, share: float
) -> None:
    resource = pytest.importorskip("resource", reason="Windows limits no files")
    path = tmp_path / name
    sound = SoundStream(tone_of(1), 0, Fraction(8, 25))
    write(path, noisy(8), codec=codec, sound=sound)
    whole, older = path.stat().st_size, path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(InputError, match="can't be written"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * whole), limits[1]))
        try:
            write(path, noisy(8), codec=codec, sound=sound)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert leftovers(tmp_path) == [name] and path.read_bytes() == older


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many bytes; skips the test where this user may not."""
    place = tmp_path / "disk"
    place.mkdir()

    def made(size: int) -> Path:
        options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        try:
            done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount here")
        if done.returncode:
            pytest.skip(f"this user may make no disk of a few bytes ({done.stderr.strip()})")
        return place

    yield made
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(("name", "codec"), KINDS)
@pytest.mark.parametrize("missing", [4096, 8192, 16384])
def test_a_disk_that_fills_up_in_the_last_frames_is_one_sentence(
    tmp_path: Path, small_disk: Callable[[int], Path], name: str, codec: str, missing: int
) -> None:
    write(tmp_path / name, noisy(8), codec=codec)
    whole = (tmp_path / name).stat().st_size // 4096 * 4096  # a page less than is needed, or more
    disk = small_disk(whole + 4096 - missing)
    with pytest.raises(InputError, match="can't be written"):
        write(disk / name, noisy(8), codec=codec)
    assert leftovers(disk) == []


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("moment", ["add", "finish", "__exit__"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), RuntimeError("a mistake")], ids=repr)
def test_an_error_of_the_muxer_is_raised_whenever_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(writer._Muxer, moment, broken)
    expected = InputError if isinstance(error, OSError) else RuntimeError
    for count in (1, 20):  # less and more than are waiting at once
        with pytest.raises(expected):
            write(tmp_path / "clip.mp4", [numbered(i) for i in range(count)])
        assert leftovers(tmp_path) == []
        assert not [thread for thread in threading.enumerate() if thread.name == "retalk-encode"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_finished_video_is_kept_where_the_older_one_cant_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"older")
    (tmp_path / "clip_2.mp4").write_bytes(b"another")
    replace = Path.replace

    def held(self: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    if moment == "replace":
        monkeypatch.setattr(Path, "replace", held)
    else:
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError) as caught:
        write(path, [numbered(i) for i in range(5)])
    assert path.read_bytes() == b"older" and (tmp_path / "clip_2.mp4").read_bytes() == b"another"
    if moment == "replace":
        assert (
            f"can't be replaced (Permission denied): the new video is finished as {tmp_path / 'clip_3.mp4'}"
            in (str(caught.value))
        )
        assert shown(open_clip(tmp_path / "clip_3.mp4")) == list(range(5))
        assert leftovers(tmp_path) == ["clip.mp4", "clip_2.mp4", "clip_3.mp4"]
    else:  # what the disk has no room for is not finished
        assert "No space left" in str(caught.value)
        assert leftovers(tmp_path) == ["clip.mp4", "clip_2.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="Windows lets few users make links")
def test_a_video_goes_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / "clip.mkv"
    link.symlink_to("far/data")
    clip = write(link, [numbered(i) for i in range(3)])
    assert shown(clip) == [0, 1, 2] and link.is_symlink() and leftovers(tmp_path / "far") == ["data"]
