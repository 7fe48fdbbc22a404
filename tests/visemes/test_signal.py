"""What is measured of a voice, and where it is taken to speak."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.visemes.signal import (
    HOP,
    PAUSE,
    RATE,
    find_speech,
    judge_loudness,
    locally,
    measure_signal,
)
from voices import SAMPLE_RATE, babble_of


def sine(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


@pytest.mark.parametrize("hertz", [400, 1000, 3000])
def test_the_loudest_sine_has_three_decibels_less_than_full_scale(hertz: float) -> None:
    level = measure_signal(sine(hertz)).level[5:-5]
    np.testing.assert_allclose(level, -3, atol=0.1)


def test_what_people_dont_speak_with_is_not_counted() -> None:
    for hertz in (40, 6000):
        assert (measure_signal(sine(hertz)).level[5:-5] < -30).all()


def test_a_low_jaw_and_spread_lips_raise_what_is_measured_of_them() -> None:
    low, high = (measure_signal(sine(hertz)) for hertz in (350, 800))
    assert np.median(high.jaw) - np.median(low.jaw) > 300
    low, high = (measure_signal(sine(hertz)) for hertz in (1100, 2400))
    assert np.median(high.spread) - np.median(low.spread) > 800


@pytest.mark.parametrize("samples", [1, HOP, HOP + 1, 30 * SAMPLE_RATE + 7])
def test_there_is_a_step_for_each_begun_hundredth(samples: int) -> None:
    signal = measure_signal(np.zeros(samples, np.float32))
    assert all(len(values) == -(-samples // HOP) for values in signal)


def test_long_voices_are_measured_in_parts_without_seams() -> None:
    voice = babble_of(21)
    whole, part = measure_signal(voice).level, measure_signal(voice[19 * SAMPLE_RATE :]).level
    np.testing.assert_allclose(whole[19 * RATE + 5 :], part[5:], atol=1e-6)


def test_loudness_goes_from_pauses_to_peaks_however_loud_the_recording_is() -> None:
    voice = np.concatenate([babble_of(5), np.zeros(2 * SAMPLE_RATE, np.float32), babble_of(5)])
    loudness, faint = (judge_loudness(measure_signal(gain * voice).level) for gain in (1.0, 0.05))
    assert loudness.min() >= 0 and 0.9 < loudness.max() <= 1
    assert not loudness[550:650].any()
    assert np.corrcoef(loudness, faint)[0, 1] > 0.95


def test_gaps_within_words_are_bridged_and_clicks_are_left_out() -> None:
    loudness = np.zeros(500)
    loudness[100:130] = loudness[130 + PAUSE - 5 : 200] = 0.8  # a short gap between
    loudness[300:303] = 1  # a click
    loudness[400 + PAUSE : 460] = 0.8
    speaking = find_speech(loudness)
    assert speaking[100:200].all() and speaking[400 + PAUSE : 460].all()
    assert speaking.sum() == 100 + 60 - PAUSE


def test_what_is_judged_within_windows_changes_slowly_in_between() -> None:
    steps = 100 * RATE
    level = np.where(np.arange(steps) < steps // 2, 1.0, 3.0)
    (track,) = locally(steps, lambda window: (float(level[window].mean()),))
    assert len(track) == steps and track[0] == 1 and track[-1] == 3
    assert (np.diff(track) >= 0).all() and np.diff(track).max() < 0.01
