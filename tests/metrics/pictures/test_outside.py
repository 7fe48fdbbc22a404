"""What an edit does beyond itself: loss, likeness, and a border that shows or doesn't."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.metrics.pictures import outside

SIDE = 120


@pytest.fixture
def picture() -> np.ndarray:
    grain = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return cv2.GaussianBlur(grain, (0, 0), 4)


def brighter(picture: np.ndarray, by: int, soft: float = 0) -> np.ndarray:
    """A disc in the middle that is brighter, with a hard edge or a soft one."""
    mask = cv2.circle(np.zeros((SIDE, SIDE), np.float32), (60, 60), 30, 1, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), soft) if soft else mask
    return np.rint(picture + by * mask[..., None]).clip(0, 255).astype(np.uint8)


def disc() -> np.ndarray:
    return cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (60, 60), 30, 1, -1) > 0


def test_a_hard_edge_is_a_seam_and_a_soft_one_is_less(picture: np.ndarray) -> None:
    hard, soft = (
        outside.border_step(brighter(picture, 40, softness), picture, disc()) for softness in (0, 12)
    )
    assert hard is not None and soft is not None
    assert hard > 10 and hard > 3 * soft > 0


def test_a_seam_grows_with_the_step(picture: np.ndarray) -> None:
    steps = [outside.border_step(brighter(picture, by), picture, disc()) for by in (5, 15, 40)]
    assert None not in steps and steps == sorted(steps)  # type: ignore[type-var]


def test_what_is_the_same_has_no_seam_and_what_has_no_border_has_no_figure(picture: np.ndarray) -> None:
    assert outside.border_step(picture, picture, disc()) == 0
    assert outside.border_step(picture, picture, np.zeros((SIDE, SIDE), bool)) is None
    assert outside.border_step(picture, picture, np.ones((SIDE, SIDE), bool)) is None


@pytest.mark.parametrize("deep", [False, True])
def test_an_edit_is_found_by_its_pixels_and_noise_is_none(picture: np.ndarray, deep: bool) -> None:
    noise = np.random.default_rng(1).normal(0, 2, picture.shape)
    after = np.rint(brighter(picture, 40) + noise).clip(0, 255).astype(np.uint8)
    if deep:
        after, picture = after.astype(np.uint16) * 257, picture.astype(np.uint16) * 257

    found = outside.edited_region(after, picture, noise=1.6 / 255)

    assert (found & disc()).sum() / (found | disc()).sum() > 0.8
    nothing = outside.edited_region(picture, picture, noise=0)
    assert not nothing.any()


def test_likeness_is_taken_where_it_is_asked_for(picture: np.ndarray) -> None:
    pytest.importorskip("skimage", reason="scikit-image isn't installed")
    rng = np.random.default_rng(2)
    noisy = np.where(disc()[..., None], rng.integers(0, 256, picture.shape), picture).astype(np.uint8)
    far = cv2.dilate(disc().astype(np.uint8), np.ones((15, 15))) == 0

    assert outside.likeness_beyond(noisy, picture, far) == pytest.approx(1)
    assert (outside.likeness_beyond(noisy, picture, disc()) or 0) < 0.5
    assert outside.likeness_beyond(noisy, picture, np.zeros_like(far)) is None


def test_nothing_has_no_figure() -> None:
    assert outside.seam(np.zeros(0)) is None and outside.ssim_outside(np.zeros(0)) is None
    assert outside.psnr(0) == 100
