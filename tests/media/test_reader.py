"""Frames out of files, in any order: exact times, upright, bounded memory."""

from __future__ import annotations

import itertools
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media import reader as video
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.media.color import RgbConverter
from retalk_nodes.retalk_core.media.reader import open_clip, prefetch
from videos import gradient, index_in, make, numbered, shown, write

# Opening


def test_a_clip_knows_its_frames_without_decoding_them(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4"))
    assert clip.size == (48, 64)
    assert clip.times == tuple(Fraction(i, 25) for i in range(10))
    assert clip.end == Fraction(10, 25)
    assert (clip.rate, clip.bit_depth, clip.rotation) == (25, 8, 0)
    assert not clip.has_sound and not clip.is_still
    assert shown(clip) == list(range(10))


@pytest.mark.parametrize("ending", ["avi", "ts", "mov", "mkv", "flv"])
def test_every_usual_container_can_be_read(tmp_path: Path, ending: str) -> None:
    clip = open_clip(make(tmp_path / f"clip.{ending}", range(20), options={"g": "6"}))
    assert (len(clip), clip.rate) == (20, 25)
    assert shown(clip) == list(range(20))
    assert shown(clip, [15, 3, 4, 19]) == [15, 3, 4, 19]


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


# What is left of a damaged clip


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
    monkeypatch.setattr(video, "MOST_BYTES", 5 * 48 * 64 * 5)  # as stored, and as RGB
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


@pytest.mark.parametrize("name", ["yuv420p", "bgr0"])
def test_a_frame_with_the_pixels_of_the_one_before_has_its_picture(tmp_path: Path, name: str) -> None:
    path = tmp_path / "clip.mkv"
    pictures = [numbered(i) for i in (0, 0, 1, 1, 1, 0)]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, name
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=name)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames = list(open_clip(path).frames())
    again = [frame.picture is before.picture for before, frame in itertools.pairwise(frames)]
    assert again == [True, False, True, True, False]
    assert [frame.index for frame in frames] == list(range(6))
    assert [index_in(frame.pixels) for frame in frames] == [0, 0, 1, 1, 1, 0]
