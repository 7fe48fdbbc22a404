"""Mouth shapes: the wanted opening and width, an upper face and lips that stay in order."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from mouths import TURNS, speaking
from retalk_nodes.retalk_core.engines.embedded.shape import (
    SHUT,
    SPEECH_OPENING,
    STILL_OPENING,
    ShotShapes,
    drivers,
    learn_shot,
    outright_shape,
    place_mouth,
    wanted_drivers,
)
from retalk_nodes.retalk_core.faces.canonical import (
    LIP_PAIRS,
    MOUTH_CORNERS,
    NOSE_BASE,
    load_mouth_model,
    measure_mouth,
)
from scenes import drawn_mesh, drawn_track


def learned(meshes: list[np.ndarray]) -> ShotShapes:
    return learn_shot(drawn_track(meshes), np.arange(len(meshes)), 25.0)


# What a shot tells


@pytest.mark.parametrize(("least", "most"), [(0.0, 0.01), (0.01, 0.14), (0.1, 0.6)])
def test_a_full_voice_opens_the_mouth_as_far_as_people_do(least: float, most: float) -> None:
    meshes = [drawn_mesh(drivers=(h, 5 * h * h, 0)) for h in np.linspace(least, most, 20)]
    assert SPEECH_OPENING[0] - 1e-6 <= learned(meshes).full_opening <= SPEECH_OPENING[1] + 1e-6


def test_one_frame_tells_nothing_of_how_far_a_mouth_opens() -> None:
    assert learned([drawn_mesh(drivers=(0.3, 0.45, 0))]).full_opening == STILL_OPENING


def test_a_long_shot_is_learnt_without_copies_of_all_its_faces() -> None:
    meshes = [drawn_mesh() + np.float32(i % 7) for i in range(5000)]
    track = drawn_track(meshes)
    tracemalloc.start()
    try:
        learn_shot(track, np.arange(5000), 5.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.7 * track.mesh.numpy().nbytes  # it was more than all of them


# Placing


def placed(
    shapes: ShotShapes, meshes: list[np.ndarray], opening: float, width: float, strength: float = 1.0
) -> np.ndarray:
    """Where the points go (T, 468, 2) when all frames want the same mouth."""
    count = len(meshes)
    wanted = wanted_drivers(shapes, np.full(count, opening), np.full(count, width))
    return place_mouth(shapes, np.arange(count), np.stack(meshes), wanted, np.full(count, strength))


def seen(shapes: ShotShapes, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opening and width (T,) of upright frontal faces, as the frame shows them."""
    flat = np.concatenate([points, np.zeros_like(points[..., :1])], axis=-1)
    opening, width = measure_mouth(flat * shapes.pose.scale[:, None, None])
    return opening, width


@pytest.mark.parametrize("opening", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("width", [-1.0, 0.0, 1.0])
def test_the_placed_mouth_has_the_wanted_opening_and_width(opening: float, width: float) -> None:
    meshes = speaking()
    shapes = learned(meshes)
    h, w = seen(shapes, placed(shapes, meshes, opening, width))
    wanted = SHUT + opening * (shapes.full_opening - SHUT)
    np.testing.assert_allclose(h, wanted, atol=0.012)
    np.testing.assert_allclose(
        w, shapes.neutral_width * (1 + (0.26 if width < 0 else 0.16) * width), rtol=0.04
    )
    assert np.ptp(h) < 0.01 and np.ptp(w) < 0.01  # nothing of the old speech shines through


@pytest.mark.parametrize("degrees", TURNS, ids=str)
def test_the_wanted_mouth_is_the_same_in_every_pose(degrees: tuple[float, float, float]) -> None:
    shapes = learned(speaking(degrees=degrees, sway=3))
    rows = np.arange(40)
    for opening in (0.0, 0.5, 1.0):
        wanted = wanted_drivers(shapes, np.full(40, opening), np.zeros(40))
        found, width = measure_mouth(outright_shape(shapes, rows, wanted))
        np.testing.assert_allclose(found, wanted[:, 0], atol=0.015)
        np.testing.assert_allclose(width, shapes.neutral_width, rtol=0.05)


def test_no_strength_leaves_the_face_exactly() -> None:
    meshes = speaking(sway=5)
    np.testing.assert_array_equal(placed(learned(meshes), meshes, 1.0, 1.0, 0.0), np.stack(meshes)[..., :2])


def test_half_the_strength_is_half_the_way() -> None:
    meshes = speaking(sway=5)
    shapes = learned(meshes)
    none, half, full = (placed(shapes, meshes, 1.0, -0.5, strength) for strength in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(half, (none + full) / 2, atol=0.01)


@pytest.mark.parametrize("degrees", TURNS, ids=str)
def test_nose_and_all_above_never_move(degrees: tuple[float, float, float]) -> None:
    meshes = speaking(degrees=degrees, sway=4)
    shapes = learned(meshes)
    reference = load_mouth_model().reference
    above = reference[:, 1] <= reference[NOSE_BASE, 1]
    assert above.sum() > 200
    for opening, width in ((0.0, 0.0), (1.0, 1.0), (1.0, -1.0)):
        points = placed(shapes, meshes, opening, width)
        np.testing.assert_array_equal(points[:, above], np.stack(meshes)[:, above, :2])
        assert np.abs(points - np.stack(meshes)[..., :2])[:, ~above].max() > 1


@pytest.mark.parametrize("degrees", TURNS, ids=str)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_lips_never_cross(degrees: tuple[float, float, float], strength: float) -> None:
    meshes = speaking(degrees=degrees, sway=4)
    shapes = learned(meshes)
    down = np.einsum("tij,j->ti", shapes.pose.rotation.swapaxes(1, 2), [0, 1, 0])[:, :2]  # in the frame
    upper, lower = (list(side) for side in zip(*LIP_PAIRS, strict=True))
    for opening in (0.0, 0.1, 1.0):
        for width in (-1.0, 0.0, 1.0):
            points = placed(shapes, meshes, opening, width, strength)
            gap = np.einsum("tpc,tc->tp", points[:, lower] - points[:, upper], down)
            assert gap.min() > -0.15  # pixels: what is turned out of the picture's plane


def test_a_shut_mouth_doesnt_gape() -> None:
    meshes = speaking()
    shapes = learned(meshes)
    points = placed(shapes, meshes, 0.0, 0.0)
    for upper, lower in LIP_PAIRS:
        gap = (points[:, lower, 1] - points[:, upper, 1]) * shapes.pose.scale
        assert gap.max() < 0.012, (upper, lower)


def test_a_rounded_mouth_is_narrower_than_a_spread_one() -> None:
    meshes = speaking()
    shapes = learned(meshes)
    left, right = MOUTH_CORNERS
    widths = [
        (placed(shapes, meshes, 0.4, width)[:, right] - placed(shapes, meshes, 0.4, width)[:, left])[
            :, 0
        ].mean()
        for width in (-1.0, 0.0, 1.0)
    ]
    assert widths[0] < 0.9 * widths[1] < 0.9 * 0.9 * widths[2] * 1.2


def test_a_still_face_has_a_mouth_to_move_too() -> None:
    mesh = drawn_mesh(drivers=(0.02, 0.002, 0.1))
    shapes = learned([mesh])
    points = placed(shapes, [mesh], 1.0, 0.0)
    h, _ = seen(shapes, points)
    assert h[0] == pytest.approx(STILL_OPENING, abs=0.012)


def test_the_drivers_follow_opening_and_width() -> None:
    driven = drivers(np.array([0.1]), np.array([0.6]), 0.5)
    np.testing.assert_allclose(driven, [[0.1, 0.05, 0.2]], atol=1e-6)
    shapes = learned(speaking())
    np.testing.assert_allclose(
        wanted_drivers(shapes, np.array([0.0, 1.0]), np.zeros(2))[:, 0],
        [SHUT, shapes.full_opening],
        rtol=1e-5,
    )


def test_a_mood_that_changes_slowly_is_kept() -> None:
    smile = np.linspace(0, 0.15, 200)
    meshes = [drawn_mesh(drivers=(0.05, 0.0125, 0)) for _ in smile]
    corners = list(MOUTH_CORNERS)
    for mesh, lift in zip(meshes, smile, strict=True):
        mesh[corners, 1] -= 60 * lift
    shapes = learned(meshes)
    first, last = shapes.neutral_at(np.array([0, 199]))[:, corners, 1].mean(axis=1)
    assert first - last > 0.1


@pytest.mark.parametrize("count", [1, 2, 5, 6, 251, 600])
def test_the_speechless_face_is_known_at_every_row(count: int) -> None:
    shapes = learned([drawn_mesh()] * count)
    neutral = shapes.neutral_at(np.arange(count))
    assert neutral.shape == (count, 468, 3)
    assert np.abs(neutral - neutral[0]).max() < 1e-5
