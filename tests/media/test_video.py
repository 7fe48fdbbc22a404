"""Frames out of files and into files: exact times, true colours, bounded memory, clear refusals."""

from __future__ import annotations

import faulthandler
import itertools
import os
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media import container, writer
from retalk_nodes.retalk_core.media import reader as video
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.media.color import ColorTags, RgbConverter
from retalk_nodes.retalk_core.media.container import check_size
from retalk_nodes.retalk_core.media.frame_index import FrameIndex, FrameTable, clock
from retalk_nodes.retalk_core.media.reader import open_clip, prefetch
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter
from retalk_nodes.retalk_core.times import exact_tick

NTSC = Fraction(30000, 1001)
BT601, BT709 = ColorTags(6, 6, 6, False), ColorTags(1, 1, 1, False)
FULL601, FULL709 = ColorTags(6, 6, 6, True), ColorTags(1, 1, 1, True)


def numbered(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture (H, W, 3) that says its number in gray: `index_in` reads it again."""
    return np.full((height, width, 3), 20 + 5 * (index % 40), np.uint8)


def index_in(pixels: np.ndarray) -> int:
    scale = 1 if pixels.dtype == np.uint8 else 257
    return round((float(pixels.mean()) / scale - 20) / 5)


def gradient(height: int = 64, width: int = 96) -> np.ndarray:
    """A smooth picture (H, W, 3) of many colours."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 255 - 127.5 * (x / width + y / height)], -1).astype(
        np.uint8
    )


def make(
    path: Path,
    stamps: Sequence[int] = range(10),
    *,
    tick: Fraction = Fraction(1, 25),
    rate: Fraction = Fraction(25),
    size: tuple[int, int] = (48, 64),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write numbered frames at given ticks, without any of the code under test."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = stream.time_base = tick
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered(index, *size), "rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = stamp, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write(
    path: Path, pictures: Sequence[np.ndarray], rate: Fraction = Fraction(25), **options: object
) -> Clip:
    """Write pictures with the code under test and open the result."""
    with VideoWriter(path, pictures[0].shape[:2], rate=rate, **options) as writer:
        for i, pixels in enumerate(pictures):
            writer.write(pixels, i / rate, 1 / rate)
    return open_clip(path)


def shown(clip: Clip, indices: Sequence[int] | None = None) -> list[int]:
    return [index_in(frame.pixels) for frame in clip.frames(indices)]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Opening


def test_a_clip_knows_its_frames_without_decoding_them(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4"))
    assert clip.size == (48, 64)
    assert clip.times == tuple(Fraction(i, 25) for i in range(10))
    assert clip.end == Fraction(10, 25)
    assert (clip.rate, clip.bit_depth, clip.rotation) == (25, 8, 0)
    assert not clip.has_sound and not clip.is_still
    assert shown(clip) == list(range(10))


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), NTSC, Fraction(30), Fraction(60000, 1001), Fraction(60)]
)
def test_the_milliseconds_of_matroska_become_the_exact_rate(tmp_path: Path, rate: Fraction) -> None:
    clip = open_clip(make(tmp_path / "clip.mkv", range(40), tick=1 / rate, rate=rate))
    assert clip.rate == rate
    assert clip.times == tuple(i / rate for i in range(40))
    assert clip.end == 40 / rate


def test_uneven_times_are_kept_as_they_are(tmp_path: Path) -> None:
    stamps = [0, 2, 3, 5, 8, 9]
    path = make(tmp_path / "clip.mp4", stamps, tick=Fraction(1, 30), options={"bf": "0"})
    clip = open_clip(path)
    assert clip.rate is None
    assert clip.times == tuple(Fraction(stamp, 30) for stamp in stamps)
    assert shown(clip) == list(range(6))


def test_frames_stored_out_of_order_are_listed_in_the_order_of_showing(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4", range(30), options={"bf": "3", "b-adapt": "0"}))
    assert clip.times == tuple(Fraction(i, 25) for i in range(30))
    assert shown(clip) == list(range(30))


@pytest.mark.parametrize("ending", ["avi", "ts", "mov", "mkv", "flv"])
def test_every_usual_container_can_be_read(tmp_path: Path, ending: str) -> None:
    clip = open_clip(make(tmp_path / f"clip.{ending}", range(20), options={"g": "6"}))
    assert (len(clip), clip.rate) == (20, 25)
    assert shown(clip) == list(range(20))
    assert shown(clip, [15, 3, 4, 19]) == [15, 3, 4, 19]


def test_a_stream_without_time_stamps_is_counted(tmp_path: Path) -> None:
    make(tmp_path / "clip.h264", range(12), options={"bf": "0"})
    clip = open_clip(tmp_path / "clip.h264")
    assert clip.rate == 25 and clip.end == Fraction(12, 25)
    assert shown(clip, [0, 5, 4, 3, 11, 2]) == [0, 5, 4, 3, 11, 2]


def test_a_clip_that_begins_late_begins_at_zero(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mkv", range(7, 17)))
    assert clip.times[0] == 0
    assert shown(clip) == list(range(10))


def test_a_clip_of_one_frame_is_no_still_picture(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4", [0]))
    assert (len(clip), clip.end, clip.is_still) == (1, Fraction(1, 25), False)
    assert shown(clip) == [0]


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (33, 64)])
def test_odd_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    path = make(tmp_path / "clip.mkv", range(3), size=size, codec="ffv1", pixel_format="bgr0")
    clip = open_clip(path)
    assert clip.size == size
    assert next(clip.frames()).pixels.shape == (*size, 3)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_still_picture_is_one_frame_at_25_per_second(tmp_path: Path, ending: str) -> None:
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / f"picture 100%.{ending}"
    path.write_bytes(cv2.imencode(f".{ending}", gradient()[..., ::-1])[1].tobytes())
    clip = open_clip(path)
    assert (clip.is_still, clip.rate, clip.end, len(clip)) == (True, 25, Fraction(1, 25), 1)
    frames = list(clip.frames([0, 0, 0]))
    assert all(frame.pixels is frames[0].pixels for frame in frames)
    assert np.abs(frames[0].pixels.astype(int) - gradient()).mean() < 4


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_transparency_is_dropped_and_the_colours_below_it_stay(tmp_path: Path, ending: str) -> None:
    cv2 = pytest.importorskip("cv2")
    alpha = np.tile(np.linspace(128, 255, 96).astype(np.uint8), (64, 1))
    picture = np.dstack([gradient()[..., ::-1], alpha])
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if ending == "webp" else []
    path = tmp_path / f"picture.{ending}"
    path.write_bytes(cv2.imencode(f".{ending}", picture, lossless)[1].tobytes())
    np.testing.assert_array_equal(next(open_clip(path).frames()).pixels, gradient())


def test_a_deep_picture_keeps_its_depth(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    deep = gradient().astype(np.uint16) * 257 + 100 * (gradient() < 200).astype(np.uint16)
    path = tmp_path / "picture.png"
    path.write_bytes(cv2.imencode(".png", deep[..., ::-1])[1].tobytes())
    clip = open_clip(path)
    assert clip.bit_depth == 16
    np.testing.assert_array_equal(next(clip.frames()).pixels, deep)


def turn_in_file(path: Path, matrix: Sequence[int]) -> Path:
    """Write a display matrix (a b c d, whole numbers) into the header of an MP4 file's picture track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # behind version, times and volume stands the matrix
    a, b, c, d = (entry << 16 for entry in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "degrees", "turned"),
    [
        ((0, 1, -1, 0), 90, lambda p: np.rot90(p, -1)),
        ((-1, 0, 0, -1), 180, lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), 270, lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), 0, np.fliplr),
    ],
)
def test_a_turned_phone_clip_is_upright(
    tmp_path: Path, matrix: Sequence[int], degrees: int, turned: Callable[[np.ndarray], np.ndarray]
) -> None:
    upright = write(tmp_path / "clip.mp4", [gradient(48, 80)] * 2)
    stored = next(upright.frames()).pixels
    clip = open_clip(turn_in_file(tmp_path / "clip.mp4", matrix))
    expected = turned(stored)
    assert clip.rotation == degrees
    assert clip.size == expected.shape[:2]
    np.testing.assert_array_equal(next(clip.frames()).pixels, expected)


def test_ten_bits_fill_the_range_of_sixteen(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 96).astype(np.uint16)
    picture = np.tile(ramp[None, :, None], (64, 1, 3))
    clip = write(tmp_path / "clip.mp4", [picture] * 3, bit_depth=10, quality=1)
    assert clip.bit_depth == 10
    pixels = next(clip.frames()).pixels
    assert pixels.dtype == np.uint16
    assert np.abs(pixels.astype(int) - picture).max() < 3 * 65535 / 876  # 876 levels in limited range
    assert pixels.min() < 80 and pixels.max() > 65400


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


# Bad input


def text_file(path: Path) -> None:
    path.write_text("This is no video.\n" * 50)


def empty_file(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    pass


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), "s16", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))


def without_end(path: Path) -> None:
    make(path.with_name("whole.mp4"))
    data = path.with_name("whole.mp4").read_bytes()
    path.write_bytes(data[: data.index(b"moov")])  # the index of an MP4 comes last


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (nothing, "clip.mp4", "does not exist"),
        (folder, "clip.mp4", "folder"),
        (empty_file, "clip.mp4", "empty"),
        (text_file, "clip.mp4", "can't be read as a video"),
        (text_file, "notes.txt", "no pictures|can't be read"),
        (noise, "clip.mkv", "can't be read"),
        (noise, "clip.png", "can't be read|no frame"),
        (sound_only, "voice.wav", "only sound"),
        (without_end, "cut.mp4", "can't be read as a video"),
    ],
)
def test_what_holds_no_pictures_is_refused_in_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], name: str, said: str
) -> None:
    path = tmp_path / name
    spoil(path)
    with pytest.raises(InputError, match=said) as caught:
        open_clip(path)
    sentence = str(caught.value).replace(str(path), "PATH")
    assert sentence.startswith("PATH") and sentence.endswith(".") and sentence.count(". ") == 0
    assert "\n" not in sentence


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(InputError):
        open_clip("clip\0.mp4")


@pytest.mark.parametrize("kept", [0.6, 0.8, 0.95])
def test_a_truncated_clip_shows_what_is_left(tmp_path: Path, kept: float) -> None:
    make(tmp_path / "whole.mp4", range(40), options={"g": "8", "bf": "2"}, muxing={"movflags": "faststart"})
    data = (tmp_path / "whole.mp4").read_bytes()
    begin = data.index(b"mdat")
    (tmp_path / "cut.mp4").write_bytes(data[: begin + int((len(data) - begin) * kept)])
    clip = open_clip(tmp_path / "cut.mp4")
    assert 5 < len(clip) < 40
    frames = list(clip.frames())
    good = [frame for frame in frames if frame.index not in clip.damaged]
    assert [index_in(frame.pixels) for frame in good] == [frame.index for frame in good]
    assert len(clip.damaged) <= 3 < len(good)


def test_frames_that_are_damaged_show_the_one_before_and_are_counted(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", range(12), options={"g": "1"})
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][5]
    at = data.index(packet)
    data[at : at + len(packet)] = bytes(len(packet))
    path.write_bytes(data)
    clip = open_clip(path)
    assert len(clip) == 12
    assert shown(clip) == [0, 1, 2, 3, 4, 4, 6, 7, 8, 9, 10, 11]
    assert clip.damaged == {5}
    assert shown(clip, [9, 5, 4]) == [9, 4, 4]


# Order


@pytest.fixture
def long_clip(tmp_path: Path) -> Clip:
    """40 frames with few places to start decoding from."""
    return open_clip(make(tmp_path / "long.mp4", range(40), options={"g": "15", "bf": "2"}))


@pytest.mark.parametrize(
    "asked",
    [
        [*range(40), *range(38, -1, -1), *range(1, 10)],
        [5, 5, 5, 6, 6, 4, 4],
        [39, 0, 20, 19, 18, 30, 31, 1],
        [*range(0, 40, 7)],
        [*range(10, 20)] * 3,
        [],
    ],
)
def test_frames_come_in_any_order(long_clip: Clip, asked: list[int]) -> None:
    frames = list(long_clip.frames(asked))
    assert [frame.index for frame in frames] == asked
    assert [frame.time for frame in frames] == [long_clip.times[index] for index in asked]
    assert [index_in(frame.pixels) for frame in frames] == asked
    assert not long_clip.damaged


def count_conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    convert = RgbConverter.__call__

    def counted(self: RgbConverter, frame: av.VideoFrame) -> np.ndarray:
        calls.append(1)
        return convert(self, frame)

    monkeypatch.setattr(RgbConverter, "__call__", counted)
    return calls


def test_repeats_and_backward_runs_convert_each_frame_once(
    long_clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = count_conversions(monkeypatch)
    shown(long_clip, [3] * 50)
    assert len(calls) == 1
    calls.clear()
    shown(long_clip, list(range(39, -1, -1)))
    assert len(calls) == 40


def test_few_frames_are_kept_when_pictures_are_large(
    long_clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "MOST_BYTES", 5 * 48 * 64 * 3)
    most = 0
    frames: Any = long_clip.frames(range(39, -1, -1))
    for index, frame in enumerate(frames):
        assert index_in(frame.pixels) == 39 - index
        most = max(most, len(frames.gi_frame.f_locals["reader"]._kept))
    assert most == 5


def test_an_endless_order_is_followed_only_as_far_as_it_is_read(long_clip: Clip) -> None:
    endless = itertools.cycle([0, 1, 2, 1])
    assert [index_in(frame.pixels) for frame in itertools.islice(long_clip.frames(endless), 10)] == [
        *(0, 1, 2, 1, 0, 1, 2, 1, 0, 1)
    ]


def test_two_readers_dont_disturb_each_other(long_clip: Clip) -> None:
    forward, backward = long_clip.frames(), long_clip.frames(range(39, -1, -1))
    pairs = [(index_in(a.pixels), index_in(b.pixels)) for a, b in zip(forward, backward, strict=True)]
    assert pairs == [(i, 39 - i) for i in range(40)]


# Working ahead


def test_working_ahead_keeps_the_order_and_the_bound() -> None:
    produced: list[int] = []

    def slowly() -> Iterator[int]:
        for i in range(20):
            produced.append(i)
            yield i

    for i, item in enumerate(prefetch(slowly(), ahead=3)):
        time.sleep(0.002)
        assert item == i
        assert len(produced) <= i + 3 + 2


def test_an_error_is_passed_on_after_what_came_before_it() -> None:
    def breaking() -> Iterator[int]:
        yield 1
        raise InputError("The end of the tape.")

    items = prefetch(breaking())
    assert next(items) == 1
    with pytest.raises(InputError, match="tape"):
        next(items)


def test_stopping_early_stops_the_producer_and_closes_it() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    items = prefetch(endless(), ahead=2)
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "retalk-prefetch"]


# Colour


def distance(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Largest and mean difference in levels of 8 bit."""
    difference = np.abs(one.astype(int) - other.astype(int)) / (1 if one.dtype == np.uint8 else 257)
    return float(difference.max()), float(difference.mean())


@pytest.mark.parametrize("color", [BT601, BT709, FULL601, FULL709, ColorTags()], ids=str)
@pytest.mark.parametrize("depth", [8, 10])
def test_an_unedited_picture_survives_reading_and_writing(
    tmp_path: Path, color: ColorTags, depth: int
) -> None:
    gray = np.tile(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], (64, 1, 3))
    for picture, most in ((gradient(), 3), (gray, 2)):
        once = write(tmp_path / "once.mp4", [picture] * 3, color=color, quality=0, bit_depth=depth)
        first = [frame.pixels for frame in once.frames()]
        twice = write(tmp_path / "twice.mp4", first, color=once.color, quality=0, bit_depth=depth)
        assert once.color == twice.color == color
        for pixels, again in zip(first, twice.frames(), strict=True):
            scaled = picture if depth == 8 else picture.astype(np.uint16) * 257
            assert distance(pixels, scaled)[0] <= most
            assert distance(pixels, again.pixels)[0] <= 2
            assert distance(pixels, again.pixels)[1] < 0.4


@pytest.mark.parametrize(
    ("color", "green"), [(BT601, (145, 54, 34)), (BT709, (173, 42, 26)), (FULL709, (182, 30, 12))]
)
def test_the_file_holds_the_numbers_that_its_tags_stand_for(
    tmp_path: Path, color: ColorTags, green: tuple[int, int, int]
) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[..., 1] = 255
    write(tmp_path / "clip.mp4", [picture], color=color, quality=1)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frame = next(container.decode(video=0))
        planes = [np.frombuffer(memoryview(plane), np.uint8)[0] for plane in frame.planes]
    assert [abs(int(found) - wanted) <= 1 for found, wanted in zip(planes, green, strict=True)] == [True] * 3


def test_untagged_files_are_read_as_601_below_720_lines_and_709_from_there(tmp_path: Path) -> None:
    for height, tags in ((704, BT601), (720, BT709)):
        picture = np.zeros((height, 1024, 3), np.uint8)
        picture[..., 1] = 200
        written = write(tmp_path / "clip.mkv", [picture], codec="h264", color=ColorTags())
        assert written.color == ColorTags()
        tagged = write(tmp_path / "tagged.mkv", [picture], codec="h264", color=tags)
        for clip in (written, tagged):
            assert distance(next(clip.frames()).pixels, picture)[0] <= 2


def test_pictures_that_were_rgb_are_written_with_a_tag(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", [gradient()] * 2, color=ColorTags(1, 13, 0, True), quality=1)
    assert clip.color == ColorTags(1, 13, 6, False)
    assert distance(next(clip.frames()).pixels, gradient())[0] <= 4


# Writing


@pytest.mark.parametrize("depth", [8, 16])
def test_ffv1_is_exact_to_the_bit(tmp_path: Path, depth: int) -> None:
    random = np.random.default_rng(0)
    dtype = np.uint8 if depth == 8 else np.uint16
    pictures = [random.integers(0, 1 << depth, (47, 63, 3)).astype(dtype) for _ in range(5)]
    clip = write(tmp_path / "clip.mkv", pictures, codec="ffv1", bit_depth=depth)
    for frame, picture in zip(clip.frames(), pictures, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)


def test_prores_keeps_the_picture_and_the_sound(tmp_path: Path) -> None:
    tone = tone_of(1.0)
    sound = SoundStream(tone, 0, Fraction(10, 25))
    clip = write(tmp_path / "clip.mov", [gradient()] * 10, codec="prores", sound=sound, color=BT709)
    assert clip.bit_depth == 10 and clip.color == BT709 and clip.has_sound
    assert distance((next(clip.frames()).pixels // 257).astype(np.uint8), gradient())[1] < 2
    heard = read_mono(tmp_path / "clip.mov", 48000)
    assert len(heard) == 48000 * 10 // 25
    np.testing.assert_allclose(heard, tone.samples[0, : len(heard)], atol=1e-6)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), NTSC, Fraction(60), Fraction(25, 2)])
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_constant_rate_is_written_exactly(tmp_path: Path, rate: Fraction, ending: str) -> None:
    clip = write(tmp_path / f"clip.{ending}", [numbered(i) for i in range(30)], rate)
    assert clip.rate == rate
    assert clip.times == tuple(i / rate for i in range(30))
    assert clip.end == 30 / rate
    assert shown(clip) == list(range(30))


def test_uneven_times_and_the_last_duration_are_written_exactly(tmp_path: Path) -> None:
    times = [Fraction(n, 30) for n in (0, 2, 3, 5, 8, 9)]
    end = Fraction(14, 30)
    with VideoWriter(tmp_path / "clip.mp4", (48, 64), tick=exact_tick(times, end)) as writer:
        for i, (begins, ends) in enumerate(zip(times, [*times[1:], end], strict=True)):
            writer.write(numbered(i), begins, ends - begins)
    clip = open_clip(tmp_path / "clip.mp4")
    assert clip.times == tuple(times)
    assert clip.end == end
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.duration is not None
        assert abs(Fraction(container.duration, 10**6) - end) < Fraction(1, 1000)


def test_odd_sides_repeat_their_last_row_and_column(tmp_path: Path) -> None:
    picture = gradient(47, 63)
    writer = VideoWriter(tmp_path / "clip.mp4", (47, 63))
    assert writer.padded_size == (48, 64)
    clip = write(tmp_path / "clip.mp4", [picture] * 2, quality=0)
    assert clip.size == (48, 64)
    pixels = next(clip.frames()).pixels
    assert distance(pixels[:46, :62], picture[:46, :62])[0] <= 3
    assert distance(pixels[46], pixels[47])[0] <= 3
    assert VideoWriter(tmp_path / "clip.mkv", (47, 63), codec="ffv1").padded_size == (47, 63)


def tone_of(seconds: float, rate: int = 48000, hertz: float = 440, channels: int = 1) -> SoundArray:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return SoundArray(np.tile(wave.astype(np.float32), (channels, 1)), rate)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_sound_is_written_in_time_with_the_picture(tmp_path: Path, rate: int, channels: int) -> None:
    tone = tone_of(1.3, rate, channels=channels)
    sound = SoundStream(tone, 0, Fraction(30, 25))
    clip = write(tmp_path / "clip.mp4", [numbered(i) for i in range(30)], sound=sound)
    assert clip.has_sound and clip.end == Fraction(30, 25)
    heard, given = read_mono(tmp_path / "clip.mp4", 48000), read_mono(tone, 48000)
    assert abs(len(heard) / 48000 - 1.2) < 0.001
    middle = slice(4800, 48000)
    assert np.abs(heard[middle] - given[middle]).max() < 0.05


def test_a_clip_longer_than_the_sound_is_silent_at_its_end(tmp_path: Path) -> None:
    write(tmp_path / "clip.mkv", [numbered(i) for i in range(25)], sound=SoundStream(tone_of(0.4), 0, 1))
    heard = read_mono(tmp_path / "clip.mkv", 48000)
    assert len(heard) / 48000 == pytest.approx(1, abs=0.03)
    assert np.abs(heard[int(0.45 * 48000) :]).max() < 1e-3


def test_metadata_of_ones_own_survives(tmp_path: Path) -> None:
    for ending in ("mp4", "mov", "mkv"):
        given = {"title": "A title", "comment": "Éngine: embedded", "retalk_engine": "embedded"}
        path = tmp_path / f"clip.{ending}"
        write(path, [numbered(0)], metadata=given)
        with av.open(str(path)) as container:
            found = {key.lower(): value for key, value in container.metadata.items()}
        assert given.items() <= found.items()


def test_the_index_comes_first_so_that_players_can_start_at_once(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4", [numbered(0)] * 3)
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_pixels_that_arent_square_stay_so(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", [numbered(0)] * 2, pixel_aspect=Fraction(4, 3))
    assert clip.pixel_aspect == Fraction(4, 3)


# What is left behind


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_nothing_is_left_behind_when_writing_is_interrupted(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), VideoWriter(tmp_path / "clip.mp4", (48, 64), rate=Fraction(25)) as writer:
        for i in range(20):
            writer.write(numbered(i), Fraction(i, 25), Fraction(1, 25))
        raise error
    assert leftovers(tmp_path) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "retalk-encode"]


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"older")
    with VideoWriter(path, (48, 64), rate=Fraction(25)) as writer:
        for i in range(30):
            writer.write(numbered(i), Fraction(i, 25), Fraction(1, 25))
        assert path.read_bytes() == b"older"
        assert any(name.startswith(".retalk-") and name.endswith(".mp4") for name in leftovers(tmp_path))
    assert len(open_clip(path)) == 30
    assert leftovers(tmp_path) == ["clip.mp4"]


def test_a_full_disk_is_one_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    random = np.random.default_rng(0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(InputError, match="can't be written") as caught:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with VideoWriter(tmp_path / "clip.mkv", (64, 64), codec="ffv1") as writer:
                for i in range(60):
                    noisy = random.integers(0, 256, (64, 64, 3)).astype(np.uint8)
                    writer.write(noisy, Fraction(i, 25), Fraction(1, 25))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "room" in str(caught.value)
    assert leftovers(tmp_path) == []


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


def test_a_sound_that_breaks_off_stops_the_writing(tmp_path: Path) -> None:
    class Broken(SoundStream):
        def __iter__(self) -> Iterator[np.ndarray]:
            raise InputError("The tape is torn.")

    with pytest.raises(InputError, match="torn"):
        write(tmp_path / "clip.mp4", [numbered(i) for i in range(40)], sound=Broken(tone_of(1), 0, 1))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "codec", "said"),
    [
        ("clip.gif", "h264", r"\.mp4 or \.mov"),
        ("clip", "h264", r"\.mp4"),
        ("clip.mp4", "prores", r"\.mov"),
        ("clip.mp4", "ffv1", r"\.mkv"),
        ("missing/clip.mp4", "h264", "does not exist"),
    ],
)
def test_a_name_that_cant_be_written_is_refused_at_once(
    tmp_path: Path, name: str, codec: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        VideoWriter(tmp_path / name, (48, 64), codec=codec)


def test_a_folder_without_permission_is_refused_at_once(tmp_path: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("this user may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="can't be written"), VideoWriter(tmp_path / "clip.mp4", (48, 64)):
        pass


def test_a_codec_or_quality_that_doesnt_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="h264, prores, ffv1"):
        VideoWriter(tmp_path / "clip.mp4", (48, 64), codec="divx")
    with pytest.raises(OptionError, match="51"):
        VideoWriter(tmp_path / "clip.mp4", (48, 64), quality=99)


def test_real_clips_are_read_and_written_in_time(media: Path, tmp_path: Path) -> None:
    clip = open_clip(media / "face_1.mp4")
    assert (len(clip), clip.rate, clip.size) == (135, None, (700, 700))
    assert {gap * 30 for gap in np.diff(np.array(clip.times, dtype=object))} == {1, 2}
    times = clip.times[:12]
    with VideoWriter(tmp_path / "part.mp4", clip.size, tick=exact_tick(times, clip.times[12])) as writer:
        for frame in clip.frames(range(12)):
            writer.write(frame.pixels, frame.time, clip.times[frame.index + 1] - frame.time)
    part = open_clip(tmp_path / "part.mp4")
    assert (part.times, part.end) == (times, clip.times[12])
    for one, other in zip(clip.frames(range(12)), part.frames(), strict=True):
        assert distance(one.pixels, other.pixels)[1] < 1
