"""The embedded engine on a stream of frames: order, shots, rest in silence, memory that doesn't grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.crops.patch import paste_patch
from retalk_nodes.retalk_core.engines.embedded import engine as engine_module
from retalk_nodes.retalk_core.engines.embedded.engine import EmbeddedEngine, MouthPlan
from retalk_nodes.retalk_core.faces.canonical import head_poses, measure_mouth
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.mesh import find_mesh, region_of_points
from retalk_nodes.retalk_core.types import FaceTrack, Frame
from scenes import FPS, scenery, talking

COUNT = 18


@pytest.fixture(scope="module")
def faces() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return talking(COUNT)


@pytest.fixture(scope="module")
def track(faces: FaceNetworks, pictures: list[np.ndarray]) -> FaceTrack:
    return track_faces(stream(pictures), faces).track


def stream(pictures: Sequence[np.ndarray]) -> list[Frame]:
    return [Frame(i, Fraction(i, FPS), pixels) for i, pixels in enumerate(pictures)]


def plan_for(rows: Sequence[int], opening: float | np.ndarray, **changed: np.ndarray) -> MouthPlan:
    count = len(rows)
    plan = MouthPlan(
        rows=np.array(rows),
        opening=np.full(count, opening, np.float32),
        width=np.zeros(count, np.float32),
        speaking=np.full(count, bool(np.any(opening))),
        show=np.ones(count, np.float32),
    )
    return replace(plan, **changed)


class Decoder:
    """Lends frames and notes which were asked for."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        self.pictures = pictures
        self.asked: list[list[int]] = []

    def __call__(self, rows: Sequence[int]) -> Iterable[Frame]:
        self.asked.append(list(rows))
        return (Frame(row, Fraction(row, FPS), self.pictures[row]) for row in rows)


def run(track: FaceTrack, plan: MouthPlan, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The output's frames."""
    engine = EmbeddedEngine(track, plan, Decoder(pictures))
    results = []
    for frame, patch in engine.edits(stream(pictures)[row] for row in plan.rows):
        pixels = frame.pixels.copy()
        if patch is not None:
            paste_patch(pixels, patch)
        results.append(pixels)
    return results


def openings(faces: FaceNetworks, track: FaceTrack, results: Sequence[np.ndarray]) -> np.ndarray:
    """How far the mouths are open (T,) in eye distances, looked at anew."""
    meshes = [
        find_mesh(faces.mesh, pixels, region_of_points(mesh.numpy())).points
        for pixels, mesh in zip(results, track.mesh, strict=True)
    ]
    mesh = np.stack(meshes)
    return measure_mouth(head_poses(mesh).to_canonical(mesh))[0]


def cut_after(track: FaceTrack, *frames: int) -> FaceTrack:
    """The same track with cuts behind some frames."""
    shot = torch.zeros(len(track), dtype=torch.int64)
    for frame in frames:
        shot[frame + 1 :] += 1
    return replace(track, shot=shot)


# The mouth


def test_silence_gives_a_shut_and_still_mouth(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    given = openings(faces, track, pictures)
    result = openings(faces, track, run(track, plan_for(range(COUNT), 0.0), pictures))
    assert given.mean() > 0.1 and np.ptp(given) > 0.03
    assert result.max() < 0.4 * given.mean()
    assert result.std() < 0.01 and np.ptp(result) < 0.6 * np.ptp(given)


def test_the_mouth_opens_and_closes_as_planned(
    faces: FaceNetworks, track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    wanted = 0.5 - 0.5 * np.cos(np.arange(COUNT) * 2 * np.pi / 9)
    result = openings(faces, track, run(track, plan_for(range(COUNT), wanted), pictures))
    assert np.corrcoef(result, wanted)[0, 1] > 0.9
    assert np.ptp(result) > 0.06


def test_frames_come_out_in_order_each_once(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    plan = plan_for([0, 1, 2, 1, 0, 5, 5, 17], 0.5)
    frames = stream(pictures)
    out = list(EmbeddedEngine(track, plan, Decoder(pictures)).edits(frames[row] for row in plan.rows))
    assert [frame.index for frame, _ in out] == plan.rows.tolist()
    assert all(frame.pixels is pictures[frame.index] for frame, _ in out)
    assert all(patch is not None for _, patch in out)


def test_the_same_plan_gives_the_same_pixels(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    plan = plan_for(range(COUNT), 0.7)
    for one, other in zip(run(track, plan, pictures), run(track, plan, pictures), strict=True):
        np.testing.assert_array_equal(one, other)


# What is left alone


def test_frames_that_dont_show_the_edit_are_left_alone(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    show = np.ones(COUNT, np.float32)
    show[[0, 1, 7, 8, 9, 17]] = 0
    results = run(track, plan_for(range(COUNT), 1.0, show=show), pictures)
    same = [np.array_equal(*pair) for pair in zip(results, pictures, strict=True)]
    assert same == [share == 0 for share in show]


def test_frames_without_a_face_are_left_alone(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    present = track.present.clone()
    present[[3, 4, 11]] = False
    results = run(replace(track, present=present), plan_for(range(COUNT), 1.0), pictures)
    same = [np.array_equal(*pair) for pair in zip(results, pictures, strict=True)]
    assert same == [not seen for seen in present.tolist()]


def test_a_shot_without_a_face_asks_for_no_frames(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    without = cut_after(track, 8)
    without = replace(without, present=without.shot == 0)
    decoder = Decoder(pictures)
    plan = plan_for(range(COUNT), 1.0)
    out = list(EmbeddedEngine(without, plan, decoder).edits(stream(pictures)))
    assert [patch is None for _, patch in out] == [False] * 9 + [True] * 9
    assert max(row for rows in decoder.asked for row in rows) <= 8


def test_nothing_to_show_asks_for_nothing(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    decoder = Decoder(pictures)
    plan = plan_for(range(COUNT), 1.0, show=np.zeros(COUNT, np.float32))
    out = list(EmbeddedEngine(track, plan, decoder).edits(stream(pictures)))
    assert len(out) == COUNT and all(patch is None for _, patch in out)
    assert decoder.asked == []


# Shots


def test_only_frames_of_one_shot_are_mixed(track: FaceTrack, pictures: list[np.ndarray]) -> None:
    """What is on the other side of a cut doesn't change a pixel on this side."""
    cut = cut_after(track, 8)
    plan = plan_for(range(COUNT), np.linspace(1, 0, COUNT))
    others = [*pictures[:9], *(255 - picture for picture in pictures[9:])]
    for one, other in zip(run(cut, plan, pictures)[:9], run(cut, plan, others)[:9], strict=True):
        np.testing.assert_array_equal(one, other)
    others = [*scenery(9), *pictures[9:]]
    for one, other in zip(run(cut, plan, pictures)[9:], run(cut, plan, others)[9:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_pictures_are_asked_for_within_a_shot_and_in_rising_order(
    track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    cut = cut_after(track, 5, 11)
    decoder = Decoder(pictures)
    list(EmbeddedEngine(cut, plan_for(range(COUNT), 0.5), decoder).edits(stream(pictures)))
    assert len(decoder.asked) == 3
    for rows in decoder.asked:
        assert all(one < other for one, other in pairwise(rows))
        assert len({int(cut.shot[row]) for row in rows}) == 1


def test_going_to_and_fro_across_a_cut_reads_each_shot_once(
    track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    decoder = Decoder(pictures)
    plan = plan_for([*range(COUNT), *range(COUNT - 2, -1, -1), *range(1, COUNT)], 0.5)
    frames = stream(pictures)
    list(EmbeddedEngine(cut_after(track, 8), plan, decoder).edits(frames[row] for row in plan.rows))
    assert len(decoder.asked) == 2


def test_no_shot_keeps_more_pictures_than_its_bank_may_hold(
    track: FaceTrack, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "bank_size", lambda *_, **__: 4)
    decoder = Decoder(pictures)
    list(EmbeddedEngine(track, plan_for(range(COUNT), 0.5), decoder).edits(stream(pictures)))
    assert [len(rows) for rows in decoder.asked] == [4]


def test_a_long_shot_is_planned_in_parts(
    track: FaceTrack, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(range(COUNT), 0.5)
    whole = run(track, plan, pictures)
    monkeypatch.setattr(engine_module, "LONGEST_RUN", 5)
    parts = run(track, plan, pictures)
    assert len(parts) == COUNT
    off = [np.abs(one.astype(int) - other).mean() for one, other in zip(whole, parts, strict=True)]
    assert max(off) < 2  # another picture may be chosen at the seams, no more


def test_frames_are_taken_from_the_stream_only_as_they_are_needed(
    track: FaceTrack, pictures: list[np.ndarray]
) -> None:
    taken = []

    def counted() -> Iterable[Frame]:
        for frame in stream(pictures):
            taken.append(frame.index)
            yield frame

    edits = EmbeddedEngine(track, plan_for(range(COUNT), 0.5), Decoder(pictures)).edits(counted())
    for i, _ in enumerate(edits):
        assert len(taken) == i + 1


@pytest.mark.parametrize("rows", [[0], [17], [4, 4, 4], [0, 1]])
def test_a_clip_of_one_or_two_frames_is_enough(
    track: FaceTrack, pictures: list[np.ndarray], rows: list[int]
) -> None:
    kept = sorted(set(rows))
    short = replace(
        track,
        times=tuple(Fraction(i, FPS) for i in range(len(kept))),
        **{
            name: getattr(track, name)[kept]
            for name in ("boxes", "mesh", "scores", "present", "shot", "weight")
        },
    )
    plan = plan_for([kept.index(row) for row in rows], 1.0)
    results = run(short, plan, [pictures[row] for row in kept])
    assert len(results) == len(rows)
    assert all(not np.array_equal(result, pictures[row]) for result, row in zip(results, rows, strict=True))
