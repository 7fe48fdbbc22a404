"""What swings is found; what stands still, or jumps at a cut, is not."""

from __future__ import annotations

import numpy as np
from retalk_nodes.retalk_core.marks.cells.swing import PERIOD, Tally, swing_at

PICTURE = np.random.default_rng(0).standard_normal((4, 5))


def tallied(values: list[np.ndarray], rate: float = 25, cuts: tuple[int, ...] = ()) -> Tally:
    tally = Tally(PICTURE.shape)
    for index, each in enumerate(values):
        if index in cuts:
            tally.cut()
        tally.add(each, index / rate)
    return tally


def test_a_swing_has_a_mean_square_of_one() -> None:
    times = np.arange(800) / 800 * PERIOD
    assert abs(np.mean([swing_at(time) ** 2 for time in times]) - 1) < 1e-6


def test_what_stands_still_leaves_nothing() -> None:
    swung = tallied([1000 * PICTURE] * 100).swung
    assert np.abs(swung.mark).max() < 1e-8


def test_what_swings_is_found_over_a_cut() -> None:
    values = [
        (50 if index < 60 else -20) * PICTURE[::-1] + swing_at(index / 25) * PICTURE for index in range(120)
    ]
    swung = tallied(values, cuts=(60,)).swung
    assert np.allclose(swung.mark.real / (120 / np.sqrt(2)), PICTURE, atol=0.1)
    assert swung.noise.mean() < 0.1 * (np.abs(swung.mark) ** 2).mean()


def test_long_clips_are_added_up_in_segments() -> None:
    tally = tallied([index + swing_at(index / 25) * PICTURE for index in range(1000)])
    assert np.corrcoef(tally.swung.mark.real.ravel(), PICTURE.ravel())[0, 1] > 0.999
    assert abs(tally.seconds - 1000 / 25) < 0.2
