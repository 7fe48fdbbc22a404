"""PC-AVS is shown and told what it learned from."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.stages.lips import pcavs_speech
from retalk_nodes.retalk_core.stages.lips.pcavs import PCAVS
from retalk_nodes.retalk_core.stages.lips.pcavs_speech import LoudSpectrogram, loudness
from retalk_nodes.retalk_core.types import silent
from scenes import babble
from standins import HeadStandIn, IdentityStandIn, ListeningStandIn, PoseStandIn
from torch import nn

Recording = Callable[[str], dict[str, np.ndarray]]


def test_speech_is_what_was_recorded(recording: Recording) -> None:
    recorded, sound = recording("pcavs_data"), recording("wav2lip_run")["wav_16k"]
    heard = PCAVS.spectrogram(torch.from_numpy(sound))
    assert heard.shape == recorded["spectrogram"].T.shape
    np.testing.assert_allclose(heard.columns(0, 1000).T, recorded["spectrogram"], atol=1e-6, rtol=0)
    first = int(recorded["first_frame_of_output"])
    times = [Fraction(item + first, 25) for item in range(int(recorded["n_items"]))]
    windows = PCAVS.windows(heard, times)[:, 0]
    np.testing.assert_allclose(windows, recorded["windows"], atol=1e-6, rtol=0)


def test_a_long_voice_is_heard_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = torch.from_numpy(babble(3.0))
    whole = LoudSpectrogram(sound)
    expected = whole.make(0, whole.shape[1])
    monkeypatch.setattr(pcavs_speech, "_BLOCK", 700)
    monkeypatch.setattr("retalk_nodes.retalk_core.stages.speech._CHUNK", 37)
    parts = LoudSpectrogram(sound)
    assert loudness(sound) == pytest.approx(float(sound.double().square().mean().sqrt()))
    assert torch.equal(parts.columns(5, 250), expected[:, 5:250])


def test_loudness_makes_no_difference_but_where_there_is_nothing() -> None:
    sound = torch.from_numpy(babble(1.0))
    loud, quiet = (LoudSpectrogram(sound * gain).columns(20, 80) for gain in (1.0, 0.2))
    torch.testing.assert_close(loud, quiet, atol=1e-5, rtol=0)
    assert (LoudSpectrogram(torch.zeros(8000)).columns(0, 50) == 0).all()


def test_the_first_frames_look_back_into_silence() -> None:
    heard = PCAVS.spectrogram(torch.from_numpy(babble(1.0)))
    windows = PCAVS.windows(heard, [Fraction(0), Fraction(2, 25), Fraction(9)])
    assert (windows[0, 0, :, :8] == 0).all() and torch.equal(windows[0, 0, :, 8:], windows[1, 0, :, :12])
    assert (windows[2] == 0).all()


def networks() -> dict[str, nn.Module]:
    return {
        "pcavs_v": IdentityStandIn(),
        "pcavs_e": PoseStandIn(),
        "pcavs_a_sync": ListeningStandIn(),
        "pcavs_g": HeadStandIn(0.2),
    }


def test_identity_comes_from_the_reference_and_pose_from_the_face() -> None:
    lent = networks()
    faces, references = torch.rand(2, 3, 224, 224, 3)
    windows = torch.rand(3, 1, 80, 20)
    PCAVS.sync(lent, faces, references, windows, batch_size=2, progress=silent)
    (seen,), (held, _) = lent["pcavs_v"].inputs, lent["pcavs_e"].inputs
    torch.testing.assert_close(seen, references.permute(0, 3, 1, 2) * 2 - 1)
    torch.testing.assert_close(held, faces.permute(0, 3, 1, 2) * 2 - 1)


def test_noise_is_drawn_where_a_seed_is_given_and_is_every_frames() -> None:
    faces, windows = torch.full((2, 224, 224, 3), 0.5), torch.full((2, 1, 80, 20), 0.5)
    plain, noisy, again = (
        PCAVS.sync(networks(), faces, faces, windows, seed=seed, batch_size=1, progress=silent)
        for seed in (None, 3, 3)
    )
    assert torch.equal(noisy, again) and torch.equal(noisy[0], noisy[1])
    assert float((noisy - plain).std()) > 0.01
