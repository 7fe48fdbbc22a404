"""GFPGAN gives the numbers of the original network with the noise that its checkpoint stores."""

from __future__ import annotations

from pathlib import Path

import pytest
import recipe
import torch
from probes import PARTS, SMALLEST, assert_part, decibels, loaded, run
from recordings import TOLERANCE, Recording, load_recording
from retalk_nodes.models.layers import repeating_filters
from retalk_nodes.models.restorers.gfpgan import GFPGAN, LAYOUT, convolve_doubled
from retalk_nodes.models.stylegan.tiles import Area, Tile
from torch import Tensor
from torch.nn import functional as F


@pytest.fixture(scope="module")
def network(made_weights: Path) -> GFPGAN:
    return loaded(GFPGAN(), LAYOUT, "gfpgan", made_weights)


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return load_recording("gfpgan", whole=False)


@pytest.fixture(scope="module")
def given(network: GFPGAN, recorded: Recording) -> dict[str, Tensor]:
    """Outputs and intermediates for the recorded pictures, under their recorded names."""
    parts = {
        "latents": network.to_styles,
        "condition_scale_32": network.levels[2].scale,
        "condition_shift_32": network.levels[2].shift,
        "style_conv1": network.start,
        "rgb_64": network.levels[3],
    }
    seen = collect(network, recorded.inputs["image_rgb"], parts)
    seen["latents"] = seen["latents"].unflatten(1, (16, 512))
    return {**seen, "image_rgb_out_stored_noise": seen[""]}


def collect(network: GFPGAN, pictures: Tensor, parts: dict[str, torch.nn.Module]) -> dict[str, Tensor]:
    """What the parts give for each picture: they see them one after another."""
    each = [run(network, picture, parts) for picture in pictures.split(1)]
    return {name: torch.cat([seen[name] for seen in each]) for name in each[0]}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(
    whole: bool, given: dict[str, Tensor], recorded: Recording
) -> None:
    recording = load_recording("gfpgan", whole)
    assert torch.equal(recording.inputs["image_rgb"], recorded.inputs["image_rgb"])

    recording.assert_matches(given)


def test_network_agrees_with_the_class_in_spandrel_for_other_weights(tmp_path: Path) -> None:
    from spandrel.architectures.GFPGAN import GFPGAN as Original  # noqa: N811, a class

    weights = recipe.recipe_tensors("gfpgan", 1)
    original = Original(
        out_size=512, num_style_feat=512, channel_multiplier=2, num_mlp=8, input_is_latent=True,
        different_w=True, narrow=1, sft_half=True,
    ).eval()  # fmt: skip
    original.load_state_dict(weights)
    picture = torch.from_numpy(recipe.image_u8(1, "image_rgb", (1, 3, 512, 512))).float() / 127.5 - 1

    network = loaded(GFPGAN(), LAYOUT, "gfpgan", tmp_path, seed=1)
    with torch.inference_mode():
        expected = original(picture, return_rgb=False, randomize_noise=False)[0]
        off = (network(picture) - expected).abs().max()

    assert off <= TOLERANCE * (1 + expected.abs().max())


@pytest.mark.parametrize("area", PARTS, ids=str)
def test_a_part_is_what_the_whole_picture_shows_there(
    network: GFPGAN, given: dict[str, Tensor], recorded: Recording, area: Area
) -> None:
    with torch.inference_mode():
        part = network(recorded.inputs["image_rgb"][:1], area)

    assert_part(part, given["image_rgb_out_stored_noise"][:1], area)


def test_bfloat16_leaves_the_picture_as_it_was(
    network: GFPGAN, given: dict[str, Tensor], recorded: Recording
) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        lower = network(recorded.inputs["image_rgb"][:1])

    assert lower.dtype == torch.float32
    assert decibels(lower, given["image_rgb_out_stored_noise"][:1]) >= SMALLEST


def test_doubling_behind_the_convolution_keeps_the_border() -> None:
    torch.manual_seed(0)
    x, weight, bias, gain = torch.randn(1, 5, 7, 7), torch.randn(4, 5, 3, 3), torch.randn(4), torch.rand(4)
    doubled = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    expected = F.conv2d(doubled, weight * gain[:, None, None, None], bias, padding=1)

    for filters in (repeating_filters(weight), torch.empty(0)):
        given = convolve_doubled(Tile.whole(x), Area.whole(14), 14, weight, filters, bias, gain)
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-4)


def test_dead_parts_are_not_kept(network: GFPGAN) -> None:
    weights = recipe.recipe_tensors("gfpgan", 0)
    dead = [key for key in weights if key.startswith(("toRGB.", "stylegan_decoder.style_mlp."))]
    assert len(network.state_dict()) == len(weights) - len(dead) and dead
