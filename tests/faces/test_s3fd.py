"""Framing by S3FD's boxes, with a stand-in for it: whose box is taken, and what is done without one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.models.faces.s3fd import Level
from retalk_nodes.retalk_core.crops.framing import CHIN_ROOM, frame_faces
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.faces.mesh import oval_boxes
from retalk_nodes.retalk_core.faces.s3fd import STRIDES, FaceBoxes, faces_in, find_boxes
from retalk_nodes.retalk_core.types import FaceTrack, Frame
from scenes import FPS, deepened, drawn_mesh, drawn_track
from standins import S3FDStandIn, Sighting
from torch import Tensor, nn

SIZE = (120, 200)
WIDER = np.array([-0.1, 0.2, 0.15, -0.05])  # how a detector's box differs from the track's, in its sizes


def walking(count: int) -> FaceTrack:
    return drawn_track([drawn_mesh(24, (60 + 2 * i, 50)) for i in range(count)], SIZE)


def seen_by_detector(track: FaceTrack, by: np.ndarray = WIDER) -> np.ndarray:
    near = oval_boxes(track)
    return near + by * np.tile(near[:, 2:] - near[:, :2], 2)


def found(track: FaceTrack, *sightings: Sequence[Sighting]) -> FaceBoxes:
    black = np.zeros((*SIZE, 3), np.uint8)
    frames = [Frame(i, Fraction(i, FPS), black) for i in range(len(track))]
    return find_boxes(frames, track, S3FDStandIn(*sightings))


def test_of_two_people_the_one_who_is_followed_counts() -> None:
    track = walking(4)
    boxes = seen_by_detector(track)
    other = (130, 20, 175, 75)
    result = found(track, *[[(9.0, other), (1.0, box)] for box in boxes])
    np.testing.assert_allclose(result.boxes, boxes, atol=1e-3)
    assert not result.inferred.any()


def test_of_several_boxes_of_one_face_the_surest_counts() -> None:
    track = walking(1)
    box = seen_by_detector(track)[0]
    result = found(track, [(2.0, oval_boxes(track)[0]), (3.0, box)])
    np.testing.assert_allclose(result.boxes[0], box, atol=1e-3)


@pytest.mark.parametrize("kind", ["unsure", "elsewhere", "nothing"])
def test_where_the_face_is_not_seen_its_box_lies_as_in_the_rest_of_the_shot(kind: str) -> None:
    track = replace(walking(9), shot=torch.tensor([0] * 6 + [1] * 3))
    low, high = seen_by_detector(track), seen_by_detector(track, -WIDER)
    missed: dict[str, list[Sighting]] = {
        "unsure": [(-0.1, low[2])],
        "elsewhere": [(5.0, (150, 20, 190, 70))],
        "nothing": [],
    }
    sightings = [[(2.0, box)] for box in [*low[:6], *high[6:]]]
    sightings[2] = sightings[7] = missed[kind]
    result = found(track, *sightings)
    np.testing.assert_allclose(result.boxes, [*low[:6], *high[6:]], atol=1e-3)
    assert np.flatnonzero(result.inferred).tolist() == [2, 7]


def test_one_odd_sighting_does_not_count_where_others_are_missing() -> None:
    track = walking(6)
    usual, odd = seen_by_detector(track), seen_by_detector(track, 2 * WIDER)
    result = found(track, *[[(2.0, box)] for box in (usual[0], odd[1], usual[2], usual[3])], [])
    np.testing.assert_allclose(result.boxes[4:], usual[4:], atol=1e-3)


def test_a_shot_without_sightings_goes_by_the_rest_of_the_clip() -> None:
    track = replace(walking(6), shot=torch.tensor([0, 0, 0, 1, 1, 1]))
    boxes = seen_by_detector(track)
    result = found(track, *[[(2.0, box)] for box in boxes[:3]], [])
    np.testing.assert_allclose(result.boxes, boxes, atol=1e-3)


def test_a_clip_without_sightings_is_framed_by_the_track() -> None:
    track = walking(5)
    result = found(track, [])
    assert result.inferred.all()
    framed, plain = frame_faces(track, "face", boxes=result.boxes), frame_faces(track, "face")
    assert torch.equal(framed.frame_to_crop, plain.frame_to_crop)


def test_whole_frames_are_looked_at_once_as_rgb_where_the_face_was_followed() -> None:
    track = walking(4)
    track = replace(track, present=torch.tensor([True, False, True, True]))
    pictures = [np.full((*SIZE, 3), (10 * i, 20, 200), np.uint8) for i in range(4)]
    frames = [Frame(i, Fraction(i, FPS), pixels) for i, pixels in enumerate(deepened(pictures))]
    network, told = S3FDStandIn([]), []
    result = find_boxes(frames, track, network, lambda done, total: told.append((done, total)))
    (seen,) = network.inputs
    wanted = np.stack([pictures[row] for row in (0, 2, 3)]).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(seen, wanted, atol=1.01)  # of 16 bit, the upper eight
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert result.inferred.tolist() == [True, False, True, True]


def test_a_frame_too_large_for_the_memory_is_told_in_words() -> None:
    class Large(nn.Module):
        def forward(self, picture: Tensor) -> Tensor:
            raise MemoryError

    frame = Frame(0, Fraction(0), np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(OptionError, match=r"one of 200x120 is more than fits into memory"):
        find_boxes([frame], walking(1), Large())


def test_the_face_is_cut_by_the_boxes_with_room_below_and_nothing_else_is() -> None:
    track = walking(3)
    boxes = seen_by_detector(track)
    affine = frame_faces(track, "face", boxes=boxes, smooth=False).frame_to_crop.double().numpy()
    size = boxes[:, 2:] - boxes[:, :2]
    size[:, 1] *= 1 + CHIN_ROOM
    np.testing.assert_allclose(affine[:, [0, 1], [0, 1]], 1 / size, rtol=1e-5)
    np.testing.assert_allclose(affine[:, :, 2], -boxes[:, :2] / size, rtol=1e-4)
    for framing in ("portrait", "ffhq", "gpen", "mouth"):
        plain = frame_faces(track, framing).frame_to_crop
        assert torch.equal(frame_faces(track, framing, boxes=boxes).frame_to_crop, plain)


def test_the_boxes_are_smoothed_but_not_across_a_cut() -> None:
    track = replace(walking(40), shot=torch.tensor([0] * 20 + [1] * 20))
    trembling = seen_by_detector(track) + np.random.default_rng(0).normal(0, 1, (40, 1))
    trembling[20:] += 5
    calm, raw = (
        frame_faces(track, "face", boxes=trembling, smooth=smooth).frame_to_crop[:, 0, 2].diff()
        for smooth in (True, False)
    )
    assert calm[:19].std() < 0.5 * raw[:19].std()
    alone = replace(
        track,
        times=track.times[:20],
        **{name: getattr(track, name)[:20] for name in ("mesh", "present", "shot", "weight")},
    )
    first = frame_faces(alone, "face", boxes=trembling[:20]).frame_to_crop
    assert torch.equal(frame_faces(track, "face", boxes=trembling).frame_to_crop[:20], first)


# What the network says


def empty_levels(height: int, width: int) -> list[Level]:
    """Readings that see no face anywhere."""
    sizes = [(max(1, height // stride), max(1, width // stride)) for stride in STRIDES]
    scores = (torch.tensor([4.0, -4.0]).view(1, 2, 1, 1).repeat(2, 1, *size) for size in sizes)
    return [Level(score, torch.zeros(2, 4, *size)) for score, size in zip(scores, sizes, strict=True)]


def test_boxes_are_decoded_from_their_anchors_and_the_surest_comes_first() -> None:
    levels = empty_levels(256, 320)
    levels[1].scores[0, 1, 5, 9] = 5.0
    levels[3].scores[0, 1, 2, 7] = 9.0
    levels[3].boxes[0, :, 2, 7] = torch.tensor([1.0, -0.5, 0.0, 5 * math.log(2)])

    found, nothing = faces_in(levels)

    # The anchor: 128 pixels wide, its centre at (7.5, 2.5) strides of 32.
    x, y = 7.5 * 32 + 0.1 * 128, 2.5 * 32 - 0.05 * 128
    np.testing.assert_allclose(found.boxes[0], [x - 64, y - 128, x + 64, y + 128], atol=1e-3)
    np.testing.assert_allclose(found.boxes[1], [60, 28, 92, 60], atol=1e-3)  # 32 pixels around (76, 44)
    assert found.scores[0] > 0.99 and 0.7 < found.scores[1] < 0.8
    assert nothing.boxes.shape == (0, 4)


def test_of_boxes_that_overlap_only_the_surest_stays() -> None:
    levels = empty_levels(256, 320)
    for column, score in ((2, 5.0), (3, 7.0), (5, 6.0), (6, 4.5), (8, 3.5)):  # each 128 wide, 32 to the next
        levels[3].scores[0, 1, 4, column] = score  # 4 says that it is no face

    found, _ = faces_in(levels)

    assert found.boxes[:, 0].tolist() == [48, 144]  # column 3, and 6, which shares a seventh with it
