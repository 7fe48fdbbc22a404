"""Framing: each network finds the face where it expects it, whatever the track went through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.crops.framing import (
    CHIN_ROOM,
    FFHQ_POINTS,
    GPEN_POINTS,
    SIDES,
    fit_similarity,
    frame_faces,
    portrait_boxes,
)
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.faces.canonical import LIP_PAIRS
from retalk_nodes.retalk_core.faces.mesh import five_points, quarter_turn
from retalk_nodes.retalk_core.types import FaceCrops, FaceTrack
from scenes import drawn_mesh, drawn_track

FRAME = (400, 600)
Recording = Callable[[str], dict[str, np.ndarray]]


def faces_at(
    places: list[tuple[float, float]], size: float = 60.0, frame: tuple[int, int] = FRAME
) -> FaceTrack:
    return drawn_track([drawn_mesh(size, place) for place in places], frame)


def absent(track: FaceTrack, *rows: int) -> FaceTrack:
    """The track without a face in some rows, whose meshes are zeros."""
    present, mesh = track.present.clone(), track.mesh.clone()
    present[list(rows)], mesh[list(rows)] = False, 0
    return replace(track, present=present, mesh=mesh)


def in_shots(track: FaceTrack, *lengths: int) -> FaceTrack:
    shot = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    return replace(track, shot=shot)


def boxes_of(crops: FaceCrops) -> np.ndarray:
    """The boxes (T, 4) that upright crops are cut from."""
    affine = crops.frame_to_crop.double().numpy()
    assert not affine[:, [0, 1], [1, 0]].any()
    size = 1 / affine[:, [0, 1], [0, 1]]
    return np.concatenate([-affine[:, :, 2] * size, (1 - affine[:, :, 2]) * size], axis=1)


def placed(crops: FaceCrops, points: np.ndarray, side: int) -> np.ndarray:
    """Points (T, n, 2) of frames in the pixels of their crops."""
    affine = crops.frame_to_crop.double().numpy()
    return side * (points @ affine[:, :, :2].swapaxes(1, 2) + affine[:, None, :, 2])


def swaying(count: int, reach: float = 40.0) -> list[tuple[float, float]]:
    return [(300 + reach * np.sin(i / 4), 180 + reach / 4 * np.cos(i / 5)) for i in range(count)]


# Rows without a face


@pytest.mark.parametrize("framing", SIDES)
def test_a_frame_without_a_face_has_the_crop_of_the_nearest_in_its_shot(framing: str) -> None:
    whole = in_shots(faces_at([(100 + 40 * i, 150 + 5 * i) for i in range(10)]), 5, 5)
    crops = frame_faces(absent(whole, 0, 1, 4, 7, 9), framing)
    assert torch.isfinite(crops.frame_to_crop).all()
    for row, nearest in {0: 2, 1: 2, 4: 3, 7: 6, 9: 8}.items():
        torch.testing.assert_close(crops.frame_to_crop[row], crops.frame_to_crop[nearest], rtol=0, atol=0)
    assert crops.present.tolist() == [row not in (0, 1, 4, 7, 9) for row in range(10)]


@pytest.mark.parametrize("framing", SIDES)
def test_a_shot_without_a_face_has_the_middle_of_the_frame(framing: str) -> None:
    track = in_shots(absent(faces_at([(300, 180)] * 6), 2, 3), 2, 2, 2)
    np.testing.assert_allclose(boxes_of(_part(frame_faces(track, framing), 2, 4)), [(100, 0, 500, 400)] * 2)
    nobody = absent(faces_at([(300, 180)] * 3), 0, 1, 2)
    np.testing.assert_allclose(boxes_of(frame_faces(nobody, framing)), [(100, 0, 500, 400)] * 3)


def _part(crops: FaceCrops, start: int, stop: int) -> FaceCrops:
    return replace(crops, frame_to_crop=crops.frame_to_crop[start:stop])


def test_crops_carry_what_the_track_says_of_each_frame() -> None:
    track = replace(absent(faces_at([(300, 180)] * 3), 1), weight=torch.tensor([0.5, 0.0, 1.0]))
    crops = frame_faces(track, "face")
    assert crops.framing == "face" and crops.frame_size == FRAME and len(crops) == 3
    assert crops.weight.tolist() == [0.5, 0.0, 1.0] and crops.present.tolist() == [True, False, True]


def test_a_framing_that_does_not_exist_is_refused_in_words() -> None:
    with pytest.raises(OptionError, match="no framing 'ear'; there are portrait, face, ffhq, gpen, mouth"):
        frame_faces(faces_at([(300, 180)]), "ear")


# Portrait


@pytest.mark.parametrize("case", range(6))
def test_a_portrait_is_cut_where_the_original_cut_it(recording: Recording, case: int) -> None:
    recorded = recording("ffhq_crop")
    box = portrait_boxes(recorded[f"lm_{case}"][None] + 0.5)[0]  # dlib counts pixels from their centres
    width, height = recorded[f"frame_wh_{case}"]
    top, bottom, left, right = recorded[f"box_oy1_oy2_ox1_ox2_{case}"]
    inside = (box[:2] >= 0).all() and (box[2:] <= (width, height)).all()
    if inside:
        assert np.floor(box).tolist() == [left, top, right, bottom]
    else:
        assert case in (2, 3, 4, 5)
        # The original clamps, in case 2 the bottom by the width, and misses the face in case 4.
        kept = np.floor(box.clip(0, [width, height, width, height]))
        assert case == 4 or (kept[:3] == (left, top, right)).all()
        assert case in (2, 4) or kept[3] == bottom


def test_a_portrait_stays_where_it_is_and_holds_the_face_throughout_its_shot() -> None:
    track = faces_at(swaying(40))
    boxes = boxes_of(frame_faces(track, "portrait"))
    assert (boxes == boxes[0]).all()
    squares = portrait_boxes(track.landmarks.numpy())
    wanted = np.concatenate([squares[:, :2].min(axis=0), squares[:, 2:].max(axis=0)])
    side = (wanted[2:] - wanted[:2]).max()
    assert boxes[0, 2] - boxes[0, 0] == pytest.approx(boxes[0, 3] - boxes[0, 1], rel=1e-5)
    assert 0.94 * side < boxes[0, 2] - boxes[0, 0] <= side  # a turning point counts for as long as it lasts
    np.testing.assert_allclose(boxes[0, [0, 2]], wanted[[0, 2]], atol=0.03 * side)


def test_each_shot_has_a_portrait_of_its_own() -> None:
    track = in_shots(faces_at([(150, 150)] * 4 + [(450, 200)] * 4), 4, 4)
    apart = boxes_of(frame_faces(track, "portrait"))
    assert (apart[:4] == apart[0]).all() and (apart[4:] == apart[4]).all()
    alone = boxes_of(frame_faces(faces_at([(450, 200)] * 4), "portrait"))
    np.testing.assert_array_equal(apart[4:], alone)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 30])
def test_short_shots_have_portraits_that_hold_the_face(count: int) -> None:
    track = faces_at([(290 + 6 * (i % 2), 180) for i in range(count)])
    oval, box = track.boxes.numpy(), boxes_of(frame_faces(track, "portrait"))[0]
    assert (box[:2] < oval[:, :2].min(axis=0)).all() and (box[2:] > oval[:, 2:].max(axis=0)).all()


@pytest.mark.parametrize("first", [0, 12, 27])
def test_a_mesh_gone_astray_for_a_moment_does_not_ruin_the_portrait(first: int) -> None:
    steady = swaying(30)
    astray = [place if not first <= i < first + 3 else (60, 330) for i, place in enumerate(steady)]
    good, bad = (boxes_of(frame_faces(faces_at(places), "portrait"))[0] for places in (steady, astray))
    np.testing.assert_allclose(bad, good, atol=6)


def test_a_head_that_goes_elsewhere_and_stays_is_in_the_portrait() -> None:
    places = [(150.0, 180.0)] * 20 + [(450.0, 180.0)] * 8
    box = boxes_of(frame_faces(faces_at(places), "portrait"))[0]
    assert box[0] < 90 and box[2] > 510


@pytest.mark.parametrize(
    ("frame", "place", "size"),
    [
        ((400, 600), (20, 20), 60),  # the face leaves the frame at the corner
        ((400, 600), (590, 390), 60),
        ((400, 600), (-30, 200), 60),  # more than half of it is outside
        ((900, 300), (150, 700), 90),  # wider than the frame
        ((200, 700), (350, 100), 90),  # higher than the frame
        ((120, 100), (50, 60), 90),  # larger than the frame
    ],
)
def test_a_portrait_stays_in_the_frame_and_square_where_it_fits(
    frame: tuple[int, int], place: tuple[float, float], size: float
) -> None:
    track = faces_at([place], size, frame)
    left, top, right, bottom = boxes_of(frame_faces(track, "portrait"))[0].round(3)
    side = float(np.ptp(portrait_boxes(track.landmarks.numpy())[0][[0, 2]]))
    assert left >= 0 and top >= 0 and right <= frame[1] and bottom <= frame[0]
    assert right - left == pytest.approx(min(side, frame[1]), abs=0.01)
    assert bottom - top == pytest.approx(min(side, frame[0]), abs=0.01)


# Face


def test_a_face_is_framed_by_its_oval_and_some_room_below_the_chin() -> None:
    track = faces_at([(300, 180)] * 3)
    left, top, right, bottom = track.boxes[0].tolist()
    wanted = (left, top, right, bottom + CHIN_ROOM * (bottom - top))
    np.testing.assert_allclose(boxes_of(frame_faces(track, "face"))[1], wanted, atol=1e-3)


@pytest.mark.parametrize("framing", ["face", "mouth"])
def test_even_motion_is_followed_without_lag_up_to_the_ends(framing: str) -> None:
    track = faces_at([(150 + 9 * i, 180 + 2 * i) for i in range(25)])
    boxes = boxes_of(frame_faces(track, framing))
    np.testing.assert_allclose(boxes - boxes[:1], np.arange(25)[:, None] * (9, 2, 9, 2), atol=0.01)


@pytest.mark.parametrize("framing", ["face", "mouth"])
@pytest.mark.parametrize("rate", [25, 60])
def test_trembling_is_calmed_over_the_same_time_at_any_rate(framing: str, rate: int) -> None:
    noise = np.random.default_rng(0).normal(0, 3, (4 * rate, 2))
    track = faces_at([(300 + x, 180 + y) for x, y in noise])
    track = replace(track, times=tuple(Fraction(i, rate) for i in range(4 * rate)))
    wanted = np.sqrt(1 / (2 * np.sqrt(np.pi) * 0.06 * rate))  # what a Gaussian leaves of white noise
    left = boxes_of(frame_faces(track, framing))[:, 0].std() / noise[:, 0].std()
    assert left == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize("framing", ["face", "mouth"])
@pytest.mark.parametrize("kind", ["cut", "gap", "jump"])
def test_smoothing_stops_at_cuts_gaps_and_jumps(framing: str, kind: str) -> None:
    far = 400.0 if kind == "jump" else 230.0
    places = [(200.0, 180.0)] * 8 + [(far, 200.0)] * 8
    track = faces_at(places)
    if kind == "cut":
        track = in_shots(track, 8, 8)
    if kind == "gap":
        track = absent(faces_at([*places[:8], (0.0, 0.0), *places[8:]]), 8)
    boxes = boxes_of(frame_faces(track, framing))
    np.testing.assert_allclose(boxes[:8], np.repeat(boxes[:1], 8, axis=0), atol=1e-3)
    np.testing.assert_allclose(boxes[-8:], np.repeat(boxes[-1:], 8, axis=0), atol=1e-3)
    assert boxes[-1, 0] - boxes[0, 0] == pytest.approx(far - 200, abs=0.01)


@pytest.mark.parametrize("framing", ["face", "mouth"])
def test_smoothing_can_be_left_out(framing: str) -> None:
    noise = np.random.default_rng(0).normal(0, 3, (9, 2))
    track = faces_at([(300 + x, 180 + y) for x, y in noise])
    raw = boxes_of(frame_faces(track, framing, smooth=False))
    np.testing.assert_allclose(raw[:, :2] - raw[0, :2], noise - noise[0], atol=0.01)
    assert np.abs(boxes_of(frame_faces(track, framing)) - raw).max() > 1


@pytest.mark.parametrize("place", [(5, 180), (590, 180), (300, 10), (300, 330), (20, 10)])
def test_a_face_at_the_edge_is_clamped_to_the_frame(place: tuple[float, float]) -> None:
    track = faces_at([place])
    left, top, right, bottom = boxes_of(frame_faces(track, "face"))[0].round(3)
    own = track.boxes[0].numpy()
    room = CHIN_ROOM * (own[3] - own[1])
    wanted = np.array([own[0], own[1], own[2], own[3] + room]).clip(0, [600, 400, 600, 400])
    np.testing.assert_allclose((left, top, right, bottom), wanted, atol=0.01)


@pytest.mark.parametrize("place", [(-60, 180), (700, 180), (300, -90), (300, 480), (-500, -500)])
def test_a_face_outside_the_frame_keeps_half_its_box(place: tuple[float, float]) -> None:
    track = faces_at([place])
    own, box = track.boxes[0].numpy(), boxes_of(frame_faces(track, "face"))[0]
    size, kept = own[2:] - own[:2], box[2:] - box[:2]
    assert (kept >= 0.5 * size - 0.01).all() and (kept <= 1.1 * size).all()


# Five points


@pytest.mark.parametrize(("framing", "template"), [("ffhq", FFHQ_POINTS), ("gpen", GPEN_POINTS)])
def test_eyes_nose_and_mouth_come_to_lie_on_the_template(framing: str, template: np.ndarray) -> None:
    rolls = [(0, 0, roll) for roll in (0, 25, -60, 170)]
    track = drawn_track([drawn_mesh(50 + 9 * i, (300, 200), roll) for i, roll in enumerate(rolls)], FRAME)
    points = placed(frame_faces(track, framing), five_points(track.landmarks.double().numpy()), 512)
    np.testing.assert_allclose(points, np.repeat(points[:1], 4, axis=0), atol=0.05)  # however it is turned
    off = np.linalg.norm(points[0] - template - 0.5, axis=1)
    assert off.max() < 25 and np.linalg.norm((points[0] - template - 0.5).mean(axis=0)) < 1e-2


def test_a_similarity_is_the_best_fit() -> None:
    generator = np.random.default_rng(1)
    points, template = generator.normal(0, 60, (3, 5, 2)), generator.normal(0, 1, (5, 2))
    fitted = fit_similarity(points, template)

    def error(affine: np.ndarray, row: int) -> float:
        return float(((points[row] @ affine[:, :2].T + affine[:, 2] - template) ** 2).sum())

    for row, affine in enumerate(fitted):
        assert affine[0, 0] == affine[1, 1] and affine[0, 1] == -affine[1, 0]
        for change in np.eye(4) * 1e-3:
            turned = [[change[0], -change[1], change[2]], [change[1], change[0], change[3]]]
            assert error(affine + turned, row) > error(affine, row) < error(affine - turned, row)


# The original computes in fp32, whose numbers of up to 1024 pixels lie 6e-5 apart, and a shift is rounded a
# few times.
FLOAT32_PIXELS = 4 * 1024 * 2.0**-24


def test_the_similarity_is_the_originals(recording: Recording) -> None:
    recorded = recording("enhancer_pass")
    np.testing.assert_allclose(GPEN_POINTS, recorded["reference_5pts_512"], atol=1e-7)
    affine = np.vstack([fit_similarity(recorded["five"][None], GPEN_POINTS)[0], (0, 0, 1)])
    np.testing.assert_allclose(np.linalg.inv(affine)[:2], recorded["tfm_inv"], atol=FLOAT32_PIXELS)
    recorded = recording("facexlib_paste")
    np.testing.assert_array_equal(FFHQ_POINTS, recorded["template"])
    affine = fit_similarity(recorded["five"][None], FFHQ_POINTS)[0]
    np.testing.assert_allclose(
        affine, recorded["affine"], atol=FLOAT32_PIXELS
    )  # of all five: none is an outlier


# Mouth


@pytest.mark.parametrize(
    "degrees", [(0, 0, 0), (20, 0, 0), (-20, 0, 0), (0, 35, 0), (0, -35, 20), (0, 0, 40)]
)
@pytest.mark.parametrize("drop", [0.0, 0.35])
def test_a_mouth_is_framed_whole_however_wide_it_opens(
    degrees: tuple[float, float, float], drop: float
) -> None:
    track = drawn_track([drawn_mesh(60, (300, 200), degrees, (drop, 5 * drop**2, 0))], FRAME)
    crops = frame_faces(track, "mouth")
    lips = sorted({point for pair in LIP_PAIRS for point in pair} | {61, 291, 0, 17})
    points = placed(crops, track.mesh[:, lips, :2].double().numpy(), 1)
    assert points.min() > 0.08 and points.max() < 0.92
    left, top, right, bottom = boxes_of(crops)[0]
    assert right - left == pytest.approx(bottom - top, rel=1e-5)


def test_a_mouths_frame_does_not_pulse_with_the_lips() -> None:
    shut, rounded = (drawn_mesh(60, (300, 200), drivers=(drop, 5 * drop**2, 0)) for drop in (0.0, 0.3))
    boxes = boxes_of(frame_faces(in_shots(drawn_track([shut, rounded], FRAME), 1, 1), "mouth"))
    assert np.abs(boxes[1] - boxes[0]).max() < 0.06 * (boxes[0, 2] - boxes[0, 0])


# Any way up


@pytest.mark.parametrize("framing", list(SIDES))
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_clip_is_cut_as_the_upright_one_is(framing: str, turn: int) -> None:
    upright = drawn_track([drawn_mesh(40, (130 + 2 * i, 90), (0, 5, 3)) for i in range(4)], (200, 280))
    affine = quarter_turn(upright.frame_size, turn)
    mesh = upright.mesh.clone()
    mesh[..., :2] = (
        mesh[..., :2] @ torch.from_numpy(affine[:, :2].T).float() + torch.from_numpy(affine[:, 2]).float()
    )
    turned = replace(upright, mesh=mesh, frame_size=(280, 200) if turn % 2 else (200, 280))
    boxes = np.tile((90.0, 50.0, 170.0, 150.0), (4, 1))
    corners = boxes.reshape(4, 2, 2) @ affine[:, :2].T + affine[:, 2]
    turned_boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    for given, given_turned in ((None, None), (boxes, turned_boxes)):
        wanted = frame_faces(upright, framing, boxes=given)
        found = frame_faces(turned, framing, boxes=given_turned)
        assert wanted.outline is not None and found.outline is not None
        torch.testing.assert_close(found.outline, wanted.outline, atol=1e-4, rtol=0)


def test_each_shot_is_turned_by_itself() -> None:
    upside_down = [drawn_mesh(40, (130, 90), (0, 0, 180))] * 2
    track = drawn_track([drawn_mesh(40, (130, 90))] * 2 + upside_down, (200, 280))
    track = replace(track, shot=torch.tensor([0, 0, 1, 1]))

    crops = frame_faces(track, "face")

    assert (crops.frame_to_crop[:2, 0, 0] > 0).all() and (crops.frame_to_crop[2:, 0, 0] < 0).all()
    assert crops.outline is not None and (crops.outline[:, 0, 1] < crops.outline[:, 18, 1]).all()
