"""The viseme listener: lips that meet, bite and round, heard without a word being understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
from retalk_nodes.retalk_core.visemes.listener import HeardLips, find_closures, listen
from retalk_nodes.retalk_core.visemes.signal import RATE, find_speech, judge_loudness, measure_signal
from retalk_nodes.retalk_core.visemes.sources import Heard
from voices import SAMPLE_RATE, babble_of, decoded

# "My lips were moved by nobody but you. Who would put a bigger smile upon my mouth?", in the demo's voice:
# the middles of its m, p and b, and of its open vowels, in seconds, as the synthesiser told
MEET = (1.09, 1.44, 1.86, 2.24, 2.73, 3.17, 4.53, 4.89, 5.38, 5.78, 6.06, 6.26)
OPEN = (1.18, 2.34, 2.82, 5.55, 5.90, 6.15, 6.44)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return decoded(Path(SHIPPED_VOICE))


def test_lips_meet_where_m_p_and_b_are_said_and_nowhere_else(voice: np.ndarray) -> None:
    closures = find_closures(listen(voice).closure, _speaking(voice))
    met = [any(start - 0.04 < moment < stop + 0.04 for start, stop in closures) for moment in MEET]
    assert np.mean(met) >= 0.85
    assert all(any(start - 0.06 < moment < stop + 0.06 for moment in MEET) for start, stop in closures)
    assert not any(start < moment < stop for moment in OPEN for start, stop in closures)


def test_open_vowels_are_open_and_closed_lips_are_not(voice: np.ndarray) -> None:
    opening = listen(voice).opening
    at = [opening[[round(moment * RATE) for moment in moments]] for moments in (OPEN, MEET)]
    assert np.median(at[0]) > 0.6
    assert np.median(at[1]) < 0.25


@pytest.mark.parametrize("block", [50, 100, 250])
def test_the_size_of_blocks_changes_nothing(voice: np.ndarray, block: int) -> None:
    whole, parts = listen(voice), listen(voice, block=block)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_same_voice_is_heard_alike_every_time(voice: np.ndarray) -> None:
    for one, other in zip(listen(voice), listen(voice), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_long_voice_is_looked_at_a_little_at_a_time() -> None:
    class Watched:
        """Tells how much of itself was asked for at a time."""

        longest = 0

        def __len__(self) -> int:
            return 90 * SAMPLE_RATE

        def __getitem__(self, part: slice) -> np.ndarray:
            start, stop, _ = part.indices(len(self))
            self.longest = max(self.longest, stop - start)
            return np.zeros(stop - start, np.float32)

    samples = Watched()
    assert len(listen(samples).closure) == 90 * RATE
    assert samples.longest <= 6 * SAMPLE_RATE


@pytest.mark.parametrize(
    "sound",
    [
        lambda noise: 0 * noise,
        lambda noise: 0.001 * noise,
        lambda noise: 0.3 * noise,
        lambda noise: np.nan * noise,
        lambda noise: 0.3 * np.sin(np.arange(len(noise)) / 20),
    ],
    ids=["silence", "soft noise", "loud noise", "no numbers", "a tone"],
)
def test_nothing_closes_where_nothing_is_said(sound) -> None:  # noqa: ANN001
    samples = sound(np.random.default_rng(0).normal(size=4 * SAMPLE_RATE)).astype(np.float32)
    assert not len(_wanted(samples).closures)


def test_what_is_wanted_covers_the_voice_and_stays_in_range() -> None:
    samples = babble_of(2.005)
    wanted = _wanted(samples)
    for values, low in ((wanted.opening, 0), (wanted.width, -1), (wanted.ceiling, 0), (wanted.known, 0)):
        assert values.shape == (201,)
        assert values.min() >= low and values.max() <= 1


def test_a_closure_that_is_only_likely_is_none_and_a_sure_one_lasts_while_it_is_likely() -> None:
    closure = np.zeros(100, np.float32)
    closure[20:26] = 0.45
    closure[60:68] = 0.3
    closure[63] = 0.9
    speaking = np.ones(100, bool)
    np.testing.assert_allclose(find_closures(closure, speaking), [[0.60, 0.68]])
    assert not len(find_closures(closure, ~speaking))


def _speaking(samples: np.ndarray) -> np.ndarray:
    return find_speech(judge_loudness(measure_signal(samples).level))


def _wanted(samples: np.ndarray):  # noqa: ANN202
    loudness = judge_loudness(measure_signal(samples).level)
    return HeardLips().wanted(Heard(samples, loudness, find_speech(loudness)), lambda done, total: None)
