"""The viseme listener: lips that meet, bite and round, heard without a word being understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
from retalk_nodes.retalk_core.visemes.closures import LENGTHS
from retalk_nodes.retalk_core.visemes.listener import BITES, CLOSURES, HeardLips, find_spans, listen, named
from retalk_nodes.retalk_core.visemes.signal import RATE, find_speech, judge_loudness, measure_signal
from retalk_nodes.retalk_core.visemes.sources import Heard, Wanted
from retalk_nodes.retalk_core.visemes.targets import Phone
from voices import SAMPLE_RATE, babble_of, decoded

# "My lips were moved by nobody but you. Who would put a bigger smile upon my mouth?", in the demo's voice:
# the middles of its m, p and b, and of its open vowels, in seconds, as the synthesiser told
MEET = (1.09, 1.44, 1.86, 2.24, 2.73, 3.17, 4.53, 4.89, 5.38, 5.78, 6.06, 6.26)
OPEN = (1.18, 2.34, 2.82, 5.55, 5.90, 6.15, 6.44)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return decoded(Path(SHIPPED_VOICE))


def test_lips_meet_where_m_p_and_b_are_said_and_hardly_elsewhere(voice: np.ndarray) -> None:
    closures = _wanted(voice).closures
    met = [any(start - 0.04 < moment < stop + 0.04 for start, stop in closures) for moment in MEET]
    assert np.mean(met) >= 0.85
    meant = [any(start - 0.06 < moment < stop + 0.06 for moment in MEET) for start, stop in closures]
    assert np.mean(meant) >= 0.85  # the others are at pauses
    assert not any(start < moment < stop for moment in OPEN for start, stop in closures)


def test_open_vowels_are_open_and_closed_lips_are_not(voice: np.ndarray) -> None:
    opening = listen(voice).opening
    at = [opening[[round(moment * RATE) for moment in moments]] for moments in (OPEN, MEET)]
    assert np.median(at[0]) > 0.5
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


def test_a_closure_that_is_only_likely_is_none_unless_it_is_recognised_too() -> None:
    sure, speaking = np.zeros(200, np.float32), np.ones(200, bool)
    sure[20:28] = 0.9 * CLOSURES.alone
    sure[60:68] = sure[160:170] = 0.9 * CLOSURES.alone
    sure[63] = sure[163] = 1
    alone = find_spans(sure, speaking, CLOSURES, None, LENGTHS)
    np.testing.assert_allclose(alone, [[0.60, 0.68], [1.60, 1.70]])
    recognised = np.array([[0.2, 0.28], [0.6, 0.67], [1.0, 1.1]])  # the last one is not heard at all
    both = find_spans(sure, speaking, CLOSURES, recognised, LENGTHS)
    np.testing.assert_allclose(both.mean(1), [0.24, 0.64, 1.65], atol=0.02)
    assert not len(find_spans(sure, ~speaking, CLOSURES, recognised, LENGTHS))


@pytest.mark.parametrize("lasts", [1, 40])
def test_a_closure_lasts_as_long_as_lips_can(lasts: int) -> None:
    sure = np.zeros(200, np.float32)
    sure[100 : 100 + lasts] = 1
    ((start, stop),) = find_spans(sure, np.ones(200, bool), BITES, None, LENGTHS)
    assert stop - start == pytest.approx(LENGTHS[0] if lasts == 1 else LENGTHS[1])


def test_sounds_are_found_by_name() -> None:
    sounds = [Phone("B", 0.1, 0.2), Phone("AA", 0.2, 0.3), Phone("F", 0.3, 0.4)]
    np.testing.assert_array_equal(named(sounds, "BPM"), [[0.1, 0.2]])
    assert named(None, "BPM") is None
    assert named([], "FV").shape == (0, 2)


def _wanted(samples: np.ndarray) -> Wanted:
    loudness = judge_loudness(measure_signal(samples).level)
    return HeardLips(phones=False).wanted(
        Heard(samples, loudness, find_speech(loudness)), lambda done, total: None
    )
