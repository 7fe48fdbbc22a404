"""D-Net gives the numbers of the original network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import plain_faces
import pytest
import torch
from parity import (
    assert_both_recordings_have_the_same_inputs,
    filled,
    plain_recording,
    recorded_inputs,
    watched,
)
from recordings import load_recording
from retalk_nodes.models.expression.dnet import DNet, warp
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> DNet:
    return cast(DNet, filled("dnet", made_weights))


def run(network: DNet, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Outputs and intermediates under their recorded names."""
    seen: dict[str, Tensor] = {}
    parts = {"descriptor": network.encoder, "into_hourglass_out": network.flow.norm}
    with torch.inference_mode(), watched(seen, editing_encoder_last=network.editor.down[2], **parts):
        picture, warped, flow = network(*inputs)
    return seen | {"fake_image": picture, "warp_image": warped, "flow_field": flow}


@pytest.fixture(scope="module")
def given(network: DNet) -> dict[str, Tensor]:
    """What it makes of the recorded inputs."""
    return run(network, recorded_inputs("dnet"))


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("dnet", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("dnet")


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    plain = plain_recording("dnet", plain_faces.d_net, seed=1)

    given = run(cast(DNet, filled("dnet", tmp_path, seed=1)), tuple(plain.inputs.values()))

    plain.assert_matches(given)


def test_bfloat16_leaves_the_picture_as_it_was(network: DNet) -> None:
    inputs = tuple(value[:1] for value in recorded_inputs("dnet"))

    with torch.inference_mode():
        full = network(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(*inputs)

    error = (lower.picture.float() - full.picture).square().mean().item()
    assert 10 * math.log10(2**2 / error) >= 45  # dB; pictures are in [-1, 1]
    assert torch.equal(lower.flow, full.flow)
    assert torch.equal(lower.warped, full.warped)


def test_warp_without_flow_shrinks_the_picture_by_a_64th() -> None:
    position = (torch.arange(256) + 0.5).expand(1, 3, 256, 256)

    warped = warp(position, torch.zeros(1, 2, 64, 64))

    expected = 128 + (torch.arange(2, 254) + 0.5 - 128) * 64 / 63
    torch.testing.assert_close(warped[0, 0, 128, 2:-2], expected, rtol=0, atol=1e-2)
    assert (warped[0, 0, 0] < 0.6 * warped[0, 0, 128]).all()  # the edge is half mixed with black


def test_flow_moves_along_its_axis() -> None:
    picture = torch.zeros(1, 3, 256, 256)
    picture[:, :, 128:132, 128:132] = 1
    flow = torch.zeros(1, 2, 64, 64)
    flow[:, 0] = 8  # cells to the right: the picture moves left

    rows, columns = warp(picture, flow)[0, 0].nonzero(as_tuple=True)

    assert abs(rows.float().mean() - 129.5) < 1
    assert abs(columns.float().mean() - (129.5 - 8 * 4)) < 2
