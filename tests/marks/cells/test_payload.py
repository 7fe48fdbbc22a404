"""A mark is read under its key, and under no other; a threshold is where it is worked out to be."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.cells.payload import (
    picture_chips,
    read_cells,
    threshold,
    threshold_read,
)
from retalk_nodes.retalk_core.marks.cells.plane import face_plane
from retalk_nodes.retalk_core.marks.cells.swing import Swung

NUMBER = 0x1234_ABCD


def planted(strength: float, seed: int = 0, angle: float = 1.0) -> Swung:
    """A mark of 5 seconds in noise of 1; its swing begins anywhere."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((2, *face_plane().carries.shape))
    chips = picture_chips(b"key", face_plane(), NUMBER)
    return Swung(noise[0] + 1j * noise[1] + strength * chips * np.exp(1j * angle), np.full(chips.shape, 2.0))


@pytest.mark.parametrize("angle", [0.0, 1.3, 2.6, 4.0])
def test_a_mark_is_read_whenever_it_begins(angle: float) -> None:
    reading = read_cells(planted(0.7, angle=angle), face_plane(), b"key")
    assert reading.number == NUMBER and reading.score > threshold(1)
    assert reading.heat[face_plane().carries].mean() > 0.4


def test_another_key_finds_nothing_in_200_trials() -> None:
    swung = planted(2.0)
    scores = [read_cells(swung, face_plane(), f"other {i}".encode()).score for i in range(200)]
    assert max(scores) < threshold(1)


def test_no_mark_is_found_in_noise_and_scores_are_normal() -> None:
    scores = [read_cells(planted(0, seed), face_plane(), b"key").score for seed in range(200)]
    assert max(scores) < threshold(1)
    assert 1.0 < np.mean(scores) < 2.0  # the largest of sixteen directions


def test_a_faint_mark_is_read_rightly_or_not_at_all() -> None:
    readings = [read_cells(planted(0.32, seed), face_plane(), b"key", looks=100) for seed in range(40)]
    assert all(reading.number in (None, NUMBER) for reading in readings)
    assert sum(reading.number == NUMBER for reading in readings) >= 30


def test_who_tries_more_needs_more() -> None:
    assert 5 < threshold(1) < threshold(1000) < threshold_read(1000, 32) < 10
