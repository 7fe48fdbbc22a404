"""Networks in training have the released files' tensors, and draw what the networks that draw do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plain_lips
import pytest
import recipe
import torch
from recordings import load_recording
from retalk_nodes.models.checkpoint import Blank
from retalk_nodes.models.lips.enet import draw_noise
from retalk_nodes.models.training.discriminators import PatchDiscriminator, QualityDiscriminator
from retalk_nodes.models.training.dnet import DNetInTraining, DNetShape
from retalk_nodes.models.training.enet import ENetInTraining, ENetShape
from retalk_nodes.models.training.lnet import LNetInTraining, LNetShape
from retalk_nodes.models.training.sync_expert import SyncExpert, SyncShape
from torch import Tensor, nn

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "dnet": DNetInTraining,
    "lnet": LNetInTraining,
    "enet": ENetInTraining,
    "sync_expert": SyncExpert,
    "quality_discriminator": QualityDiscriminator,
}
TINY_DNET = DNetShape(style=16, first=4, most=16, repair=4)
TINY_LNET = LNetShape(first=8, most=16, levels=2, blocks=1, speech=16, listening=4, heads=2, head_width=8)
TINY_ENET = ENetShape(looks=(4, 8, 8), looks_side=32, style=16, features=(8, 4))


def released(name: str) -> dict[str, tuple[int, ...]]:
    """A released file's tensors, less the L-Net inside."""
    return {k: shape for k, (shape, _) in recipe.manifest(name).items() if not k.startswith("low_res.")}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_full_network_has_the_released_tensors_and_no_others(name: str) -> None:
    with Blank():
        own = NETWORKS[name]().state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in own.items()} == released(name)


def filled(name: str) -> nn.Module:
    with Blank():
        network = NETWORKS[name]()
    tensors = {k: v for k, v in recipe.recipe_tensors(name, 0).items() if not k.startswith("low_res.")}
    network.load_state_dict(tensors, strict=True)
    return network.eval().requires_grad_(False)


def test_dnet_repeats_the_recorded_output() -> None:
    recorded = load_recording("dnet", whole=False)
    drawn = filled("dnet")(*recorded.inputs.values())
    given = {"flow_field": drawn.flow, "warp_image": drawn.warped, "fake_image": drawn.picture}
    assert_recorded(recorded, given)


def test_lnet_repeats_the_recorded_output() -> None:
    recorded = load_recording("lnet", whole=False)
    assert_recorded(recorded, {"image_bgr": filled("lnet")(*recorded.inputs.values())})


def test_enet_agrees_with_the_plain_formulas() -> None:
    """At a small size; the formulas themselves are compared with recordings in `models/lips/test_enet.py`."""
    generator = torch.Generator().manual_seed(0)
    mouth, looks = (torch.rand(2, 3, side, side, generator=generator) for side in (32, 128))
    noise = [torch.randn(2, 1, side, side, generator=generator) for side in (72, 72, 144, 144)]
    network = filled("enet")
    with torch.no_grad():
        for maps in (None, noise):
            expected = plain_lips.e_net_own(network.state_dict(), mouth, looks, maps)
            torch.testing.assert_close(network(mouth, looks, maps), expected, rtol=1e-5, atol=1e-5)


def assert_recorded(recorded: Any, given: dict[str, Tensor]) -> None:  # noqa: ANN401
    for name in given:
        recorded.expected[name]  # each of them was recorded
    for name in set(recorded.expected) - set(given):
        del recorded.expected[name]
    recorded.assert_matches(given)


# Other shapes


def test_tiny_networks_draw_small_pictures_and_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    mel, face = torch.randn(2, 1, 80, 16), torch.rand(2, 6, 48, 48)
    cases: tuple[tuple[nn.Module, tuple[Any, ...], Callable[[Any], Tensor]], ...] = (
        (DNetInTraining(TINY_DNET), (torch.rand(2, 3, 64, 64), torch.randn(2, 73, 27)), lambda x: x.picture),
        (LNetInTraining(TINY_LNET), (mel, face), lambda x: x),
        (ENetInTraining(TINY_ENET), (face[:, :3], face[:, 3:], noise_for(48)), lambda x: x),
        (PatchDiscriminator(4), (torch.rand(2, 3, 64, 64),), lambda x: x),
    )
    for network, inputs, picture in cases:
        drawn = picture(network(*inputs))
        drawn.square().mean().backward()
        idle = [k for k, p in network.named_parameters() if p.requires_grad and p.grad is None]
        assert not idle, f"{type(network).__name__}: {idle[:3]}"
        assert torch.isfinite(drawn).all()
    assert ENetInTraining(TINY_ENET)(face[:, :3], face[:, 3:]).shape == (2, 3, 192, 192)


def noise_for(side: int) -> list[Tensor]:
    return [torch.randn(1, 1, n, n) for n in (2 * side + 8, 2 * side + 8, 4 * side + 16, 4 * side + 16)]


def test_without_attention_the_reference_is_only_laid_beside_the_crop() -> None:
    with_it, without = (
        LNetInTraining(LNetShape(**(vars(TINY_LNET) | {"attention": a}))) for a in ("on", "concat")
    )
    names = {key for key in with_it.state_dict() if key not in without.state_dict()}
    assert names and all(key.startswith("encoder.ca1.") for key in names)
    assert without.eval()(torch.randn(1, 1, 80, 16), torch.rand(1, 6, 48, 48)).shape == (1, 3, 48, 48)


@pytest.mark.parametrize("side", [48, 96])
def test_a_small_expert_reads_small_faces(side: int) -> None:
    network = SyncExpert(SyncShape(width=4, side=side))
    speech, lips = network(torch.randn(2, 1, 80, 16), torch.rand(2, 15, side // 2, side))
    assert speech.shape == lips.shape == (2, 64)
    torch.testing.assert_close(lips.norm(dim=1), torch.ones(2))


def test_dead_layers_of_dnet_are_not_trained() -> None:
    network = DNetInTraining(TINY_DNET)
    still = {key for key, parameter in network.named_parameters() if not parameter.requires_grad}
    assert still and all(".conv1." in key or ".norm1." in key for key in still)


def test_enet_starts_as_the_enlarged_picture() -> None:
    torch.manual_seed(0)
    mouth, looks = torch.rand(1, 3, 48, 48), torch.rand(1, 3, 96, 96)
    drawn = ENetInTraining(TINY_ENET)(mouth, looks)
    plain = torch.nn.functional.interpolate(mouth, scale_factor=4, mode="bilinear", align_corners=False)
    assert (drawn - plain).abs().mean() < 0.1
    assert draw_noise(0)[0].shape[-1] == 2 * 96 + 8
