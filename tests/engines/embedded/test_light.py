from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.engines.embedded.face import Texture
from retalk_nodes.retalk_core.engines.embedded.light import in_one_light, light_mismatch, relit
from retalk_nodes.retalk_core.faces.canonical import OUTER_LIP, load_mouth_model

FACE = 130 * load_mouth_model().reference[:, :2] + (200, 120)
BOX = (slice(170, 300), slice(120, 280))  # around the mouth


def skin() -> np.ndarray:
    """A face-coloured picture with soft spots, (420, 400, 3) in [0, 1]."""
    spots = np.random.default_rng(0).normal(0, 1, (420, 400, 1))
    return np.array((0.7, 0.5, 0.42)) + 0.2 * cv2.GaussianBlur(spots, (0, 0), 3)[..., None]


def eight(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture.clip(0, 1) * 255).astype(np.uint8)


def lent(picture: np.ndarray) -> Texture:
    part = eight(picture)[BOX]
    return Texture(part, np.array((120, 170), np.float32), FACE, 0.05, 0.1, 1.0, np.zeros((2, 9)))


@pytest.mark.parametrize("light", [(0.25, 0.25, 0.25), (1.0, 0.3, 0.25), (0.2, 0.3, 1.0), (0.03, 0.03, 0.03)])
def test_a_lent_mouth_takes_the_brightness_and_colour_of_the_frame(light: tuple[float, float, float]) -> None:
    frame = eight(skin() * light)
    made = relit(lent(skin()), frame, FACE)
    assert np.abs(made.picture - frame[BOX]).mean() < 1.5 + 0.02 * 255 * max(light)
    assert made.sharpness == pytest.approx(0.1 * np.mean([(0.5 * x + 0.02) / 0.52 for x in light]), rel=0.3)


def test_a_dark_picture_is_brought_up_to_a_bright_frame() -> None:
    made = relit(lent(skin() * 0.3), eight(skin()), FACE)
    assert np.abs(made.picture - eight(skin())[BOX]).mean() < 6


def test_a_shadows_edge_crosses_the_mouth_where_it_crosses_the_face() -> None:
    shade = np.where(np.arange(400) < 205, 0.35, 1.0)[None, :, None]
    shade = cv2.GaussianBlur(np.broadcast_to(shade, (420, 400, 1)), (0, 0), 4)[..., None]
    frame = eight(skin() * shade)
    made = relit(lent(skin()), frame, FACE)
    ratio = (made.picture.mean(axis=(0, 2)) + 5) / (frame[BOX].mean(axis=(0, 2)) + 5)
    away = np.abs(np.arange(160) + 120 - 205) > 20
    assert np.abs(np.log(ratio[away])).max() < 0.25
    assert np.abs(np.log(ratio)).max() < 0.7


def test_lips_that_a_mesh_lies_beside_do_not_tint_the_skin() -> None:
    picture = skin()
    lips = np.zeros((420, 400), np.uint8)
    cv2.fillPoly(lips, [np.round(FACE[list(OUTER_LIP)]).astype(np.int32)], 1)
    painted = np.where(lips[..., None] > 0, picture * (0.95, 0.45, 0.55), picture)
    frame = eight(picture)  # the same skin in the same light; there the mesh's lips show skin or teeth
    made = relit(lent(painted), frame, FACE)
    away = cv2.dilate(lips, np.ones((7, 7), np.uint8))[BOX] == 0
    assert np.abs(made.picture - frame[BOX])[away].max() < 6


def test_light_that_is_warm_on_one_side_and_blue_on_the_other_is_taken_over() -> None:
    across = np.linspace(0, 1, 400)[None, :, None]
    frame = eight(skin() * (np.array((1.0, 0.8, 0.5)) * (1 - across) + np.array((0.5, 0.7, 1.0)) * across))
    made = relit(lent(skin()), frame, FACE)
    assert np.abs(made.picture - frame[BOX]).mean() < 6


def test_in_the_same_light_a_picture_stays_as_it_is() -> None:
    made = relit(lent(skin()), eight(skin()), FACE)
    assert np.abs(made.picture - eight(skin())[BOX]).max() < 1.5


def test_a_picture_in_other_light_costs_more_than_one_in_the_same_but_never_without_end() -> None:
    lights = np.array([(0.6, 0.45, 0.4), (0.15, 0.11, 0.1), (0.001, 0.001, 0.001)], np.float32)
    cost = light_mismatch(lights, lights)
    assert np.allclose(np.diag(cost), 0)
    assert cost[0, 1] > 2 and cost[0, 2] == cost.max() <= 6


def test_small_pictures_in_different_light_look_alike_in_one() -> None:
    small = np.random.default_rng(0).uniform(0.2, 0.8, 768)
    light = np.array([(0.6, 0.5, 0.4), (0.15, 0.125, 0.1), (0.6, 0.5, 0.4)])
    pictures = np.stack([small, small / 4, small]).astype(np.float32)
    even = in_one_light(pictures, light)
    assert np.abs(even[0] - even[1]).mean() < 0.2 * np.abs(pictures[0] - pictures[1]).mean()
