"""A mouth put into a frame: only inside its support, in any depth, at any place, open or shut as wanted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.engines.embedded.drawn import drawn_teeth
from retalk_nodes.retalk_core.engines.embedded.face import Face, Jaws, Texture
from retalk_nodes.retalk_core.engines.embedded.render import render_mouth
from retalk_nodes.retalk_core.engines.embedded.shape import (
    ShotShapes,
    learn_shot,
    place_mouth,
    teeth_places,
    wanted_drivers,
)
from retalk_nodes.retalk_core.faces.canonical import INNER_LIP, head_poses, measure_mouth
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.mesh import find_mesh, region_of_points
from retalk_nodes.retalk_core.types import FaceTrack, Frame
from scenes import deepened, portrait


@pytest.fixture(scope="module")
def faces() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def track(faces: FaceNetworks) -> FaceTrack:
    """Of a portrait (240, 240, 3) seen once."""
    return track_faces([Frame(0, 0, portrait(240))], faces).track  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shapes(track: FaceTrack) -> ShotShapes:
    return learn_shot(track, np.arange(1), 25.0)


def face_of(track: FaceTrack, shapes: ShotShapes, opening: float, show: float = 1.0) -> Face:
    mesh = track.mesh.numpy()
    wanted = wanted_drivers(shapes, np.array([opening]), np.zeros(1))
    target = place_mouth(shapes, np.zeros(1, int), mesh, wanted, np.array([show], np.float32))[0]
    upper, lower = teeth_places(shapes.neutral_at(np.zeros(1, int)), wanted)[0]
    return Face(mesh[0], target, float(wanted[0, 0]), show, Jaws(shapes.pose, upper, lower))


def moved(face: Face, away: np.ndarray) -> Face:
    """The same face elsewhere; away: (3,) pixels."""
    pose = head_poses(face.mesh[None] + away)
    jaws = Jaws(pose, face.jaws.upper, face.jaws.lower)
    return Face(face.mesh + away, face.target + away[:2], face.opening, face.show, jaws)


def own(frame: np.ndarray, face: Face, opening: float) -> list[Texture]:
    return [Texture(frame, np.zeros(2, np.float32), face.mesh[:, :2], opening, 0.05, 1.0, np.zeros((2, 9)))]


def render(
    frame: np.ndarray, track: FaceTrack, shapes: ShotShapes, opening: float, show: float = 1.0
) -> Patch:
    face = face_of(track, shapes, opening, show)
    return render_mouth(frame, face, own(frame, face, float(shapes.drivers[0, 0])), drawn_teeth(120))


def pasted(frame: np.ndarray, patch: Patch) -> np.ndarray:
    result = frame.copy()
    paste_patch(result, patch)
    return result


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("opening", [0.0, 0.4, 1.0])
def test_pixels_outside_the_support_stay_to_the_bit(
    track: FaceTrack, shapes: ShotShapes, opening: float, dtype: type[np.generic]
) -> None:
    frame = portrait(240) if dtype == np.uint8 else deepened([portrait(240)])[0]
    before = frame.copy()
    patch = render(frame, track, shapes, opening)
    np.testing.assert_array_equal(frame, before)  # rendering leaves the frame itself alone
    result = pasted(frame, patch)
    support = np.zeros((240, 240), bool)
    support[patch.box.slices] = patch.support
    assert patch.pixels.dtype == result.dtype == dtype
    assert patch.pixels.shape[:2] == patch.support.shape == patch.box.size
    np.testing.assert_array_equal(result[~support], frame[~support])
    assert (result != frame).any(axis=2).sum() > 200
    assert support.mean() < 0.4


def test_the_edit_stays_below_the_eyes(track: FaceTrack, shapes: ShotShapes) -> None:
    patch = render(portrait(240), track, shapes, 1.0)
    rows = np.flatnonzero(patch.support.any(axis=1)) + patch.box.top
    assert rows.min() > track.mesh[0, [33, 133, 362, 263], 1].max()


def test_an_edit_that_doesnt_show_changes_nothing(track: FaceTrack, shapes: ShotShapes) -> None:
    frame = portrait(240)
    patch = render(frame, track, shapes, 1.0, show=0.0)
    assert not patch.support.any()
    np.testing.assert_array_equal(pasted(frame, patch), frame)


def test_an_edit_that_shows_a_little_changes_little(track: FaceTrack, shapes: ShotShapes) -> None:
    frame = portrait(240)
    changes = [
        np.abs(pasted(frame, render(frame, track, shapes, 0.0, show)).astype(int) - frame).sum()
        for show in (0.05, 0.5, 1.0)
    ]
    assert changes[0] < 0.3 * changes[1] < 0.3 * changes[2] * 2


def test_a_mouth_that_shall_stay_as_it_is_looks_as_it_was_outside_the_lips(
    track: FaceTrack, shapes: ShotShapes
) -> None:
    frame, mesh = portrait(240), track.mesh[0].numpy()
    opening = float(measure_mouth(head_poses(mesh[None]).to_canonical(mesh[None]))[0][0])
    face = Face(mesh, mesh[:, :2].copy(), opening, 1.0, face_of(track, shapes, 0.0).jaws)
    result = pasted(frame, render_mouth(frame, face, own(frame, face, opening), drawn_teeth(120)))
    inside = np.zeros((240, 240), np.uint8)
    cv2.fillPoly(inside, [np.round(mesh[list(INNER_LIP), :2]).astype(np.int32)], 1)
    outside = cv2.dilate(inside, np.ones((9, 9), np.uint8)) == 0
    difference = np.abs(result.astype(int) - frame)[outside]
    assert difference.mean() < 0.05 and np.percentile(difference, 99.9) < 12


def test_the_rendered_mouth_opens_as_wanted(
    faces: FaceNetworks, track: FaceTrack, shapes: ShotShapes
) -> None:
    frame = portrait(240)
    found = []
    for opening in (0.0, 0.5, 1.0):
        result = pasted(frame, render(frame, track, shapes, opening))
        mesh = find_mesh(faces.mesh, result, region_of_points(track.mesh[0].numpy()))
        assert mesh.score > 0.9
        canonical = head_poses(mesh.points[None]).to_canonical(mesh.points[None])
        found.append(float(measure_mouth(canonical)[0][0]))
    assert found[0] < 0.05
    assert found[0] < found[1] - 0.02 < found[2] - 0.04


def test_sixteen_bits_give_the_same_picture_as_eight(track: FaceTrack, shapes: ShotShapes) -> None:
    frame = portrait(240)
    eight, deep = (
        pasted(pixels, render(pixels, track, shapes, 0.7))
        for pixels in (frame, frame.astype(np.uint16) * 257)
    )
    difference = np.abs(deep / 257 - eight)
    assert difference.max() <= 1 and difference.mean() < 0.05  # eight bit rounds


def test_the_same_face_is_rendered_the_same_twice(track: FaceTrack, shapes: ShotShapes) -> None:
    one, other = (render(portrait(240), track, shapes, 0.6) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.support, other.support)


@pytest.mark.parametrize("shift", [(-120, 0), (125, 0), (0, 95), (0, -140), (-140, 110), (500, 500)], ids=str)
@pytest.mark.parametrize("opening", [0.0, 1.0])
def test_a_face_at_the_frames_edge_or_beyond_is_no_trouble(
    track: FaceTrack, shapes: ShotShapes, shift: tuple[int, int], opening: float
) -> None:
    frame = portrait(240)
    face = face_of(track, shapes, opening)
    face = moved(face, np.array([*shift, 0], np.float32))
    patch = render_mouth(frame, face, own(frame, face, 0.1), drawn_teeth(120))
    result = pasted(frame, patch)
    support = np.zeros((240, 240), bool)
    support[patch.box.slices] = patch.support
    assert patch.support.shape == patch.box.size
    np.testing.assert_array_equal(result[~support], frame[~support])


@pytest.mark.parametrize("size", [(61, 240), (240, 97), (181, 179)])
def test_a_frame_that_cuts_through_the_mouth_is_no_trouble(
    track: FaceTrack, shapes: ShotShapes, size: tuple[int, int]
) -> None:
    frame = np.ascontiguousarray(portrait(240)[: size[0], : size[1]])
    patch = render(frame, track, shapes, 1.0)
    assert pasted(frame, patch).shape == (*size, 3)


@pytest.mark.parametrize("scale", [0.1, 0.25, 3.0])
def test_faces_of_any_size_are_rendered(track: FaceTrack, shapes: ShotShapes, scale: float) -> None:
    side = round(240 * scale)
    frame = portrait(side)
    face = face_of(track, shapes, 1.0)
    factor = np.float32(side / 240)
    jaws = Jaws(head_poses(face.mesh[None] * factor), face.jaws.upper, face.jaws.lower)
    face = Face(face.mesh * factor, face.target * factor, face.opening, 1.0, jaws)
    patch = render_mouth(frame, face, own(frame, face, 0.1), drawn_teeth(120))
    assert patch.support.any()
    assert patch.box.left >= 0 and patch.box.right <= side and patch.box.bottom <= side


def test_two_textures_are_mixed(track: FaceTrack, shapes: ShotShapes) -> None:
    frame = portrait(240)
    face = face_of(track, shapes, 0.5)
    here = np.zeros(2, np.float32)
    looks = []
    lipstick = frame.copy()  # far from the patch's border, whose colours are matched
    x, y = face.mesh[17, :2].astype(int).tolist()
    cv2.circle(lipstick, (x, y), 9, (90, 20, 30), -1)
    for share in (0.0, 0.5, 1.0):
        textures = [
            # No sharpness: nothing is sharpened.
            Texture(picture, here, face.mesh[:, :2], 0.1, 0.0, part, np.zeros((2, 9)))
            for picture, part in ((lipstick, share), (frame, 1 - share))
            if part
        ]
        patch = render_mouth(frame, face, textures, drawn_teeth(120))
        lip = face.target[17].astype(int)
        looks.append(pasted(frame, patch)[lip[1] - 2 : lip[1] + 2, lip[0] - 2 : lip[0] + 2].mean(axis=(0, 1)))
    assert np.abs(looks[0] - looks[2]).max() > 5
    assert (looks[1] > np.minimum(looks[0], looks[2]) - 3).all()
    assert (looks[1] < np.maximum(looks[0], looks[2]) + 3).all()
    assert np.abs(looks[1] - looks[0]).max() > 3 and np.abs(looks[1] - looks[2]).max() > 3
