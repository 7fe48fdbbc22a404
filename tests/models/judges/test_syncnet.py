"""SyncNet gives the numbers of the original network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from parity import assert_both_recordings_have_the_same_inputs, filled, recorded_inputs, watched
from recordings import load_recording
from retalk_nodes.models.judges.syncnet import SyncNet
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> SyncNet:
    return cast(SyncNet, filled("syncnet", made_weights))


@pytest.fixture(scope="module")
def given(network: SyncNet) -> dict[str, Tensor]:
    """Outputs and intermediates for the recorded inputs, under their recorded names."""
    seen: dict[str, Tensor] = {}
    parts = {
        "netcnnlip_3": network.lips[3],
        "netcnnlip_17": network.lips[17],
        "netcnnlip": network.lips,
        "netcnnaud_7": network.sound[7],
        "netcnnaud": network.sound,
    }
    lips, cepstra = recorded_inputs("syncnet")
    with torch.inference_mode(), watched(seen, **parts):
        lip, sound = network(lips.unflatten(1, (3, 5)), cepstra)
    return seen | {"lip_embedding": lip[:, 0], "audio_embedding": sound}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("syncnet", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("syncnet")


def test_a_row_of_frames_is_read_as_its_stretches_of_five(network: SyncNet) -> None:
    faces = 255 * torch.rand(1, 3, 7, 224, 224, generator=torch.Generator().manual_seed(1))

    with torch.inference_mode():
        together = network.read_lips(faces)[0]
        apart = torch.cat([network.read_lips(faces[:, :, i : i + 5])[0] for i in range(3)])

    assert together.shape == (3, 1024)
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5 * float(apart.abs().max()))
