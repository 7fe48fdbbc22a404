"""The log-mel front end, against what the original program made of the same sound."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.stages import speech
from retalk_nodes.retalk_core.stages.speech import (
    COLUMNS_PER_SECOND,
    SAMPLE_RATE,
    WINDOW,
    log_mel,
    mel_windows,
)

Recording = Callable[[str], dict[str, np.ndarray]]


def test_the_spectrogram_repeats_the_recorded_one(recording: Recording) -> None:
    recorded = recording("audio_mel")
    mel = log_mel(torch.from_numpy(recorded["wav_16k"]))
    assert mel.shape == recorded["mel"].shape
    np.testing.assert_allclose(mel, recorded["mel"], atol=1e-4, rtol=0)


def test_the_mel_basis_is_the_recorded_one_and_librosas(recording: Recording) -> None:
    librosa_filters = pytest.importorskip("librosa.filters")
    basis = speech.mel_basis(55.0, 800)
    np.testing.assert_allclose(basis, recording("audio_mel")["mel_basis"], atol=1e-8, rtol=0)
    np.testing.assert_allclose(
        basis, librosa_filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600), atol=1e-8, rtol=0
    )


@pytest.mark.parametrize("rate", ["25.00", "29.97", "60.00"])
def test_windows_start_where_the_recorded_ones_do(recording: Recording, rate: str) -> None:
    recorded = recording("audio_chunks")
    starts = recorded[f"starts_{rate.replace('.', '_')}"][:-1]  # its last is moved back to fit
    times = [index / Fraction(rate) for index in range(len(starts))]
    voice = torch.from_numpy(recording("audio_mel")["wav_16k"])
    expected = log_mel(voice).unfold(1, WINDOW, 1)[:, torch.from_numpy(starts)].movedim(1, 0)
    assert torch.equal(mel_windows(voice, times).windows[:, 0], expected)


def test_windows_repeat_the_recorded_ones(recording: Recording) -> None:
    recorded = recording("audio_chunks")["chunks_29_97"][:-1]  # its last is moved back to fit
    voice = torch.from_numpy(recording("audio_mel")["wav_16k"])
    cut = mel_windows(voice, [index / Fraction("29.97") for index in range(len(recorded))])
    assert cut.windows.shape == (len(recorded), 1, 80, WINDOW)
    np.testing.assert_allclose(cut.windows[:, 0], recorded, atol=1e-4, rtol=0)


def test_the_spectrogram_is_what_librosa_makes_of_the_papers_recipe() -> None:
    librosa = pytest.importorskip("librosa")
    voice = _noise(SAMPLE_RATE).numpy() * np.hanning(SAMPLE_RATE).astype(np.float32)
    emphasised = np.append(voice[:1], voice[1:] - 0.97 * voice[:-1])
    stft = np.abs(librosa.stft(emphasised, n_fft=800, hop_length=200, pad_mode="constant"))
    basis = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    decibels = 20 * np.log10(np.maximum(1e-5, basis @ stft)) - 20
    expected = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)
    np.testing.assert_allclose(log_mel(torch.from_numpy(voice)), expected, atol=1e-3, rtol=0)


def test_silence_is_minus_four() -> None:
    mel = log_mel(torch.zeros(SAMPLE_RATE))
    assert mel.shape == (80, 81)
    assert mel.eq(-4).all()


def test_beyond_the_speech_there_is_silence() -> None:
    cut = mel_windows(_noise(SAMPLE_RATE // 2), [Fraction(0), Fraction(9, 20), Fraction(60)])
    assert cut.windows[0].gt(-4).any()
    assert cut.windows[1, 0, :, :5].gt(-4).any()
    assert cut.windows[1, 0, :, 7:].eq(-4).all()
    assert cut.windows[2].eq(-4).all()


def test_a_window_starts_exactly_where_its_frame_does_at_awkward_rates() -> None:
    voice = _noise(13 * SAMPLE_RATE)
    # Frame 300 begins with column 1001; 300 steps of 80 / 23.976 columns, as floats, end just below.
    window = mel_windows(voice, [300 / Fraction(24_000, 1001)]).windows[0, 0]
    assert torch.equal(window, log_mel(voice)[:, 1001 : 1001 + WINDOW])


def test_long_sound_is_transformed_in_parts_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = _noise(3 * SAMPLE_RATE + 123)
    whole = log_mel(voice)
    monkeypatch.setattr(speech, "_CHUNK", 7)
    torch.testing.assert_close(log_mel(voice), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("samples", [1, 199, 200, 799, 800])
def test_short_sound_has_a_column_for_each_begun_hop(samples: int) -> None:
    mel = log_mel(_noise(samples))
    assert mel.shape == (80, 1 + samples // 200)
    assert mel_windows(_noise(samples), [Fraction(0)]).windows.shape == (1, 1, 80, WINDOW)


def test_what_is_not_a_number_counts_as_silence() -> None:
    voice = _noise(SAMPLE_RATE)
    voice[5000:6000] = torch.nan
    voice[7000] = torch.inf
    assert log_mel(voice).isfinite().all()
    assert log_mel(torch.full((SAMPLE_RATE,), torch.nan)).eq(-4).all()


def test_levels_stay_between_minus_four_and_four() -> None:
    mel = log_mel(_noise(SAMPLE_RATE) * 1000)
    assert mel.min() >= -4
    assert mel.max() == 4


@pytest.mark.parametrize("waveform", [torch.zeros(0), torch.zeros(2, 100)])
def test_no_sound_and_stereo_are_refused(waveform: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        log_mel(waveform)


def test_no_frames_give_no_windows_and_none_may_come_before_the_sound() -> None:
    assert mel_windows(torch.zeros(100), []).windows.shape == (0, 1, 80, WINDOW)
    with pytest.raises(ValueError, match="before the sound"):
        mel_windows(torch.zeros(100), [Fraction(-1, 25)])


def test_a_column_lasts_an_eightieth_of_a_second() -> None:
    assert COLUMNS_PER_SECOND == 80
    click = torch.zeros(SAMPLE_RATE)
    click[SAMPLE_RATE // 2] = 1
    assert log_mel(click).sum(0).argmax() == 40


def test_the_spectrogram_needs_no_librosa() -> None:
    code = (
        "import sys; sys.modules['librosa'] = None\n"
        "import torch\n"
        "from retalk_nodes.retalk_core.stages.speech import log_mel\n"
        "print(log_mel(torch.zeros(400)).shape[1])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", _WITH_PACK + code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "3"


_WITH_PACK = (
    "import importlib.util as util, sys\n"
    f"root = {str(sys.modules['retalk_nodes'].__path__[0])!r}\n"
    "spec = util.spec_from_file_location('retalk_nodes', root + '/__init__.py', "
    "submodule_search_locations=[root])\n"
    "sys.modules['retalk_nodes'] = pack = util.module_from_spec(spec); spec.loader.exec_module(pack)\n"
)


def _noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0))
