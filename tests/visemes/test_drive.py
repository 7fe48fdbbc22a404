"""The mouth's drive: shut when nothing is said, open with the voice, lips that meet and lips that round."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.runs import true_runs
from retalk_nodes.retalk_core.visemes.drive import MouthDrive, mouth_drive, sample_drive
from retalk_nodes.retalk_core.visemes.signal import RATE
from voices import SAMPLE_RATE, babble_of, decoded, needs_recogniser, needs_voice, spoken

both_ways = pytest.mark.parametrize("phones", [pytest.param(True, marks=needs_recogniser), False])


# Shut


SOUNDS = {
    "zeros": lambda time, noise: 0 * time,
    "dither": lambda time, noise: np.round(0.5 * noise) / 32768,
    "soft noise": lambda time, noise: 0.001 * noise,
    "loud noise": lambda time, noise: 0.3 * noise,
    "noise that swells": lambda time, noise: 0.01 * noise * time,
    "noise that begins": lambda time, noise: 0.01 * noise * (time > 2),
    "hum": lambda time, noise: sum(0.1 * np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 20)),
    "clicks": lambda time, noise: 0.9 * (np.arange(len(time)) % 20_000 == 9_999),
    "no numbers": lambda time, noise: np.nan * time,
    "infinite": lambda time, noise: np.inf * (time + 1),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_the_mouth_stays_shut_for(name: str) -> None:
    time = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    drive = mouth_drive(SOUNDS[name](time, noise).astype(np.float32))
    assert not drive.opening.any()
    assert not drive.width.any()
    assert not drive.speaking.any()


@both_ways
@pytest.mark.parametrize("room", [0.0, 0.001, 0.005], ids=["digital silence", "a room", "a noisy room"])
def test_a_hole_in_speech_shuts_the_mouth_at_once_and_wholly(phones: bool, room: float) -> None:
    speech = babble_of(3)
    voice = np.concatenate([speech, np.zeros(3 * SAMPLE_RATE, np.float32), speech])
    voice += room * np.random.default_rng(0).normal(size=len(voice)).astype(np.float32)
    opening, width, _, speaking = sample_drive(mouth_drive(voice, phones=phones), _frames(9))
    inside = slice(75 + 4, 150 - 4)  # four frames to close, and to open again
    assert opening[inside].max() < 1e-3
    assert np.abs(width[inside]).max() < 1e-3
    assert not speaking[inside].any()
    assert opening[:70].max() > 0.8
    assert opening[155:].max() > 0.8


def test_a_long_pause_is_not_taken_for_a_soft_voice() -> None:
    rustle = babble_of(70) * 0.001
    voice = np.concatenate([babble_of(5), rustle, babble_of(5)])
    drive = mouth_drive(voice, phones=False)
    assert drive.opening[6 * RATE : 74 * RATE].max() < 1e-3
    assert drive.speaking[: 4 * RATE].mean() > 0.9


# Open


@both_ways
def test_the_mouth_opens_with_the_voice_and_not_at_another_time(phones: bool) -> None:
    voice = babble_of(8)
    _assert_in_time(mouth_drive(voice, phones=phones), voice)


@both_ways
@pytest.mark.media
@pytest.mark.parametrize("name", ["speech_1.wav", "face_1.mp4", "face_3.mp4", "face_5.mp4"])
def test_the_mouth_opens_with_a_real_voice(media: Path, name: str, phones: bool) -> None:
    voice = decoded(media / name)
    _assert_in_time(mouth_drive(voice, phones=phones), voice)


@needs_voice
@both_ways
@pytest.mark.parametrize("language", ["en-us+f3", "de", "fr", "es", "cmn"])
def test_the_mouth_opens_with_voices_in_many_languages(tmp_path: Path, language: str, phones: bool) -> None:
    texts = {
        "de": "Am Morgen kommen mehr Leute.",
        "fr": "Bonjour tout le monde.",
        "cmn": "大家好，我们去公园。",
    }
    text = texts.get(language, "Banana and papaya, moon and tomato.")
    voice = spoken(tmp_path, f"{text} {text}", language)
    _assert_in_time(mouth_drive(voice, phones=phones), voice)


@pytest.mark.parametrize("gain", [0.01, 1, 100], ids=["faint", "usual", "overdriven"])
def test_how_loud_a_voice_was_recorded_hardly_matters(gain: float) -> None:
    voice = babble_of(6)
    usual = mouth_drive(voice, phones=False).opening
    other = mouth_drive(np.clip(gain * voice, -1, 1), phones=False).opening
    assert np.corrcoef(usual, other)[0, 1] > 0.9
    assert abs(usual.mean() - other.mean()) < 0.1


def test_a_second_speaker_who_is_far_softer_opens_the_mouth_too() -> None:
    voice = np.concatenate([babble_of(40), 0.1 * babble_of(40)])
    opening = mouth_drive(voice, phones=False).opening
    loud, soft = opening[: 20 * RATE], opening[60 * RATE :]
    assert soft.mean() > 0.8 * loud.mean()


def test_a_voice_in_noise_still_opens_and_shuts_the_mouth() -> None:
    voice = babble_of(6)
    noise = np.random.default_rng(0).normal(size=len(voice)) * voice.std() * 10 ** (-10 / 20)
    noisy = mouth_drive((voice + noise).astype(np.float32), phones=False).opening
    assert np.corrcoef(mouth_drive(voice, phones=False).opening, noisy)[0, 1] > 0.85


# Shapes


@needs_voice
@needs_recogniser
def test_lips_meet_in_mama_and_papa(tmp_path: Path) -> None:
    voice = spoken(tmp_path, "mama, papa, mama.", "en-us", speed=130)
    drive = mouth_drive(voice, phones=True)
    assert len(drive.closures) >= 3
    opening, *_ = sample_drive(drive, [Fraction(i, 25) for i in range(int(25 * len(voice) / SAMPLE_RATE))])
    shut = [run for run in true_runs(opening < 0.02) if opening[: run[0]].any() and opening[run[1] :].any()]
    assert len(shut) >= 3


@needs_voice
@needs_recogniser
def test_oo_rounds_the_lips_and_ee_spreads_them(tmp_path: Path) -> None:
    round_lips = mouth_drive(
        spoken(tmp_path, "Who do you sue? You do, too.", "en-us", speed=120), phones=True
    )
    wide_lips = mouth_drive(
        spoken(tmp_path, "He sees these teas. See, she is Lee.", "en-us", speed=120), phones=True
    )
    spoken_round, spoken_wide = (drive.loudness > 0.6 for drive in (round_lips, wide_lips))
    assert np.percentile(round_lips.width, 5) < -0.5
    assert round_lips.width[spoken_round].mean() < wide_lips.width[spoken_wide].mean() - 0.3
    assert np.median(round_lips.opening[spoken_round & (round_lips.width < -0.5)]) < 0.5


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(60)])
@pytest.mark.parametrize("moment", [0.500, 0.507, 0.513, 0.520, 0.533])
def test_a_closure_is_seen_at_any_rate(rate: Fraction, moment: float) -> None:
    drive = _drive(opening=np.ones(100), closures=np.array([[moment - 0.001, moment + 0.001]]))
    times = [index / rate for index in range(int(rate))]
    opening, *_ = sample_drive(drive, times, lead=0)
    assert opening.min() == 0
    middle = float(times[int(opening.argmin())]) + 0.5 / float(rate)
    assert abs(middle - moment) <= 0.5 / float(rate) + 1e-9


# Sampling


def test_a_frame_shows_the_middle_of_its_time() -> None:
    ramp = np.arange(200) / 200
    opening, *_ = sample_drive(_drive(opening=ramp), [Fraction(i, 25) for i in range(10, 40)], lead=0)
    expected = (np.arange(10, 40) + 0.5) / 25 * RATE / 200
    np.testing.assert_allclose(opening + 0.5 / 200, expected, atol=1e-3)


def test_lips_lead_the_sound_by_as_much_as_is_asked() -> None:
    ramp = np.arange(200) / 200
    times = [Fraction(i, 25) for i in range(10, 40)]
    plain, _, loudness, _ = sample_drive(_drive(opening=ramp, loudness=ramp), times, lead=0)
    early, _, same_loudness, _ = sample_drive(_drive(opening=ramp, loudness=ramp), times, lead=0.04)
    np.testing.assert_allclose(early[:-1], plain[1:], atol=1e-3)
    np.testing.assert_array_equal(loudness, same_loudness)


def test_motion_too_fast_for_the_frames_is_averaged_out() -> None:
    flutter = (np.arange(400) // 2 % 2).astype(float)  # 25 times a second
    opening, *_ = sample_drive(_drive(opening=flutter), [Fraction(i, 25) for i in range(10, 90)], lead=0)
    assert opening.std() < 0.05


def test_a_changing_frame_rate_is_followed() -> None:
    ramp = np.arange(300) / 300
    times = [Fraction(0), Fraction(1, 30), Fraction(3, 30), Fraction(4, 30), Fraction(2), Fraction(61, 30)]
    opening, *_ = sample_drive(_drive(opening=ramp), times, lead=0)
    assert all(earlier < later for earlier, later in pairwise(opening))
    assert opening[3] * 3 < 0.3  # a picture that stays for long shows its beginning


def test_beyond_the_voice_the_mouth_is_shut() -> None:
    drive = _drive(opening=np.ones(100), speaking=np.ones(100, bool))
    opening, width, loudness, speaking = sample_drive(drive, [Fraction(1, 2), Fraction(2), Fraction(1000)])
    assert opening[0] == pytest.approx(1)
    assert speaking.tolist() == [True, False, False]
    assert not opening[1:].any() and not width[1:].any() and not loudness[1:].any()


def test_no_frames_give_nothing_and_one_frame_works() -> None:
    drive = _drive(opening=np.ones(100))
    assert [len(part) for part in sample_drive(drive, [])] == [0, 0, 0, 0]
    assert [len(part) for part in sample_drive(drive, [Fraction(1, 2)])] == [1, 1, 1, 1]


# Any input


@both_ways
@pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 1600, 3200])
def test_any_length_gives_a_step_for_each_begun_hundredth(samples: int, phones: bool) -> None:
    drive = mouth_drive(babble_of(1)[4000 : 4000 + samples], phones=phones)
    assert len(drive) == -(-samples // 160)
    assert drive.source == ("listener" if phones else "signal")
    for values, low in ((drive.opening, 0), (drive.width, -1), (drive.loudness, 0)):
        assert values.dtype == np.float32
        assert values.shape == drive.speaking.shape
        assert np.isfinite(values).all() and values.min() >= low and values.max() <= 1


@both_ways
def test_gaps_of_no_numbers_count_as_silence(phones: bool) -> None:
    voice = babble_of(3)
    clean = voice.copy()
    voice[20_000:25_000], clean[20_000:25_000] = np.nan, 0
    np.testing.assert_array_equal(
        mouth_drive(voice, phones=phones).opening, mouth_drive(clean, phones=phones).opening
    )


@both_ways
def test_the_same_voice_gives_the_same_drive(phones: bool) -> None:
    first, second = (mouth_drive(babble_of(3), phones=phones) for _ in range(2))
    np.testing.assert_array_equal(first.opening, second.opening)
    np.testing.assert_array_equal(first.width, second.width)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros((2, 100))])
def test_no_sound_and_stereo_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        mouth_drive(samples)


# Helpers


def _frames(seconds: int) -> list[Fraction]:
    return [Fraction(index, 25) for index in range(25 * seconds)]


def _drive(opening: np.ndarray, **others: np.ndarray) -> MouthDrive:
    nothing = np.zeros(len(opening), np.float32)
    fields = {
        "width": nothing,
        "loudness": nothing,
        "speaking": nothing.astype(bool),
        "closures": np.zeros((0, 2)),
    }
    return MouthDrive(opening=opening.astype(np.float32), source="listener", **{**fields, **others})


def _log_energy(voice: np.ndarray, rate: int, frames: int) -> np.ndarray:
    """Log energy (frames,) of 125 to 4000 Hz about each frame's middle, within its 3rd to 95th percentile."""
    half = SAMPLE_RATE // rate // 2
    padded = np.pad(voice, SAMPLE_RATE)
    middles = [int((index + 0.5) / rate * SAMPLE_RATE) + SAMPLE_RATE for index in range(frames)]
    windows = np.stack([padded[middle - half : middle + half] for middle in middles]) * np.hanning(2 * half)
    power = np.abs(np.fft.rfft(windows, 1024)) ** 2
    frequency = np.fft.rfftfreq(1024, 1 / SAMPLE_RATE)
    energy = np.log(power[:, (frequency >= 125) & (frequency <= 4000)].sum(1) + 1e-6)
    return np.clip(energy, *np.percentile(energy, (3, 95)))


def _assert_in_time(drive: MouthDrive, voice: np.ndarray) -> None:
    """Opening and energy rise and fall together, four frames off not; an M, loud and shut, is left out."""
    frames = int(25 * len(voice) / SAMPLE_RATE)
    opening, *_ = sample_drive(drive, [Fraction(index, 25) for index in range(frames)])
    energy = _log_energy(voice, 25, frames)
    for start, stop in drive.closures - 0.01:
        opening[int(25 * (start - 0.06)) : int(25 * (stop + 0.06)) + 1] = np.nan
    by_lag = {lag: _correlation_at(opening, energy, lag) for lag in range(-4, 5)}
    assert max(by_lag, key=lambda lag: by_lag[lag]) in (-1, 0)  # lips may lead by a frame
    assert by_lag[0] > 0.7
    assert max(by_lag[-4], by_lag[4]) < by_lag[0] - 0.3


def _correlation_at(opening: np.ndarray, energy: np.ndarray, lag: int) -> float:
    """How well the mouth `lag` frames later agrees with the sound."""
    frames = len(opening)
    mouth = opening[max(lag, 0) : frames + min(lag, 0)]
    sound = energy[max(-lag, 0) : frames + min(-lag, 0)]
    free = np.isfinite(mouth)
    return float(np.corrcoef(mouth[free], sound[free])[0, 1])
