"""A voice in blocks is the voice, sample for sample, however it is asked for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media import voice as module
from retalk_nodes.retalk_core.media.sound import Decoder, SoundArray, read_mono
from retalk_nodes.retalk_core.media.voice import BLOCKS_KEPT, Voice
from retalk_nodes.retalk_core.stages import speech
from retalk_nodes.retalk_core.stages.speech import SAMPLE_RATE, Spectrogram, log_mel
from retalk_nodes.retalk_core.visemes.drive import mouth_drive
from scenes import babble

BLOCK = 5000  # samples, in these tests


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> SoundArray:
    """Twelve seconds of stereo, many times what is kept of it."""
    monkeypatch.setattr(module, "VOICE_BLOCK", BLOCK)
    said = np.interp(np.arange(12 * 44_100) / 44_100, np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE, babble(12))
    return SoundArray(np.stack([said, 0.5 * said]).astype(np.float32), 44_100)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that a sound is decoded from its beginning."""
    times: list[int] = []
    heard = Decoder.heard

    def counted(self: Decoder, rate: int) -> Iterator[np.ndarray]:
        times.append(rate)
        return heard(self, rate)

    monkeypatch.setattr(Decoder, "heard", counted)
    return times


def test_every_part_is_what_reading_at_once_gives(sound: SoundArray) -> None:
    whole = read_mono(sound, SAMPLE_RATE)
    rng = np.random.default_rng(0)
    with Voice(sound, SAMPLE_RATE) as voice:
        assert len(voice) == len(whole)
        for first, last in rng.integers(0, len(whole) + BLOCK, (40, 2)).tolist():
            np.testing.assert_array_equal(voice[first:last], whole[first:last])
        np.testing.assert_array_equal(voice[:], whole)
        part = voice.part(12_345, 40_000)
        assert len(part) == 40_000
        np.testing.assert_array_equal(part[100:9000], whole[12_445:21_345])
        assert len(voice.part(len(whole) - 10, 40_000)) == 10


def test_reading_on_decodes_once_more_and_keeps_little(sound: SoundArray, decoded: list[int]) -> None:
    with Voice(sound, SAMPLE_RATE) as voice:
        count = len(voice)
        for first in range(0, count, 1000):
            _ = voice[max(first - BLOCK, 0) : first + 2000]
            assert sum(len(block) for block in voice._blocks.values()) <= BLOCKS_KEPT * BLOCK
        assert len(decoded) == 2


def test_a_short_voice_is_decoded_once(sound: SoundArray, decoded: list[int]) -> None:
    short = SoundArray(sound.samples[:, :44_100], 44_100)
    with Voice(short, SAMPLE_RATE) as voice:
        for _ in range(3):
            assert len(voice[:]) == len(voice) == SAMPLE_RATE
    assert len(decoded) == 1


def test_the_drive_and_the_spectrogram_are_the_same_bit_for_bit(
    sound: SoundArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "_CHUNK", 100)
    whole = read_mono(sound, SAMPLE_RATE)
    with Voice(sound, SAMPLE_RATE) as voice:
        drives = mouth_drive(voice), mouth_drive(whole)
        for name in ("opening", "width", "loudness", "speaking", "closures"):
            np.testing.assert_array_equal(*(getattr(drive, name) for drive in drives))
        mel, heard = log_mel(torch.from_numpy(whole)), Spectrogram(voice)
        assert heard.shape == mel.shape
        for first in (0, 95, 90, 400, 7, 950):
            assert torch.equal(heard.columns(first, first + 120), mel[:, first : first + 120])
        assert len(heard._parts) <= 2


def test_what_is_odd_about_a_voice_is_noted(sound: SoundArray) -> None:
    with Voice(SoundArray(sound.samples * np.array([[1], [-2]]), 44_100), SAMPLE_RATE) as voice:
        assert len(voice) == 12 * SAMPLE_RATE and "cancel each other for 12 s" in voice.notes[0]
    with Voice(SoundArray(np.repeat(sound.samples[:1], 5, 0), 44_100), SAMPLE_RATE) as voice:
        assert len(voice) == 12 * SAMPLE_RATE and "5 channels" in voice.notes[0]
    with Voice(sound, SAMPLE_RATE) as voice:
        assert len(voice) == 12 * SAMPLE_RATE and not voice.notes


def test_without_sound_it_is_refused_when_it_is_asked(tmp_path: Path) -> None:
    with Voice(tmp_path / "none.wav", SAMPLE_RATE) as voice, pytest.raises(InputError):
        len(voice)


def test_an_hour_takes_no_more_memory_than_some_minutes() -> None:
    still = SoundArray(np.broadcast_to(np.float32(0), (1, 3600 * SAMPLE_RATE)), SAMPLE_RATE)
    tracemalloc.start()
    try:
        with Voice(still, SAMPLE_RATE) as voice:
            for first in range(0, len(voice), 60 * SAMPLE_RATE):
                assert len(voice[first : first + SAMPLE_RATE]) == SAMPLE_RATE
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6  # all of it would be 230 MB
