"""Interlaced clips keep their fields and say so, or show one moment in each frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.media.clip import part_of
from retalk_nodes.retalk_core.media.codecs import Codec
from retalk_nodes.retalk_core.media.fields import Interlacing, interlacing_of, upside_down
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.writer import VideoWriter

RATE = Fraction(25)
SIZE = (96, 128)  # height, width
COUNT = 40


def moment(half: int) -> np.ndarray:
    """The picture at a fiftieth of a second: a bright, coloured square that moves over a soft ground."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    picture = np.stack([60 + x / 2, 90 + y / 3, 120 - x / 4], axis=2)
    left = 4 + half
    picture[30:70, left : left + 30] = 220, 80, 60
    return picture.astype(np.uint8)


def woven(frame: int, first: Interlacing) -> np.ndarray:
    """A frame with one moment in its even lines and the next, or the one before, in its odd ones."""
    pictures = [moment(2 * frame), moment(2 * frame + 1)]
    even, odd = pictures if first == "top" else pictures[::-1]
    frame_pixels = even.copy()
    frame_pixels[1::2] = odd[1::2]
    return frame_pixels


def write(
    path: Path,
    first: Interlacing,
    codec: Codec = "h264",
    flagged: bool = True,
    size: tuple[int, int] = SIZE,
) -> Path:
    with VideoWriter(
        path, size, rate=RATE, codec=codec, quality=6, interlacing=first if flagged else "none"
    ) as writer:
        for i in range(COUNT):
            writer.write(woven(i, first)[: size[0]], i / RATE, 1 / RATE)
    return path


def said_by(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        return {interlacing_of(frame) for frame in container.decode(video=0)}


@pytest.mark.parametrize("first", ["top", "bottom"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mkv", "h264"), ("a.mov", "prores"), ("a.mkv", "ffv1")],
)
def test_every_codec_keeps_fields_and_their_order(
    tmp_path: Path, name: str, codec: Codec, first: Interlacing
) -> None:
    path = write(tmp_path / name, first, codec)
    assert said_by(path) == {first}
    clip = open_clip(path)
    assert clip.interlacing == first and len(clip) == COUNT
    for frame in clip.frames():
        off = np.abs(
            frame.pixels.astype(float) / np.iinfo(frame.pixels.dtype).max * 255 - woven(frame.index, first)
        )
        assert off.mean() < (0.01 if codec == "ffv1" else 1.6)


def test_progressive_clips_stay_progressive(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", "top", flagged=False)
    assert said_by(path) == {"none"} and open_clip(path).interlacing == "none"


def test_fields_do_not_share_their_chroma(tmp_path: Path) -> None:
    """A red line that one field alone has stays in that field."""
    even = np.full((*SIZE, 3), 128, np.uint8)
    even[32:64:2] = 200, 60, 60  # the even lines, a block of red in one moment
    errors = {}
    for kind in ("top", "none"):
        path = tmp_path / f"{kind}.mp4"
        with VideoWriter(path, SIZE, rate=RATE, quality=1, interlacing=kind) as writer:
            for i in range(3):
                writer.write(even, i / RATE, 1 / RATE)
        frame = next(iter(open_clip(path).frames([1])))
        inner = (frame.pixels.astype(float) - even)[36:60]
        errors[kind] = np.abs(inner).mean()
    assert errors["top"] < 3 < 10 < errors["none"]


@pytest.mark.parametrize(("height", "padded"), [(94, 96), (95, 96), (96, 96)])
def test_each_field_is_padded_to_what_the_encoder_needs(tmp_path: Path, height: int, padded: int) -> None:
    path = write(tmp_path / "a.mp4", "top", size=(height, SIZE[1]))
    assert open_clip(path).size == (padded, SIZE[1]) and said_by(path) == {"top"}


@pytest.mark.parametrize("first", ["top", "bottom"])
def test_deinterlaced_frames_show_one_moment_and_none_is_lost(tmp_path: Path, first: Interlacing) -> None:
    clip = open_clip(write(tmp_path / "a.mkv", first, "ffv1"))
    clear = clip.deinterlaced()
    assert (clear.interlacing, len(clear), clear.times) == ("undone", len(clip), clip.times)
    for frame in clear.frames():
        assert frame.time == clip.times[frame.index]
        inner = (slice(34, 66), slice(None))  # the square's horizontal edges are between lines
        here = np.abs(frame.pixels.astype(float) - moment(2 * frame.index))[inner].mean()
        combed = np.abs(woven(frame.index, first).astype(float) - moment(2 * frame.index))[inner].mean()
        later = np.abs(frame.pixels.astype(float) - moment(2 * frame.index + 1))[inner].mean()
        assert here < 0.6 * combed and here < later


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_deinterlaced_frames_are_the_same_in_every_order(tmp_path: Path, codec: Codec) -> None:
    path = write(tmp_path / "a.mkv", "top", codec)
    clear = open_clip(path).deinterlaced()
    given = {frame.index: frame.pixels for frame in clear.frames()}
    assert sorted(given) == list(range(COUNT))
    for order in (range(COUNT - 1, -1, -1), [39, 0, 38, 1, 37, 20, 3], [5, 39, 39, 31, 30, 0]):
        for frame in clear.frames(order):
            np.testing.assert_array_equal(frame.pixels, given[frame.index])
    part = part_of(open_clip(path), Fraction(1), Fraction(1, 2)).deinterlaced()
    for frame in part.frames():
        np.testing.assert_array_equal(frame.pixels, given[frame.index + 25])
    assert not clear.damaged


def test_a_clip_that_hides_that_it_is_interlaced_can_be_deinterlaced(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", "top", "ffv1", flagged=False)
    for frame in open_clip(path).deinterlaced().frames([10]):
        assert np.abs(frame.pixels[34:66].astype(float) - moment(20)[34:66]).mean() < 1.5


def test_upside_down_the_fields_change_places_where_lines_are_even() -> None:
    assert upside_down("top", 576) == "bottom" and upside_down("bottom", 576) == "top"
    assert upside_down("top", 577) == "top" and upside_down("none", 576) == "none"
