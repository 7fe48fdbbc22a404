"""Colours survive reading and writing, and files say what their numbers are."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.media.color import ColorTags
from videos import BT601, BT709, FULL601, FULL709, distance, gradient, write


def test_ten_bits_fill_the_range_of_sixteen(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 96).astype(np.uint16)
    picture = np.tile(ramp[None, :, None], (64, 1, 3))
    clip = write(tmp_path / "clip.mp4", [picture] * 3, bit_depth=10, quality=1)
    assert clip.bit_depth == 10
    pixels = next(clip.frames()).pixels
    assert pixels.dtype == np.uint16
    assert np.abs(pixels.astype(int) - picture).max() < 3 * 65535 / 876  # 876 levels in limited range
    assert pixels.min() < 80 and pixels.max() > 65400


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
