"""Rows of teeth cut out of one picture: two of them, where they were, and found again when put back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.engines.embedded.face import Jaws
from retalk_nodes.retalk_core.engines.embedded.lips import pixel_centres
from retalk_nodes.retalk_core.engines.embedded.shape import teeth_places
from retalk_nodes.retalk_core.engines.embedded.teeth import (
    from_arch,
    light_about,
    on_arch,
    sample_row,
    seen_teeth,
)
from retalk_nodes.retalk_core.faces.canonical import INNER_LIP, head_poses
from scenes import drawn_mesh

EYES = 150.0
OPENING = 0.14


def posed(opening: float, degrees: tuple[float, float, float] = (0, 0, 0)) -> tuple[np.ndarray, Jaws]:
    driven = np.array([[opening, 5 * opening**2, 0]])
    rest = drawn_mesh(EYES, (160.0, 70.0), degrees)
    mesh = drawn_mesh(EYES, (160.0, 70.0), degrees, tuple(driven[0]))
    pose = head_poses(rest[None])
    upper, lower = teeth_places(pose.to_canonical(rest[None]), driven)[0]
    return mesh, Jaws(pose, upper, lower)


def picture_of(mesh: np.ndarray) -> np.ndarray:
    """A mouth with two light rows and a dark gap half way between the lips."""
    picture = np.full((300, 320, 3), (0.7, 0.5, 0.45), np.float32)
    inner = np.round(mesh[list(INNER_LIP), :2]).astype(np.int32)
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [inner], 1)
    picture[inside > 0] = (0.85, 0.8, 0.75)
    middle = int((mesh[13, 1] + mesh[14, 1]) / 2)
    dark = np.zeros_like(inside)
    dark[middle - 3 : middle + 4] = 1
    picture[(inside & dark) > 0] = (0.12, 0.05, 0.05)
    return picture


@pytest.mark.parametrize("degrees", [(0, 0, 0), (8, 25, 5), (-10, -30, 0)])
def test_places_on_the_arch_are_found_again(degrees: tuple[float, float, float]) -> None:
    _, jaws = posed(OPENING, degrees)
    x, y = np.meshgrid(np.linspace(-0.22, 0.22, 9), np.linspace(-0.05, 0.1, 5))
    again = on_arch(jaws, jaws.upper, from_arch(jaws, jaws.upper, x, y))
    np.testing.assert_allclose(again[0], x, atol=0.015)
    np.testing.assert_allclose(again[1], y, atol=0.005)


def test_a_seam_parts_the_row_that_hangs_from_the_row_that_stands() -> None:
    mesh, jaws = posed(OPENING)
    teeth = seen_teeth(picture_of(mesh), np.zeros(2, np.float32), mesh[:, :2], jaws, OPENING)
    assert teeth is not None and teeth.worth > 0.1
    positions = pixel_centres(Box(0, 0, 320, 300))
    x, top = mesh[13, :2].astype(int)
    middle, bottom = int((mesh[13, 1] + mesh[14, 1]) / 2), int(mesh[14, 1])
    upper = sample_row(teeth.upper, teeth.fineness, *on_arch(jaws, jaws.upper, positions))[..., 3]
    shift = jaws.lower - jaws.upper
    places = on_arch(jaws, jaws.upper, positions)
    lower = sample_row(teeth.lower, teeth.fineness, places[0] - shift[0], places[1] - shift[1])[..., 3]
    assert upper[top + 4, x] > 0.9 and lower[top + 4, x] < 0.1
    assert lower[bottom - 5, x] > 0.9 and upper[bottom - 5, x] < 0.1
    assert max(upper[middle, x], lower[middle, x]) < 0.3
    assert teeth.throat.max() < 0.3


@pytest.mark.parametrize(("dark", "hangs"), [((0, 0), True), ((0.7, 1), True), ((0, 0.4), False)])
def test_a_single_row_is_not_cut_in_two(dark: tuple[float, float], hangs: bool) -> None:
    """As in a smile, whose upper row reaches the lower lip or nearly so; or a lower row alone."""
    mesh, jaws = posed(OPENING)
    picture = picture_of(mesh)
    inside = np.abs(picture - (0.7, 0.5, 0.45)).max(axis=2) > 0.05
    deep = inside.cumsum(axis=0) / np.maximum(inside.sum(axis=0), 1)
    picture[inside] = (0.85, 0.8, 0.75)
    picture[inside & (deep > dark[0]) & (deep <= dark[1])] = (0.12, 0.05, 0.05)
    noise = np.random.default_rng(3).normal(0, 0.01, picture.shape)  # a darkest path there always is
    teeth = seen_teeth(
        picture + noise.astype(np.float32), np.zeros(2, np.float32), mesh[:, :2], jaws, OPENING
    )
    assert teeth is not None
    whole, none = (teeth.upper, teeth.lower) if hangs else (teeth.lower, teeth.upper)
    assert whole[..., 3].sum() > 5 * none[..., 3].sum()


@pytest.mark.parametrize(("opening", "size"), [(0.0, 1.0), (0.05, 1.0), (OPENING, 0.1)])
def test_a_mouth_that_is_shut_or_tiny_lends_no_teeth(opening: float, size: float) -> None:
    mesh, jaws = posed(opening)
    jaws = Jaws(head_poses(size * mesh[None]), jaws.upper, jaws.lower)
    picture = picture_of(mesh)
    assert seen_teeth(picture, np.zeros(2, np.float32), size * mesh[:, :2], jaws, opening) is None


def test_the_light_about_a_mouth_is_the_skins() -> None:
    mesh, _ = posed(OPENING)
    np.testing.assert_allclose(light_about(picture_of(mesh), mesh[:, :2]), (0.7, 0.5, 0.45), atol=1e-5)
