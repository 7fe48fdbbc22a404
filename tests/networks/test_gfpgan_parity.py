"""GFPGAN gives the numbers of the original network with the noise that its checkpoint stores."""

from __future__ import annotations

import pytest
import torch
from probes import SMALLEST, decibels, loaded, run
from recordings import Recording, load_recording
from retalk_nodes.models.gfpgan import GFPGAN, LAYOUT
from torch import Tensor


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> GFPGAN:
    return loaded(GFPGAN(), LAYOUT, "gfpgan", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return load_recording("gfpgan", whole=False)


@pytest.fixture(scope="module")
def given(network: GFPGAN, recorded: Recording) -> dict[str, Tensor]:
    """Outputs and intermediates for the recorded pictures, under their recorded names."""
    inner = network.network
    parts = {
        "latents": inner.final_linear,
        "condition_scale_32": inner.condition_scale[2],
        "condition_shift_32": inner.condition_shift[2],
        "style_conv1": inner.stylegan_decoder.style_conv1,
        "rgb_64": inner.stylegan_decoder.to_rgbs[3],
    }
    seen = run(network, recorded.inputs["image_rgb"], parts)
    seen["latents"] = seen["latents"].unflatten(1, (16, 512))
    return {**seen, "image_rgb_out_stored_noise": seen[""]}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(
    whole: bool, given: dict[str, Tensor], recorded: Recording
) -> None:
    recording = load_recording("gfpgan", whole)
    assert torch.equal(recording.inputs["image_rgb"], recorded.inputs["image_rgb"])

    recording.assert_matches(given)


def test_bfloat16_leaves_the_picture_as_it_was(
    network: GFPGAN, given: dict[str, Tensor], recorded: Recording
) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        lower = network(recorded.inputs["image_rgb"][:1])

    assert decibels(lower, given["image_rgb_out_stored_noise"][:1]) >= SMALLEST


def test_dead_parts_are_not_kept(network: GFPGAN) -> None:
    assert not [key for key in network.state_dict() if "toRGB" in key or "style_mlp" in key]
