from pathlib import Path

import av
import numpy as np
import pytest
from planar import noisy_frame, stored_picture
from retalk_nodes.retalk_core.images import thinned
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.planes.turn import Turn
from retalk_nodes.retalk_core.media.reader import open_clip
from videos import BT601, BT709, FULL601, make

BT2020 = ColorTags(9, 16, 9, False)
SIZE = (300, 404)
PARTS = [
    (slice(101, 180), slice(60, 155)),
    (slice(0, 40), slice(0, 33)),
    (slice(260, 300), slice(300, 404)),
    (slice(37, 38), slice(203, 204)),
    (slice(10, 90, 3), slice(200, 300, 2)),
]
CASES = [
    ("yuv420p", BT709),
    ("yuv420p", BT601),
    ("yuv420p", FULL601),
    ("yuvj420p", FULL601),
    ("yuv422p", BT709),
    ("yuv444p", BT709),
    ("yuv440p", BT709),
    ("yuv420p10le", BT2020),
    ("yuv422p10le", BT709),
    ("yuv444p12le", BT2020),
]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("name", "color"), CASES)
def test_a_part_of_a_picture_has_the_pixels_of_the_whole(
    name: str, color: ColorTags, interlaced: bool
) -> None:
    frame = noisy_frame(SIZE, name)
    whole = stored_picture(frame, color, interlaced=interlaced)[:, :]
    assert whole.shape == (*SIZE, 3) and whole.std() > 20
    for part in PARTS:
        picture = stored_picture(frame, color, interlaced=interlaced)
        assert np.array_equal(picture[part], whole[part])
        assert picture.shape == whole.shape and picture.dtype == whole.dtype


@pytest.mark.parametrize("turn", [Turn(True, True, False), Turn(True, False, True), Turn(False, True, True)])
def test_a_part_of_a_turned_picture_has_the_pixels_of_the_whole(turn: Turn) -> None:
    frame = noisy_frame(SIZE, "yuv420p")
    whole = stored_picture(frame, BT709, turn=turn)[:, :]
    assert whole.shape[:2] == turn.stored(SIZE)
    for part in PARTS:
        if part[0].stop <= whole.shape[0] and part[1].stop <= whole.shape[1]:
            assert np.array_equal(stored_picture(frame, BT709, turn=turn)[part], whole[part])


@pytest.mark.parametrize("size", [(301, 404), (300, 403), (301, 403)])
def test_a_picture_with_an_odd_side_is_read_as_a_whole(size: tuple[int, int]) -> None:
    frame = noisy_frame(size, "yuv420p")
    whole = stored_picture(frame, BT709)[:, :]
    assert whole.shape[:2] == size
    for part in PARTS:
        assert np.array_equal(stored_picture(frame, BT709)[part], whole[part])


def test_a_frame_of_another_size_or_of_rgb_is_read_as_a_whole() -> None:
    small = stored_picture(noisy_frame((150, 202), "yuv420p"), BT709, size=SIZE)
    assert small.shape == (*SIZE, 3) and small[10:20, 30:50].shape == (10, 20, 3)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    rgb = stored_picture(av.VideoFrame.from_ndarray(pixels, "rgb24"), ColorTags(2, 2, 0, True))
    assert np.array_equal(rgb[5:9, 7:30], pixels[5:9, 7:30]) and np.array_equal(
        rgb.thinned(7), pixels[::7, ::7]
    )


def test_only_what_is_looked_at_is_made() -> None:
    picture = stored_picture(noisy_frame((720, 1280), "yuv420p"), BT709)
    made: list[tuple[int, int]] = []
    read = picture.reader.read_part
    picture.reader.read_part = lambda *asked: made.append(asked[1].size) or read(*asked)  # type: ignore[method-assign, func-returns-value]
    picture.reader.read_all = lambda frame: pytest.fail("all of it was made")  # type: ignore[method-assign]
    first = picture[100:200, 300:420]
    again = picture[110:190, 310:400]
    assert np.array_equal(again, first[10:90, 10:100]) and made == [(100, 120)]


def test_a_picture_is_never_kept_more_than_about_twice() -> None:
    picture = stored_picture(noisy_frame((480, 640), "yuv420p"), BT709)
    whole = stored_picture(picture.frame, BT709)[:, :]
    for left in range(0, 600, 8):
        part = slice(left % 400, left % 400 + 30), slice(left, left + 40)
        assert np.array_equal(picture[part], whole[part])
        assert sum(pixels.nbytes for _, pixels in picture._made) < 2.2 * whole.nbytes


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv420p10le"])
@pytest.mark.parametrize("turn", [Turn(), Turn(True, True, False)])
def test_a_thinned_picture_is_nearly_the_whole_one_thinned(name: str, turn: Turn) -> None:
    picture = stored_picture(noisy_frame((600, 800), name, smooth=12), BT709, turn=turn)
    few = thinned(picture, 4)
    full = picture[:, :]
    levels = 1 if full.dtype == np.uint8 else 257
    assert few.shape == full[::4, ::4].shape and few.dtype == full.dtype
    # A mirrored side is counted from its other end.
    assert np.abs(few.astype(float) - full[::4, ::4]).mean() < 1.5 * levels
    assert np.array_equal(thinned(picture, 4), full[::4, ::4])  # once all of it is there


def test_empty_and_negative_parts_are_as_of_an_array(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4"))
    picture = next(iter(clip.frames())).picture
    whole = picture[:, :]
    for part in ((slice(60, 70), slice(0, 4)), (slice(3, 3), slice(2, 9)), (slice(-5, None), slice(-7, -2))):
        assert np.array_equal(picture[part], whole[part])
    with pytest.raises(ValueError, match="downwards"):
        picture[::-1, :]
