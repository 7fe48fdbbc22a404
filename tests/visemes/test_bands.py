"""What the listener hears: a voice without its level and its timbre, a block at a time."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.models.voices.listener import BANDS
from retalk_nodes.retalk_core.visemes.bands import CHUNK, band_levels, normalise, normalised_blocks, sum_up
from retalk_nodes.retalk_core.visemes.signal import RATE
from voices import SAMPLE_RATE, babble_of


@pytest.mark.parametrize("hertz", [200, 1000, 4000])
def test_a_tone_is_heard_in_its_band_and_high_tones_in_high_bands(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    loudest = band_levels(tone, 10, 90).argmax(1)
    assert len(set(loudest)) == 1
    mel = [2595 * np.log10(1 + each / 700) for each in (80, hertz, 7600)]
    assert loudest[0] == pytest.approx((BANDS + 1) * (mel[1] - mel[0]) / (mel[2] - mel[0]) - 1, abs=1)


@pytest.mark.parametrize("gain", [0.01, 0.3, 1.7])
def test_how_loud_a_voice_is_falls_out(gain: float) -> None:
    voice = babble_of(4)
    usual, other = (_normalised(samples) for samples in (voice, gain * voice))
    np.testing.assert_allclose(other, usual, atol=0.02)


def test_silence_is_far_below_the_voice_and_never_further() -> None:
    mel = _normalised(np.concatenate([babble_of(3), np.zeros(2 * SAMPLE_RATE, np.float32)]))
    assert np.ptp(mel[-150:], axis=0).max() == 0
    assert (mel[-1] <= mel[: 3 * RATE].min(0) + 1e-6).all()


@pytest.mark.parametrize("block", [20, 100, 250])
def test_blocks_of_any_size_are_the_same_voice(block: int) -> None:
    voice = babble_of(12.3)
    whole = _normalised(voice)
    parts = [mel[7:-7] for _, _, mel in normalised_blocks(voice, block, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_another_speaker_is_judged_by_what_is_usual_about_him() -> None:
    first, second = babble_of(60), 0.01 * babble_of(60)
    alone = _normalised(second)[40 * RATE :]
    after = _normalised(np.concatenate([first, second]))[100 * RATE :]
    np.testing.assert_allclose(after, alone, atol=1e-4)


def _normalised(samples: np.ndarray) -> np.ndarray:
    return np.concatenate([mel for _, _, mel in normalised_blocks(samples, CHUNK, 0)])


def test_sums_of_parts_are_the_sum_of_all() -> None:
    levels = band_levels(babble_of(2), 0, 200)
    sums = sum_up(levels[:70]) + sum_up(levels[70:])
    np.testing.assert_allclose(sums, sum_up(levels), rtol=1e-9)
    assert normalise(levels, sums).dtype == np.float32
