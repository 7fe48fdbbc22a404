"""What a result changed is found by its pixels, or known by a mask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.judging.differences import (
    BothFrames,
    edit_of,
    note_outside,
    note_truth,
    supports_of,
)
from scenes import drawn_mesh

SIDE = 300
Noted = dict[str, list[object]]


@pytest.fixture
def mesh() -> np.ndarray:
    return drawn_mesh(60, (150, 130))


@pytest.fixture
def before() -> np.ndarray:
    grain = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return cv2.GaussianBlur(grain, (0, 0), 3)


def edited(before: np.ndarray, mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A brighter mouth, and where it is."""
    mask = np.zeros(before.shape[:2], np.uint8)
    x, y = mesh[[13, 14], :2].mean(axis=0).astype(int).tolist()
    cv2.circle(mask, (x, y), 20, 1, -1)
    return np.where(mask[..., None] > 0, np.minimum(before.astype(int) + 60, 255), before).astype(
        np.uint8
    ), mask > 0


def seen(frames: BothFrames, support: np.ndarray | None) -> Noted:
    noted: Noted = {}
    note_outside(lambda name, value: noted.setdefault(name, []).append(value), frames, support, likeness=True)
    return noted


def test_an_edit_is_found_where_it_is(before: np.ndarray, mesh: np.ndarray) -> None:
    after, where = edited(before, mesh)
    found = edit_of(BothFrames.of(after, before, mesh, mesh), None)
    assert found is not None
    whole = np.zeros(where.shape, bool)
    whole[found.box.slices] = found.support
    assert (whole & where).sum() / (whole | where).sum() > 0.7
    assert edit_of(BothFrames.of(before, before, mesh, mesh), None) is None


def test_noise_everywhere_is_no_edit(before: np.ndarray, mesh: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(0, 3, before.shape)
    after = np.rint(before + noise).clip(0, 255).astype(np.uint8)
    assert edit_of(BothFrames.of(after, before, mesh, mesh), None) is None


def test_a_known_edit_is_taken_at_its_word(before: np.ndarray, mesh: np.ndarray) -> None:
    after, where = edited(before, mesh)
    found = edit_of(BothFrames.of(after, before, mesh, mesh), where)
    assert found is not None and found.support.sum() == where.sum()
    assert edit_of(BothFrames.of(after, before, mesh, mesh), np.zeros_like(where)) is None


@pytest.mark.parametrize("known", [False, True])
def test_what_lies_outside_is_exact_where_it_is(before: np.ndarray, mesh: np.ndarray, known: bool) -> None:
    pytest.importorskip("skimage", reason="scikit-image isn't installed")
    after, where = edited(before, mesh)
    noted = seen(BothFrames.of(after, before, mesh, mesh), where if known else None)
    assert noted["errors_outside"] == [0] and noted["likeness_outside"] == [pytest.approx(1)]
    (seam,) = noted["seams"]
    assert isinstance(seam, float) and seam > 5


def test_a_corner_that_changed_is_seen(before: np.ndarray, mesh: np.ndarray) -> None:
    after, where = edited(before, mesh)
    after[:10, :10] = 255 - after[:10, :10]
    noted = seen(BothFrames.of(after, before, mesh, mesh), where)
    assert isinstance(noted["errors_outside"][0], float) and noted["errors_outside"][0] > 0


def test_pictures_of_other_depth_are_compared_in_8_bit(before: np.ndarray, mesh: np.ndarray) -> None:
    deep = before.astype(np.uint16) * 257
    frames = BothFrames.of(deep, before, mesh, mesh)
    assert frames.after.dtype == np.uint8 and edit_of(frames, None) is None


def test_the_truth_itself_is_no_way_off(before: np.ndarray, mesh: np.ndarray) -> None:
    noted: Noted = {}
    frames = BothFrames.of(before, before, mesh, mesh)
    note_truth(lambda name, value: noted.setdefault(name, []).append(value), frames, None, likeness=False)
    assert noted == {"mouth_steps": [pytest.approx(0, abs=1e-6)], "lower_l1": [0]}


def test_masks_of_any_size_and_number_stand_for_frames() -> None:
    masks = np.zeros((2, 4, 4), np.float32)
    masks[1, :2] = 1
    assert not supports_of(masks, 0, (8, 8)).any()
    assert supports_of(masks, 1, (8, 8))[:3].all() and not supports_of(masks, 7, (8, 8))[6:].any()
