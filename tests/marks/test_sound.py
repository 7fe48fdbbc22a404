"""A mark in sound is found in what codecs leave, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY
from retalk_nodes.retalk_core.marks.identity import id_prefix
from retalk_nodes.retalk_core.marks.sound import find_sound_mark, folded_sound, read_folded
from retalk_nodes.retalk_core.marks.sound_lay import marked_sound
from retalk_nodes.retalk_core.media.sound import read_mono

NUMBER, RATE = 0xFEDC_BA98_7654_3210, 22_050


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return read_mono(SHIPPED_VOICE, RATE)


@pytest.fixture(scope="module")
def marked(voice: np.ndarray) -> np.ndarray:
    return np.concatenate(list(marked_sound([voice[None]], RATE, NUMBER, key=PUBLIC_KEY)), axis=1)[0]


def test_the_id_is_read(marked: np.ndarray) -> None:
    found = find_sound_mark(marked, RATE)
    assert found.present and found.where == "sound" and found.id == id_prefix(NUMBER, 16)


def test_it_is_read_at_another_rate_cut_and_in_noise(marked: np.ndarray) -> None:
    noise = np.random.default_rng(0).standard_normal(len(marked)) * marked.std() * 0.1
    for samples, rate in (
        (soxr.resample(marked, RATE, 16_000), 16_000),
        (marked[int(1.3 * RATE) :], RATE),
        (0.3 * marked, RATE),
        (marked + noise.astype(np.float32), RATE),
    ):
        found = find_sound_mark(samples, rate, tempos=(1.0,))
        assert found.present and found.id == id_prefix(NUMBER, 16)


def test_nothing_is_found_in_200_trials_without_a_mark(voice: np.ndarray, marked: np.ndarray) -> None:
    for samples in (voice, marked):
        folded = list(folded_sound(samples, RATE, tempos=(1.0,)))
        for number in range(100):
            found = read_folded(folded, f"other {number}".encode(), tempos=1)
            assert not found.present and found.id is None and found.score < found.threshold


def test_too_little_is_told(voice: np.ndarray) -> None:
    for samples in (voice[:RATE], np.zeros(10 * RATE, np.float32)):
        found = find_sound_mark(samples, RATE)
        assert not found.present and "too little" in found.words
