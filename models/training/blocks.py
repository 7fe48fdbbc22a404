"""Blocks of networks in training: every layer by itself, under the names that released files have.

What `models/expression` and `models/lips` fold together, so that drawing takes less time, is apart here, so
that gradients reach it.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import SLOPE, LayerNorm2d

HIDDEN = 128  # width of the layers that read a style
L = TypeVar("L", bound=nn.Module)


def spectral(layer: L, wanted: bool) -> L:
    """The same layer, its weight divided by its largest singular value where that is wanted."""
    if wanted:
        torch.nn.utils.spectral_norm(layer)
    return layer


class AdaptiveNorm(nn.Module):
    """Normalises every channel of every picture, then scales and shifts it as a style says."""

    def __init__(self, channels: int, style: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(style, hidden), nn.ReLU())
        self.mlp_gamma = nn.Linear(hidden, channels)
        self.mlp_beta = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; the style holds as many numbers a picture, in any shape."""
        hidden = self.mlp_shared(style.flatten(1))
        scale, shift = 1 + self.mlp_gamma(hidden), self.mlp_beta(hidden)  # (B, C) each
        return F.instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]


class Block(nn.Module):
    """A convolution that keeps the size, a layer norm, a leaky ReLU."""

    def __init__(self, channels: int, out_channels: int, kernel: int = 3, normed: bool = False) -> None:
        """normed: whether the convolution's weight is spectrally normalised"""
        super().__init__()
        convolution = nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2)
        self.model = nn.Sequential(spectral(convolution, normed), LayerNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W)."""
        return F.leaky_relu(self.model(x), SLOPE)


class HalvingBlock(Block):
    """Halves height and width by averaging, after everything else."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        return F.avg_pool2d(super().forward(x), 2)


class DoublingBlock(Block):
    """Doubles height and width by repeating pixels, before everything else."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class LastBlock(nn.Module):
    """Turns features into a picture; whoever calls it applies the last activation."""

    def __init__(self, channels: int, normed: bool = False) -> None:
        super().__init__()
        self.model = nn.Sequential(spectral(nn.Conv2d(channels, 3, 7, padding=3), normed))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, 3, H, W), unbounded."""
        return self.model(x)


class NormedConvolution(nn.Module):
    """A convolution, a batch norm, perhaps the input again, a ReLU: a layer of Wav2Lip's encoders."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels, out_channels, kernel, stride, padding)
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(out_channels))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, fewer or as many, the same)."""
        y = self.conv_block(x)
        return F.relu(y + x if self.residual else y)


def speech_encoder(width: int, speech: int, deepest: int) -> nn.Sequential:
    """Wav2Lip's: mel windows (B, 1, 80, 16) in [-4, 4] to (B, speech, 1, 1), non-negative.

    deepest: residual layers at the smallest size; those that draw have one, the sync expert has two
    """
    one, two, four, eight = width, 2 * width, 4 * width, 8 * width
    return nn.Sequential(
        NormedConvolution(1, one),
        *(NormedConvolution(one, one, residual=True) for _ in range(2)),
        NormedConvolution(one, two, stride=(3, 1)),
        *(NormedConvolution(two, two, residual=True) for _ in range(2)),
        NormedConvolution(two, four, stride=3),
        *(NormedConvolution(four, four, residual=True) for _ in range(2)),
        NormedConvolution(four, eight, stride=(3, 2)),
        *(NormedConvolution(eight, eight, residual=True) for _ in range(deepest)),
        NormedConvolution(eight, speech, padding=0),  # from 3x3 to one number
        NormedConvolution(speech, speech, 1, padding=0),
    )
