from collections.abc import Sequence

import numpy as np
import pytest
from planar import noisy_frame, stored_picture
from retalk_nodes.retalk_core.boxes import Box, full_box
from retalk_nodes.retalk_core.media.color import ColorTags, YuvConverter
from retalk_nodes.retalk_core.media.fields import Interlacing
from retalk_nodes.retalk_core.media.planes.edited import EditedPicture
from retalk_nodes.retalk_core.media.planes.kept import PlaneKeeper, WantedPlanes
from retalk_nodes.retalk_core.media.planes.layout import plane_arrays, plane_layout
from retalk_nodes.retalk_core.media.planes.stored import StoredPicture
from retalk_nodes.retalk_core.media.planes.turn import Turn
from retalk_nodes.retalk_core.types import Pixels
from videos import BT601, BT709, FULL601

BT2020 = ColorTags(9, 16, 9, False)
SIZE = (300, 404)
CASES = [
    ("yuv420p", BT709),
    ("yuv420p", BT601),
    ("yuv420p", FULL601),
    ("yuv422p10le", BT709),
    ("yuv444p", BT709),
    ("yuv420p10le", BT2020),
]


def planes_of(
    picture: Pixels, name: str, color: ColorTags, size: tuple[int, int], interlacing: Interlacing = "none"
) -> list[np.ndarray] | None:
    layout = plane_layout(name)
    assert layout is not None
    frame = PlaneKeeper(WantedPlanes(size, color, layout.bits, name, interlacing))(picture)
    return None if frame is None else plane_arrays(frame, layout)


def edited(picture: StoredPicture, corner: tuple[int, int] = (101, 57)) -> EditedPicture:
    """The picture with a disc in it that has other colours."""
    height, width = 93, 118
    y, x = np.mgrid[:height, :width]
    support = ((y - 46) / 46) ** 2 + ((x - 58) / 58) ** 2 < 1
    top, left = corner
    box = Box(left, top, left + width, top + height).shared(full_box(picture.shape[:2]))
    part = picture[box.slices]
    support = support[: part.shape[0], : part.shape[1]]
    return EditedPicture(picture, box, part[..., ::-1] // 2 + part // 2, support)


def by_rgb(
    picture: Pixels, name: str, color: ColorTags, interlacing: Interlacing = "none"
) -> Sequence[np.ndarray]:
    layout = plane_layout(name)
    assert layout is not None
    size = picture.shape[:2]
    return plane_arrays(YuvConverter(size, color, layout.bits, name, interlacing)(picture[:, :]), layout)


def spread(support: np.ndarray, step: tuple[int, int], rows: int) -> np.ndarray:
    """Which samples of a plane pixels have a part in, where so many rows go together."""
    height, width = support.shape
    blocks = support.reshape(height // rows, rows, width // step[1], step[1]).any(axis=(1, 3))
    return blocks.repeat(rows // step[0], axis=0)


@pytest.mark.parametrize("corner", [(101, 57), (0, 0), (207, 286)])
@pytest.mark.parametrize("interlacing", ["none", "top"])
@pytest.mark.parametrize(("name", "color"), CASES)
def test_samples_outside_an_edit_are_the_decoders_and_inside_as_by_rgb(
    name: str, color: ColorTags, interlacing: Interlacing, corner: tuple[int, int]
) -> None:
    frame = noisy_frame(SIZE, name)
    picture = edited(stored_picture(frame, color, interlaced=interlacing != "none"), corner)
    found = planes_of(picture, name, color, SIZE, interlacing)
    layout = plane_layout(name)
    assert found is not None and layout is not None
    support = np.zeros(SIZE, bool)
    support[picture.box.slices] = picture.support
    wanted = by_rgb(picture, name, color, interlacing)
    unit = layout.unit(interlaced=interlacing != "none")
    for place, (samples, own, other) in enumerate(
        zip(found, plane_arrays(frame, layout), wanted, strict=True)
    ):
        changed = support if place == 0 else spread(support, layout.steps[place], unit[0])
        assert np.array_equal(samples[~changed], own[~changed])
        assert np.abs(samples[changed].astype(int) - other[changed]).max() <= 1
        assert np.abs(samples[changed].astype(int) - own[changed]).max() > 10


@pytest.mark.parametrize(
    ("stored_as", "color"),
    [("yuv420p", BT709), ("yuvj420p", FULL601)],  # the latter is full range by its old name
)
def test_a_picture_that_wasnt_edited_is_the_decoders(stored_as: str, color: ColorTags) -> None:
    frame = noisy_frame(SIZE, stored_as)
    found = planes_of(stored_picture(frame, color), "yuv420p", color, SIZE)
    layout = plane_layout(stored_as)
    assert found is not None and layout is not None
    assert all(map(np.array_equal, found, plane_arrays(frame, layout)))


@pytest.mark.parametrize(("size", "padded"), [((301, 404), (302, 404)), ((299, 403), (300, 404))])
def test_the_last_samples_of_odd_sides_are_repeated(size: tuple[int, int], padded: tuple[int, int]) -> None:
    frame = noisy_frame(size, "yuv420p")
    picture = edited(stored_picture(frame, BT709), (size[0] - 60, size[1] - 70))
    found = planes_of(picture, "yuv420p", BT709, padded)
    layout = plane_layout("yuv420p")
    assert found is not None and layout is not None
    own = plane_arrays(frame, layout)
    assert found[0].shape == padded and found[1].shape == own[1].shape
    assert np.array_equal(found[0][:200, :300], own[0][:200, :300])
    assert np.array_equal(found[1][:100, :150], own[1][:100, :150])
    if padded[1] > size[1]:
        assert np.array_equal(found[0][:200, -1], own[0][:200, -1])
    whole = np.pad(picture[:, :], ((0, padded[0] - size[0]), (0, padded[1] - size[1]), (0, 0)), "edge")
    wanted = by_rgb(whole, "yuv420p", BT709)
    inside = np.zeros(size, bool)
    inside[picture.box.slices] = picture.support[: size[0], : size[1]]
    difference = found[0][: size[0], : size[1]].astype(int) - wanted[0][: size[0], : size[1]]
    assert inside.any() and np.abs(difference[inside]).max() <= 1


@pytest.mark.parametrize("turn", [Turn(True, True, False), Turn(True, False, True), Turn(False, True, True)])
def test_samples_of_a_turned_picture_are_turned(turn: Turn) -> None:
    frame = noisy_frame(SIZE, "yuv420p")
    picture = edited(stored_picture(frame, BT709, turn=turn))
    size = turn.stored(SIZE)
    found = planes_of(picture, "yuv420p", BT709, size)
    layout = plane_layout("yuv420p")
    assert found is not None and layout is not None
    support = np.zeros(size, bool)
    support[picture.box.slices] = picture.support
    for samples, own, wanted, changed in zip(
        found,
        plane_arrays(frame, layout),
        by_rgb(picture, "yuv420p", BT709),
        (support, *[spread(support, (2, 2), 2)] * 2),
        strict=True,
    ):
        assert np.array_equal(samples[~changed], turn.apply(own)[~changed])
        assert np.abs(samples[changed].astype(int) - wanted[changed]).max() <= 1


def test_a_picture_that_isnt_stored_as_wanted_goes_by_rgb() -> None:
    frame = noisy_frame(SIZE, "yuv420p")
    stored = stored_picture(frame, BT709)
    assert planes_of(stored, "yuv420p", BT709, SIZE) is not None
    assert planes_of(stored[:, :], "yuv420p", BT709, SIZE) is None  # pixels in memory
    in_memory = EditedPicture(stored[:, :], Box(0, 0, 4, 4), stored[:4, :4], np.ones((4, 4), bool))
    assert planes_of(in_memory, "yuv420p", BT709, SIZE) is None
    assert planes_of(stored, "yuv422p", BT709, SIZE) is None
    assert planes_of(stored, "yuv420p10le", BT709, SIZE) is None
    assert planes_of(stored, "yuv420p", BT601, SIZE) is None  # the matrix
    assert planes_of(stored, "yuv420p", ColorTags(1, 1, 1, True), SIZE) is None  # the range
    turned = stored_picture(noisy_frame(SIZE, "yuv422p"), BT709, turn=Turn(True, True, False))
    assert planes_of(turned, "yuv422p", BT709, SIZE[::-1]) is None  # chroma would lie across
    odd = stored_picture(noisy_frame((301, 404), "yuv420p"), BT709, turn=Turn(False, True, True))
    assert planes_of(odd, "yuv420p", BT709, (302, 404)) is None  # chroma would lie beside
    scaled = stored_picture(noisy_frame((150, 202), "yuv420p"), BT709, size=SIZE)
    assert planes_of(scaled, "yuv420p", BT709, SIZE) is None
