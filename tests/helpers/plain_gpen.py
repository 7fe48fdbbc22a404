"""GPEN-BFR-512 written down as directly as it can be: weights modulated for each sample, every FIR in full.

It takes a checkpoint's own keys, shares nothing with the network it is compared with, and is what the
benchmark calls plain.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]
Pair = tuple[int, int]


def restore(weights: Weights, picture: Tensor, stages: dict[str, Tensor] | None = None) -> Tensor:
    """Faces (B, 3, 512, 512) RGB in [-1, 1], restored; fills `stages` with what lies between."""
    stages = {} if stages is None else stages
    encoded = encode(weights, picture)
    flat = encoded[-1].flatten(1)
    vector = flr(flat @ weights["final_linear.0.weight"].T / math.sqrt(8192), weights["final_linear.0.bias"])
    style = map_style(weights, vector)
    stages |= {"ecd3": encoded[3], "ecd7": encoded[7], "encoder_vector": vector, "style_vector": style}
    return generate(weights, encoded, style, stages)


def encode(weights: Weights, picture: Tensor) -> list[Tensor]:
    """The encoder's eight levels, from 512 down to 4."""
    x = F.conv2d(picture, weights["ecd0.0.0.weight"] / math.sqrt(3))
    levels = [flr(x, weights["ecd0.0.1.bias"])]
    for level in range(1, 8):
        name = f"ecd{level}.0"
        x = fir(levels[-1], weights[f"{name}.0.kernel"], pad=(2, 2))
        kernel = weights[f"{name}.1.weight"]
        x = F.conv2d(x, kernel / math.sqrt(kernel[0].numel()), stride=2)
        levels.append(flr(x, weights[f"{name}.2.bias"]))
    return levels


def map_style(weights: Weights, vector: Tensor) -> Tensor:
    """From the encoder's vector (B, 512) to a style (B, 512)."""
    x = vector * torch.rsqrt(vector.square().mean(dim=1, keepdim=True) + 1e-8)
    for layer in range(1, 9):
        weight = weights[f"generator.style.{layer}.weight"] * (0.01 / math.sqrt(512))
        x = flr(F.linear(x, weight), weights[f"generator.style.{layer}.bias"] * 0.01)
    return x


def generate(weights: Weights, encoded: list[Tensor], style: Tensor, stages: dict[str, Tensor]) -> Tensor:
    """A picture from the style and the encoder's levels."""
    x = weights["generator.input.input"].expand(len(style), -1, -1, -1)
    x = styled(weights, "generator.conv1", x, style, encoded[7])
    stages["generator_conv1"] = x
    picture = to_rgb(weights, "generator.to_rgb1", x, style, None)
    for level in range(7):
        for conv in (2 * level, 2 * level + 1):
            x = styled(weights, f"generator.convs.{conv}", x, style, encoded[6 - level])
        picture = to_rgb(weights, f"generator.to_rgbs.{level}", x, style, picture)
        stages[f"rgb_{8 << level}"] = picture
    return picture


def styled(weights: Weights, name: str, x: Tensor, style: Tensor, encoded: Tensor) -> Tensor:
    """A modulated convolution with the encoder's features behind it."""
    x = modulated(weights, f"{name}.conv", x, style, demodulate=True)
    x = torch.cat([x, weights[f"{name}.noise.weight"] * encoded], dim=1)
    return flr(x, weights[f"{name}.activate.bias"])


def to_rgb(weights: Weights, name: str, x: Tensor, style: Tensor, below: Tensor | None) -> Tensor:
    """Features as a picture, upon the smaller picture enlarged."""
    x = modulated(weights, f"{name}.conv", x, style, demodulate=False) + weights[f"{name}.bias"]
    return x if below is None else x + fir(below, weights[f"{name}.upsample.kernel"], up=2, pad=(2, 1))


def modulated(weights: Weights, name: str, x: Tensor, style: Tensor, demodulate: bool) -> Tensor:
    """A convolution with weights of its own for every sample; doubles the size where it has a blur."""
    scale = F.linear(style, weights[f"{name}.modulation.weight"] / math.sqrt(512))
    scale = scale + weights[f"{name}.modulation.bias"]
    kernel = weights[f"{name}.weight"]  # (1, out, in, k, k)
    batch, (_, outs, ins, size, _) = len(x), kernel.shape
    kernel = kernel * scale.view(batch, 1, ins, 1, 1) / math.sqrt(ins * size * size)
    if demodulate:
        kernel = kernel * torch.rsqrt(kernel.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    x = x.reshape(1, batch * ins, *x.shape[2:])
    blur = weights.get(f"{name}.blur.kernel")
    if blur is None:
        x = F.conv2d(x, kernel.flatten(0, 1), padding=size // 2, groups=batch)
        return x.view(batch, outs, *x.shape[2:])
    x = F.conv_transpose2d(x, kernel.transpose(1, 2).flatten(0, 1), stride=2, groups=batch)
    return fir(x.view(batch, outs, *x.shape[2:]), blur, pad=(1, 1))


def fir(x: Tensor, kernel: Tensor, up: int = 1, pad: Pair = (0, 0)) -> Tensor:
    """Insert zeros, pad and filter every channel."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch * channels, 1, height, 1, width, 1)
    x = F.pad(x, (0, up - 1, 0, 0, 0, up - 1)).view(batch * channels, 1, height * up, width * up)
    x = F.conv2d(F.pad(x, (*pad, *pad)), kernel.flip(0, 1)[None, None])
    return x.view(batch, channels, *x.shape[2:])


def flr(x: Tensor, bias: Tensor) -> Tensor:
    """Bias, leaky ReLU and a factor that keeps the variance."""
    return math.sqrt(2) * F.leaky_relu(x + bias.view(-1, *[1] * (x.ndim - 2)), 0.2)
