"""E-Net gives the numbers of the original network."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import plain_lips
import pytest
import recipe
import torch
from both_lips import enhance
from probes import assert_part
from recordings import Recording, load_recording
from retalk_nodes.models import checkpoint
from retalk_nodes.models.lips.enet import LAYOUT, NOISE_SIDES, ENet, draw_noise
from retalk_nodes.models.lips.lnet import LAYOUT as LNET_LAYOUT
from retalk_nodes.models.lips.lnet import LNet
from retalk_nodes.models.stylegan.tiles import Area, Tile
from torch import Tensor
from torch.nn import functional as F

OWN = r"^(?!low_res\.)"
BORDERS = {"style_conv0": 1, "style_conv1": 2, "to_rgb0": 2}  # pixels that are cut away later and never drawn


@pytest.fixture(scope="module")
def network(made_weights: Path) -> ENet:
    """Filled through the real loader from a file like the official one, an L-Net inside."""
    path = recipe.recipe_weights("enet", 0, made_weights)
    return checkpoint.load(ENet(), path, LAYOUT, "enet")


@pytest.fixture(scope="module")
def mouths(made_weights: Path) -> LNet:
    """The L-Net that the recording was made with, in a file of its own."""
    path = recipe.recipe_weights("lnet", 0, made_weights, low_res_of="enet")
    return checkpoint.load(LNet(), path, LNET_LAYOUT, "lnet")


def recipe_noise(seed: int, batch: int) -> list[Tensor]:
    """The recipe's noise maps."""
    shapes = [(batch, 1, side, side) for side in NOISE_SIDES]
    maps = (recipe.noise(seed, f"enet/noise{i}", shape) for i, shape in enumerate(shapes))
    return [torch.from_numpy(each).float() for each in maps]


def watch(network: ENet, seen: dict[str, list[Tensor]]) -> list[torch.utils.hooks.RemovableHandle]:
    """Note intermediates, one picture after another, under their recorded names."""
    first = network.stages[0]
    parts = {"style_code": network.encoder, "style_conv0": first.enlarge, "style_conv1": first.refine}

    def note(name: str, _: object, __: object, result: Tensor | Tile | tuple[Tile, Tile]) -> None:
        made = result if isinstance(result, (Tensor, Tile)) else result[1]
        value = made.values if isinstance(made, Tile) else made
        seen.setdefault(name, []).append(F.pad(value, (BORDERS[name],) * 4) if name in BORDERS else value)

    parts["to_rgb0"] = first
    return [part.register_forward_hook(partial(note, name)) for name, part in parts.items()]


def without_borders(recorded: Recording) -> Recording:
    """A recording less the pixels that E-Net leaves out."""
    expected, slices = dict(recorded.expected), dict(recorded.slices)
    for name in recorded.expected:
        border = BORDERS.get(name.removesuffix("_zero_noise"))
        if border is None:
            continue
        for axis in (2, 3):
            given = slices[name][axis] if slices[name] else slice(None)
            at = torch.arange(NOISE_SIDES[0])[given]
            kept = ((at >= border) & (at < NOISE_SIDES[0] - border)).nonzero().flatten()
            expected[name] = expected[name].index_select(axis, kept)
            inner = slice(int(at[kept[0]]), int(at[kept[-1]]) + 1, given.step)
            slices[name] = (*slices[name][:axis], inner, *slices[name][axis + 1 :])
    return replace(recorded, expected=expected, slices=slices)


@pytest.fixture(scope="module")
def given(network: ENet, mouths: LNet) -> dict[str, Tensor]:
    """What it makes of the recorded inputs, which are the same for whole and thinned recordings."""
    mel, face = load_recording("enet", whole=False).inputs.values()
    seen: dict[str, list[Tensor]] = {}
    hooks = watch(network, seen)
    with torch.inference_mode():
        silent = enhance(mouths, network, mel, face, face[:, 3:])
        for hook in hooks:
            hook.remove()
        noisy = network(silent.mouth, face[:, 3:], recipe_noise(0, len(face)))
    code = torch.cat(seen.pop("style_code"))
    inner = {f"{name}_zero_noise": torch.cat(each) for name, each in seen.items()}
    outputs = {"image_bgr_zero_noise": silent.picture, "image_bgr_recipe_noise": noisy}
    return {"style_code": code, "low_res_bgr": silent.mouth} | inner | outputs


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(given: dict[str, Tensor], whole: bool) -> None:
    without_borders(load_recording("enet", whole)).assert_matches(given)


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    weights, path = recipe.recipe_tensors("enet", 1, only=OWN), tmp_path / "ENet.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in weights.items()}}, path)
    mouth, looks = faces(1)
    noise = recipe_noise(1, 1)

    with torch.inference_mode():
        expected = plain_lips.e_net_own(weights, mouth, looks, noise)
        given = checkpoint.load(ENet(), path, LAYOUT, "enet")(mouth, looks, noise)

    Recording(1, {}, {"picture": expected}, {"picture": ()}).assert_matches({"picture": given})


def faces(seed: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    """Pictures as from L-Net and as from a camera."""
    shapes = {"mouth": (batch, 3, 96, 96), "looks": (batch, 3, 384, 384)}
    drawn = [torch.from_numpy(recipe.image_u8(seed, name, shape)) for name, shape in shapes.items()]
    return drawn[0].float() / 255, drawn[1].float() / 255


def test_pictures_of_a_batch_keep_apart_and_noise_is_repeatable(network: ENet) -> None:
    mouth, looks = faces(2, batch=2)
    shared = draw_noise(7)

    with torch.inference_mode():
        together = network(mouth, looks, [each.repeat(2, 1, 1, 1) for each in shared])
        last = network(mouth[1:], looks[1:], draw_noise(7))
        silent = network(mouth[1:], looks[1:])

    torch.testing.assert_close(together[1:], last, rtol=0, atol=1e-6)
    assert (last - silent).abs().mean() > 1e-3


@pytest.mark.parametrize(
    "area",
    [Area(96, 0, 384, 384), Area(301, 77, 340, 200), Area(0, 383, 1, 384)],
    ids=["lower", "inner", "corner"],
)
def test_a_part_is_what_the_whole_picture_shows_there(network: ENet, area: Area) -> None:
    mouth, looks = faces(2)
    noise = draw_noise(7)

    with torch.inference_mode():
        whole = network(mouth, looks, noise)
        part = network(mouth, network.encoder(looks), noise, area)

    assert_part(part, whole, area)


def test_lower_precision_leaves_the_picture_as_it_was(network: ENet) -> None:
    mouth, looks = faces(0)

    with torch.inference_mode():
        full = network(mouth, looks)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(mouth, looks).float()

    psnr = -10 * math.log10(max((lower - full).square().mean().item(), 1e-12))
    print(f"E-Net in bfloat16: {psnr:.1f} dB")
    assert psnr >= 45


def test_noise_is_drawn_alike_for_a_seed() -> None:
    first, again, other = draw_noise(3, 2), draw_noise(3, 2), draw_noise(4, 2)

    assert [tuple(each.shape) for each in first] == [(2, 1, side, side) for side in NOISE_SIDES]
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])
