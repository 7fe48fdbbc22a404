"""A marked sound is as long, as silent, and the same however it comes in."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY
from retalk_nodes.retalk_core.marks.sound_lay import marked_sound

NUMBER = 0xFEDC_BA98_7654_3210


def laid(samples: np.ndarray, rate: int, pieces: int) -> np.ndarray:
    chunks = np.array_split(samples, pieces, axis=1)
    return np.concatenate(list(marked_sound(chunks, rate, NUMBER, key=PUBLIC_KEY)), axis=1)


@pytest.mark.parametrize(("rate", "count"), [(16_000, 50_001), (44_100, 100_000), (48_000, 700), (48_000, 1)])
def test_not_a_sample_is_lost(rate: int, count: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (2, count)).astype(np.float32)
    marked = laid(samples, rate, 3)
    assert marked.shape == samples.shape and marked.dtype == np.float32
    assert np.allclose(marked, laid(samples, rate, 1), atol=1e-6)


def test_it_is_a_faint_gain() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (1, 160_000)).astype(np.float32)
    marked = laid(samples, 16_000, 7)
    ratio = 10 * np.log10((samples**2).sum() / ((marked - samples) ** 2).sum())
    assert 18 < ratio < 25
    assert np.abs(marked[:, :2000] - samples[:, :2000]).max() < 0.2  # in its place from the first sample on


def test_silence_stays_silent_and_a_low_rate_is_left_alone() -> None:
    assert not laid(np.zeros((1, 50_000), np.float32), 16_000, 4).any()
    low = np.random.default_rng(0).normal(0, 0.1, (1, 5000)).astype(np.float32)
    assert np.array_equal(laid(low, 4000, 2), low)
