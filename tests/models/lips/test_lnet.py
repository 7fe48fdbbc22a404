"""L-Net gives the numbers of the original network."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import plain_lips
import pytest
import recipe
import torch
from recordings import Recording, load_recording
from retalk_nodes.models import checkpoint
from retalk_nodes.models.layers import (
    convolve,
    convolve_repeated,
    convolve_to_few,
    pointwise,
    repeating_filters,
)
from retalk_nodes.models.lips import fourier, lnet
from retalk_nodes.models.lips.fourier import FAST, MATRICES
from retalk_nodes.models.lips.lnet import LAYOUT, LNet
from torch import Tensor
from torch.nn import functional as F


@pytest.fixture(scope="module")
def network(made_weights: Path) -> LNet:
    """Filled through the real loader from a file like the official one."""
    path = recipe.recipe_weights("lnet", 0, made_weights)
    return checkpoint.load(LNet(), path, LAYOUT, "lnet")


def run(network: LNet, mel: Tensor, face: Tensor) -> dict[str, Tensor]:
    """The picture and intermediates under their recorded names."""
    low, middle, high = network.decoder
    parts = {
        "audio_feature": network.speech,
        "spectral_transform_first": low.residuals[0].first.global_to_global,
        "ffc_block_first": low.residuals[0],
        "ffc_stage_res2": low.residuals[-1],
        "ffc_stage_res1": middle.residuals[-1],
        "up0_out": high.up,
    }
    seen: dict[str, Tensor] = {}

    def note(name: str, _: object, __: object, result: Tensor | tuple[Tensor, Tensor]) -> None:
        seen[name] = result.clone() if isinstance(result, Tensor) else torch.cat(result, dim=1)

    hooks = [part.register_forward_hook(partial(note, name)) for name, part in parts.items()]
    hooks.append(
        network.encoder.register_forward_hook(
            lambda _, __, result: seen.update(encoder_last=result[0].clone())
        )
    )
    try:
        with torch.inference_mode():
            seen["image_bgr"] = network(mel, face)
    finally:
        for hook in hooks:
            hook.remove()
    seen["cross_attention_out"] = seen["encoder_last"][:, :512]
    return seen


def inputs(seed: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    """Speech and faces like the recorded ones."""
    mel = torch.from_numpy(recipe.noise(seed, "mel", (batch, 1, 80, 16))).float()
    face = torch.from_numpy(recipe.image_u8(seed, "face_bgr", (batch, 6, 96, 96))).float() / 255
    face[:, :3, 48:] = 0
    return mel, face


@pytest.fixture(scope="module")
def given(network: LNet) -> dict[str, Tensor]:
    """What it makes of the recorded inputs, which are the same for whole and thinned recordings."""
    return run(network, *load_recording("lnet", whole=False).inputs.values())


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(given: dict[str, Tensor], whole: bool) -> None:
    load_recording("lnet", whole).assert_matches(given)


def test_network_repeats_the_recorded_output_with_matrices_for_fft(
    network: LNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fourier, "transforms", lambda _: MATRICES)
    recorded = load_recording("lnet", whole=False)

    recorded.assert_matches(run(network, *recorded.inputs.values()))


def test_network_repeats_the_recorded_output_with_fft_and_pictures_in_order(
    network: LNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU does."""
    monkeypatch.setattr(fourier, "SMALL", 0)
    monkeypatch.setattr(lnet, "order_for", lambda _: torch.contiguous_format)
    recorded = load_recording("lnet", whole=False)

    recorded.assert_matches(run(network, *recorded.inputs.values()))


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    path = recipe.recipe_weights("lnet", 1, tmp_path)
    mel, face = inputs(1)
    expected: dict[str, Tensor] = {}
    with torch.inference_mode():
        weights = recipe.recipe_tensors("lnet", 1)
        expected["image_bgr"] = plain_lips.l_net(weights, mel, face, expected.__setitem__)
    keys = ("audio_feature", "encoder_last", "ffc_stage_res2", "ffc_stage_res1", "up0_out", "image_bgr")
    plain = Recording(1, {}, {key: expected[key] for key in keys}, dict.fromkeys(keys, ()))

    plain.assert_matches(run(checkpoint.load(LNet(), path, LAYOUT, "lnet"), mel, face))


def test_pictures_of_a_batch_keep_apart(network: LNet) -> None:
    mel, face = inputs(2, batch=3)

    with torch.inference_mode():
        together = network(mel, face)
        alone = torch.cat([network(mel[i : i + 1], face[i : i + 1]) for i in range(3)])

    torch.testing.assert_close(together, alone, rtol=0, atol=5e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_lower_precision_leaves_the_picture_as_it_was(network: LNet, dtype: torch.dtype) -> None:
    mel, face = inputs(0)
    face = face[:, :, 24:72, 24:72]  # a processor that has no fp16 is slow at it

    with torch.inference_mode():
        full = network(mel, face)
        with torch.autocast("cpu", dtype):
            lower = network(mel, face).float()

    psnr = -10 * math.log10(max((lower - full).square().mean().item(), 1e-12))
    print(f"L-Net in {dtype}: {psnr:.1f} dB")
    assert psnr >= 45


@pytest.mark.parametrize("size", [(12, 12), (24, 24), (48, 48), (9, 15)])
def test_matrices_transform_as_fft_does(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size)
    parts = torch.randn(2, 6, size[0], size[1] // 2 + 1)  # imaginary where no picture's spectrum is

    torch.testing.assert_close(MATRICES[0](x), FAST[0](x), rtol=0, atol=1e-5)
    torch.testing.assert_close(MATRICES[1](parts, size[1]), FAST[1](parts, size[1]), rtol=0, atol=1e-5)
    torch.testing.assert_close(MATRICES[1](MATRICES[0](x), size[1]), x, rtol=0, atol=1e-5)


def test_a_device_without_complex_numbers_gets_matrices() -> None:
    assert fourier.transforms(torch.device("mps")) is MATRICES
    assert fourier.transforms(torch.device("cpu")) is FAST


@pytest.mark.parametrize("outputs", [4, 40], ids=["fewer filters than pixels", "more"])
def test_all_convolutions_give_the_same(outputs: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 5, 6, 5), torch.randn(outputs, 5, 3, 3)
    wide, bias = torch.randn(2, 5, 7, 7), torch.randn(2)
    last = [tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, weight)]

    torch.testing.assert_close(convolve(*last), F.conv2d(x, weight), rtol=0, atol=1e-4)
    torch.testing.assert_close(
        pointwise(x, weight[:, :, :1, :1]), F.conv2d(x, weight[:, :, :1, :1]), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        convolve_to_few(x, wide, bias), F.conv2d(x, wide, bias, padding=3), rtol=0, atol=1e-4
    )


def test_repeated_pixels_need_not_exist() -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 5, 7, 6), torch.randn(4, 5, 3, 3), torch.randn(4)

    doubled = convolve_repeated(x, repeating_filters(weight), bias)

    expected = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, bias)
    torch.testing.assert_close(doubled, expected, rtol=0, atol=1e-4)
