"""PC-AVS' four networks give the numbers of the original ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import recipe
import torch
from parity import filled, watched
from recordings import load_recording
from retalk_nodes.models.lips.pcavs_draw import NOISE_SIDES, draw_head_noise
from torch import Tensor

NAMES = ("pcavs_v", "pcavs_e", "pcavs_a_sync", "pcavs_g")


@pytest.fixture(scope="module")
def networks(made_weights: Path) -> dict[str, Any]:
    return {name: filled(name, made_weights) for name in NAMES}


@pytest.fixture(scope="module")
def given(networks: dict[str, Any]) -> dict[str, Tensor]:
    """Everything that was recorded, for the recorded inputs."""
    inputs = load_recording("pcavs", whole=False).inputs
    v, e, a, g = (networks[name] for name in NAMES)
    seen: dict[str, Tensor] = {}
    noise = [
        torch.from_numpy(recipe.noise(0, f"pcavs/noise{i}", (2, 1, side, side))).float()
        for i, side in enumerate(NOISE_SIDES)
    ]
    parts = {"landmark_maps": e.maps, "into_hourglass": e.top}
    with torch.inference_mode(), watched(seen, **parts):
        seen["identity_vector"], seen["identity_map"] = v(inputs["identity_rgb"])
        seen["head_feature"] = e.look(inputs["pose_rgb"])
        seen["speech_feature"] = a(inputs["mel"])
        codes = e(inputs["pose_rgb"], seen["speech_feature"])
        seen["pose_code"] = codes[:, 500:]
        seen["style"] = torch.cat([seen["identity_vector"], codes], dim=1)
        seen["image_rgb_recipe_noise"] = g(seen["style"], seen["identity_map"], noise)
        with watched(seen, conv1_zero_noise=g.first, convs3_zero_noise=g.levels[1].refine):
            seen["image_rgb_zero_noise"] = g(seen["style"], seen["identity_map"])
    return seen


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_networks_repeat_the_recorded_outputs(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("pcavs", whole).assert_matches(given)


def test_heads_in_a_batch_do_not_depend_on_each_other(
    networks: dict[str, Any], given: dict[str, Tensor]
) -> None:
    draw = networks["pcavs_g"]
    with torch.inference_mode():
        apart = [draw(given["style"][i : i + 1], given["identity_map"][i : i + 1]) for i in range(2)]
    torch.testing.assert_close(given["image_rgb_zero_noise"], torch.cat(apart), rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "part", [slice(0, 2048), slice(2048, 2548), slice(2548, 2560)], ids=["who", "mouth", "head"]
)
def test_the_picture_depends_on_every_part_of_the_style(
    part: slice, networks: dict[str, Any], given: dict[str, Tensor]
) -> None:
    style = given["style"].clone()
    style[:, part] = style[:, part].flip(0)
    with torch.inference_mode():
        other = networks["pcavs_g"](style, given["identity_map"])
    assert (other - given["image_rgb_zero_noise"]).abs().mean() > 0.01


def test_noise_is_the_same_for_a_seed() -> None:
    one, same, other = (draw_head_noise(seed) for seed in (1, 1, 2))
    assert [tuple(each.shape) for each in one] == [(1, 1, side, side) for side in NOISE_SIDES]
    assert all(map(torch.equal, one, same)) and not torch.equal(one[0], other[0])
