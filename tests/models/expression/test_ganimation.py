"""GANimation gives the numbers of the original network."""

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
from retalk_nodes.models.expression.ganimation import Ganimation
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> Ganimation:
    return cast(Ganimation, filled("ganimation", made_weights))


def run(network: Ganimation, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Outputs and intermediates under their recorded names."""
    seen: dict[str, Tensor] = {}
    with torch.inference_mode(), watched(seen, into_features=network.colour_head):
        picture, colour, mask = network(*inputs)
    return seen | {"fused": picture, "color": colour, "au_mask": mask}


@pytest.fixture(scope="module")
def given(network: Ganimation) -> dict[str, Tensor]:
    """What it makes of the recorded inputs."""
    return run(network, recorded_inputs("ganimation"))


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("ganimation", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("ganimation")


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    plain = plain_recording("ganimation", plain_faces.ganimation, seed=1)

    given = run(cast(Ganimation, filled("ganimation", tmp_path, seed=1)), tuple(plain.inputs.values()))

    plain.assert_matches(given)


def test_bfloat16_leaves_the_picture_as_it_was(network: Ganimation) -> None:
    inputs = tuple(value[:1] for value in recorded_inputs("ganimation"))

    with torch.inference_mode():
        full = network(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(*inputs)

    error = (lower.picture.float() - full.picture).square().mean().item()
    assert 10 * math.log10(2**2 / error) >= 45  # dB; pictures are in [-1, 1]
