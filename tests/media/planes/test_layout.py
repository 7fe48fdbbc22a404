import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.media.planes.layout import (
    are_same,
    part_of_frame,
    plane_arrays,
    plane_layout,
    samples,
)


@pytest.mark.parametrize("name", ["rgb24", "gbrp", "nv12", "yuyv422", "gray", "yuva420p", "yuv411p", "pal8"])
def test_only_luma_and_chroma_in_planes_of_their_own_have_a_layout(name: str) -> None:
    assert plane_layout(name) is None


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p10le", "yuv444p12le", "yuv440p"])
def test_a_layout_says_which_samples_a_plane_has(name: str) -> None:
    layout = plane_layout(name)
    assert layout is not None
    frame = av.VideoFrame(16, 8, name)
    assert layout.bits == frame.format.components[0].bits
    for plane, step in zip(plane_arrays(frame, layout), layout.steps, strict=True):
        assert plane.shape == (8 // step[0], 16 // step[1]) and plane.dtype == layout.dtype


def test_full_range_by_its_old_name_is_the_same_layout() -> None:
    assert plane_layout("yuvj422p") == plane_layout("yuv422p") != plane_layout("yuv422p10le")


def test_a_part_of_a_frame_has_its_samples_and_its_colours() -> None:
    frame = av.VideoFrame(16, 12, "yuv420p")
    layout = plane_layout("yuv420p")
    assert layout is not None
    for number, plane in enumerate(plane_arrays(frame, layout)):
        plane[:] = np.arange(plane.size).reshape(plane.shape) % 200 + number
    frame.colorspace, frame.color_range = 1, 2
    part = part_of_frame(frame, layout, Box(6, 4, 14, 8))
    assert (part.width, part.height, int(part.colorspace), int(part.color_range)) == (8, 4, 1, 2)
    for there, here in zip(plane_arrays(frame, layout), plane_arrays(part, layout), strict=True):
        step = 12 // there.shape[0]
        assert np.array_equal(here, there[4 // step : 8 // step, 6 // step : 14 // step])


def test_a_sample_at_an_odd_end_belongs_to_a_boxangle() -> None:
    assert samples(Box(4, 2, 7, 5), (2, 2)) == (slice(1, 3), slice(2, 4))


KINDS = ["yuv420p", "yuv422p10le", "yuva420p", "rgb24", "bgr0", "gbrp", "gbrp16le", "gray"]


@pytest.mark.parametrize("name", KINDS)
def test_frames_are_the_same_where_every_sample_is(name: str) -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 255, (90, 62, 3), dtype=np.uint8)
    changed = picture.copy()
    changed[77, 61] ^= 255
    one, other, third = (
        av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=name)
        for pixels in (picture, picture, changed)
    )
    assert are_same(one, other) and not are_same(one, third)
    assert not are_same(one, av.VideoFrame.from_ndarray(picture[:88], "rgb24").reformat(format=name))


def test_frames_of_two_kinds_are_not_the_same() -> None:
    assert not are_same(av.VideoFrame(8, 8, "yuv420p"), av.VideoFrame(8, 8, "yuvj420p"))
    assert not are_same(av.VideoFrame(8, 8, "nv12"), av.VideoFrame(8, 8, "nv12"))  # aren't looked at
