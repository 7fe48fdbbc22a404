"""Wav2Lip gives the numbers of the original network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from parity import assert_both_recordings_have_the_same_inputs, filled, recorded_inputs, watched
from recordings import load_recording
from retalk_nodes.models.lips.wav2lip import Wav2Lip
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> Wav2Lip:
    return cast(Wav2Lip, filled("wav2lip", made_weights))


@pytest.fixture(scope="module")
def given(network: Wav2Lip) -> dict[str, Tensor]:
    """Output and intermediates for the recorded inputs, under their recorded names."""
    seen: dict[str, Tensor] = {}
    parts = {
        "audio_feature": network.speech,
        "face_24": network.face[2],
        "face_1": network.face[6],
        "decoder_3": network.decoder[1],
        "decoder_96": network.decoder[6],
    }
    with torch.inference_mode(), watched(seen, **parts):
        seen["image_bgr"] = network(*recorded_inputs("wav2lip"))
    return seen


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("wav2lip", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("wav2lip")


def test_faces_in_a_batch_do_not_depend_on_each_other(network: Wav2Lip) -> None:
    mel, face = recorded_inputs("wav2lip")
    with torch.inference_mode():
        together = network(mel, face)
        apart = torch.cat([network(mel[i : i + 1], face[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, apart, rtol=0, atol=2e-5)


@pytest.mark.parametrize("given_anew", [0, 1], ids=["speech", "face"])
def test_the_picture_depends_on_both_inputs(given_anew: int, network: Wav2Lip) -> None:
    inputs = list(recorded_inputs("wav2lip"))
    with torch.inference_mode():
        before = network(*inputs)
        inputs[given_anew] = inputs[given_anew].flip(0)
        assert (network(*inputs) - before).abs().mean() > 0.02
