"""Changing a track by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.faces.edits import (
    fade,
    interpolate,
    part_of_track,
    place_by_mask,
    skip,
    tracked_face,
    whole_track,
)
from retalk_nodes.retalk_core.faces.mesh import face_box
from retalk_nodes.retalk_core.times import parse_ranges
from retalk_nodes.retalk_core.types import FaceTrack
from scenes import drawn_mesh, drawn_track


@pytest.fixture
def track() -> FaceTrack:
    """Ten frames at 25 a second; the face moves 2 pixels to the right in each, and is lost in three."""
    track = drawn_track([drawn_mesh(30, (60 + 2 * i, 70)) for i in range(10)])
    present = torch.ones(10, dtype=torch.bool)
    present[4:7] = False
    mesh = track.mesh.clone()
    mesh[4:7] = mesh[3]
    return replace(track, present=present, mesh=mesh, weight=present.float())


def test_skipped_frames_show_no_edit_and_the_others_do(track: FaceTrack) -> None:
    edited = skip(track, parse_ranges("0.04-0.12"))
    assert edited.weight.tolist() == [1, 0, 0, 1, 0, 0, 0, 1, 1, 1]
    assert track.weight[1] == 1  # what was given is never written to


def test_a_strength_multiplies_what_was_there(track: FaceTrack) -> None:
    halved = fade(fade(track, (), 0.5), parse_ranges("0-0.04"), 0.5)
    assert halved.weight.tolist()[:4] == [0.25, 0.5, 0.5, 0.5]
    with pytest.raises(OptionError, match="from 0 to 1"):
        fade(track, (), 1.5)


def test_a_bridged_stretch_runs_straight_from_side_to_side(track: FaceTrack) -> None:
    bridged = interpolate(track, parse_ranges("0.16-0.28"))
    assert bridged.present.all() and (bridged.weight == 1).all()
    np.testing.assert_allclose(
        bridged.mesh[4:7].numpy(), [drawn_mesh(30, (60 + 2 * i, 70)) for i in (4, 5, 6)], atol=1e-3
    )
    assert bridged.boxes[5].tolist() == pytest.approx(face_box(bridged.mesh[5].numpy()).tolist())


def test_a_bridge_doesnt_cross_a_cut(track: FaceTrack) -> None:
    cut = replace(track, shot=(torch.arange(10) >= 7).long())
    bridged = interpolate(cut, parse_ranges("0.16-0.28"))
    torch.testing.assert_close(bridged.mesh[6], track.mesh[3])
    lonely = replace(track, shot=torch.tensor([0] * 4 + [1] * 3 + [2] * 3))
    with pytest.raises(OptionError, match="no frame beside the range"):
        interpolate(lonely, parse_ranges("0.16-0.28"))


def test_a_face_is_placed_into_a_masks_box(track: FaceTrack) -> None:
    mask = torch.zeros(1, 80, 80)  # half the frame's size
    mask[:, 20:50, 10:40] = 1
    placed = place_by_mask(track, parse_ranges("0.2-0.22"), mask)
    left, top, right, bottom = placed.boxes[5].tolist()
    assert (top, bottom) == pytest.approx((40, 100), abs=0.01)
    assert (left + right) / 2 == pytest.approx(50, abs=0.01)
    assert placed.present.tolist() == [True] * 4 + [False, True, False] + [True] * 3
    assert placed.weight[5] == 1 and torch.equal(placed.mesh[4], track.mesh[4])


def test_masks_that_dont_fit_are_refused_in_words(track: FaceTrack) -> None:
    with pytest.raises(OptionError, match="3 pictures, but the track has 10 frames"):
        place_by_mask(track, (), torch.ones(3, 8, 8))
    with pytest.raises(OptionError, match="empty"):
        place_by_mask(track, (), torch.zeros(1, 8, 8))


def test_ranges_beyond_the_track_are_refused_in_words(track: FaceTrack) -> None:
    with pytest.raises(OptionError, match=r"No frame is in 0:00:05\.000 to 0:00:06\.000"):
        skip(track, parse_ranges("5-6"))


def test_a_part_of_a_track_begins_at_zero(track: FaceTrack) -> None:
    part = part_of_track(track, slice(3, 8))
    assert part.times[0] == 0 and part.times[4] == Fraction(4, 25) and len(part) == 5
    assert torch.equal(part.mesh, track.mesh[3:8]) and part.present.tolist() == [True, *[False] * 3, True]


def test_a_track_that_came_alone_says_why_nothing_shows(track: FaceTrack) -> None:
    told = tracked_face(skip(track, parse_ranges("0-0.04")))
    assert told.reasons[:5] == ("turned away", "", "", "", "no face")
    assert told.faces_seen.tolist() == track.present.tolist() and not told.cuts
    assert tracked_face(interpolate(track, parse_ranges("0.16-0.28"))).filled.tolist()[3:8] == [
        False, True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("least", [0, 1 << 30], ids=["on disk", "in memory"])
def test_a_track_of_some_frames_is_told_among_all_of_the_clips(
    track: FaceTrack, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    for module in ("compute.aside", "faces.edits"):
        monkeypatch.setattr(f"retalk_nodes.retalk_core.{module}.LEAST", least)
    times = [Fraction(i, 25) for i in range(14)]
    told = whole_track(track, times, 3)
    assert told.times == tuple(times)
    assert torch.equal(told.mesh[3:13], track.mesh) and torch.equal(told.boxes[3:13], track.boxes)
    assert torch.equal(told.mesh[0], track.mesh[0]) and torch.equal(told.mesh[13], track.mesh[9])
    assert told.present.tolist() == [False] * 3 + track.present.tolist() + [False]
    assert told.weight[[0, 13]].tolist() == [0, 0] and told.scores[[0, 13]].tolist() == [0, 0]


def test_a_track_of_the_whole_clip_is_told_without_a_copy_of_its_mesh(track: FaceTrack) -> None:
    assert whole_track(track, track.times, 0).mesh.data_ptr() == track.mesh.data_ptr()
