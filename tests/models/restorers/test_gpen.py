"""GPEN gives the numbers of the original network, and those of the plain formulas for other weights."""

from __future__ import annotations

from pathlib import Path

import plain_gpen
import pytest
import recipe
import torch
from probes import PARTS, SMALLEST, assert_part, decibels, loaded, run
from recordings import TOLERANCE, Recording, load_recording
from retalk_nodes.models.restorers.gpen import GPEN, LAYOUT, StyledConvolution
from retalk_nodes.models.stylegan.tiles import Area, Tile
from torch import Tensor, nn


@pytest.fixture(scope="module")
def network(made_weights: Path) -> GPEN:
    return loaded(GPEN(), LAYOUT, "gpen", made_weights)


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return load_recording("gpen", whole=False)


@pytest.fixture(scope="module")
def given(network: GPEN, recorded: Recording) -> dict[str, Tensor]:
    """Outputs and intermediates for the recorded pictures, under their recorded names."""
    level_64 = network.levels[3]
    assert isinstance(level_64, nn.Module)
    parts: dict[str, nn.Module] = {
        "ecd3": network.encoder[3],
        "ecd7": network.encoder[7],
        "encoder_vector": network.to_vector,
        "style_vector": network.mapping,
        "generator_conv1": network.first,
        "rgb_64": level_64,
    }
    seen = run(network, recorded.inputs["image_rgb"], parts)
    return {**seen, "image_rgb_out": seen[""]}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(
    whole: bool, given: dict[str, Tensor], recorded: Recording
) -> None:
    recording = load_recording("gpen", whole)
    assert torch.equal(recording.inputs["image_rgb"], recorded.inputs["image_rgb"])

    recording.assert_matches(given)


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    picture = torch.from_numpy(recipe.image_u8(1, "other", (2, 3, 512, 512))) / 127.5 - 1
    plain = recipe.recipe_tensors("gpen", seed=1)

    with torch.inference_mode():
        ours = loaded(GPEN(), LAYOUT, "gpen", tmp_path, seed=1)(picture)
        expected = torch.cat([plain_gpen.restore(plain, face) for face in picture.split(1)])

    largest = expected.abs().max().item()
    assert (ours - expected).abs().max().item() <= TOLERANCE * (1 + largest)


@pytest.mark.parametrize("up", [False, True])
def test_merged_weights_do_what_shared_weights_do(up: bool) -> None:
    torch.manual_seed(0)
    shared = StyledConvolution(6, 5, up=up)
    merged = StyledConvolution(6, 5, up=up, merge=True)
    state = {**shared.state_dict(), "bias": torch.randn(10), "strength": torch.tensor([0.7])}
    for convolution in (shared, merged):
        convolution.load_state_dict(state)
    size = 16 if up else 8
    x, style, encoded = torch.randn(3, 6, 8, 8), torch.randn(3, 512), torch.randn(3, 5, size, size)

    with torch.inference_mode():
        together = shared(Tile.whole(x), style, encoded, Area.whole(size)).values
        apart = [
            merged(Tile.whole(one), *others, Area.whole(size)).values
            for one, *others in zip(x.split(1), style.split(1), encoded.split(1), strict=True)
        ]

    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("area", PARTS, ids=str)
def test_a_part_is_what_the_whole_picture_shows_there(
    network: GPEN, given: dict[str, Tensor], recorded: Recording, area: Area
) -> None:
    pictures = recorded.inputs["image_rgb"]
    with torch.inference_mode():
        part = network(pictures, area)

    assert_part(part, given["image_rgb_out"], area)


def test_bfloat16_leaves_the_picture_as_it_was(
    network: GPEN, given: dict[str, Tensor], recorded: Recording
) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        lower = network(recorded.inputs["image_rgb"][:1])

    assert lower.dtype == torch.float32
    assert decibels(lower, given["image_rgb_out"][:1]) >= SMALLEST
