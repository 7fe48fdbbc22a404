"""The 3DMM regressor gives the numbers of the original network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import plain_faces
import pytest
import recipe
import torch
from parity import (
    assert_both_recordings_have_the_same_inputs,
    filled,
    plain_recording,
    recorded_inputs,
    watched,
)
from recordings import load_recording
from retalk_nodes.models.faces.face3d import Face3D
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> Face3D:
    return cast(Face3D, filled("face3d", made_weights))


def run(network: Face3D, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Outputs and intermediates under their recorded names."""
    seen: dict[str, Tensor] = {}
    trunk = network.backbone
    parts = {"layer1": trunk.layer1, "layer3": trunk.layer3, "pooled": trunk.avgpool}
    with torch.inference_mode(), watched(seen, **parts):
        coefficients = network(*inputs)
    return seen | {"coeffs": coefficients}


def formulas(weights: dict[str, Tensor], picture: Tensor) -> dict[str, Tensor]:
    """Those of the plain results that are recorded."""
    given = plain_faces.face3d(weights, picture)
    return {key: given[key] for key in ("layer1", "layer3", "pooled", "coeffs")}


@pytest.fixture(scope="module")
def given(network: Face3D) -> dict[str, Tensor]:
    """What it makes of the recorded inputs."""
    return run(network, recorded_inputs("face3d"))


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("face3d", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("face3d")


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    plain = plain_recording("face3d", formulas, seed=1)

    given = run(cast(Face3D, filled("face3d", tmp_path, seed=1)), tuple(plain.inputs.values()))

    plain.assert_matches(given)


def test_coefficients_ignore_autocast(network: Face3D) -> None:
    picture = torch.rand(1, 3, 64, 64)

    with torch.inference_mode():
        full = network(picture)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(picture)

    assert torch.equal(lower, full)


def test_regressor_names_its_parts_in_the_order_of_the_row(network: Face3D) -> None:
    theirs = recipe.recipe_tensors("face3d", 0, only=r"^final_layers\.\d\.bias")

    ours = [head.bias for head in network.heads.values()]

    assert all(torch.equal(a, b) for a, b in zip(ours, theirs.values(), strict=True))
    assert [len(bias) for bias in ours] == [80, 64, 80, 3, 27, 2, 1]
