"""StyleGAN2's blocks, as E-Net and GFPGAN are built of them: convolutions that a style modulates."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import pointwise
from .tiles import Area, Tile

STYLE = 512  # numbers that describe a face's looks
SLOPE = 0.2  # of every leaky ReLU
EPSILON = 1e-8  # of the demodulation


class StyleDownBlock(nn.Module):
    """Halves the size along two paths and adds them."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.widen = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        inner = F.avg_pool2d(leaky(self.look(x)), 2)
        return pointwise(F.avg_pool2d(x, 2), self.skip.weight).add_(leaky(self.widen(inner)))


class Modulated(nn.Module):
    """A convolution whose input channels are scaled as a style says; zero padding is left to the caller."""

    def __init__(self, channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(STYLE, channels)
        self.weight = nn.Parameter(torch.empty(1, out_channels, channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        nn.init.kaiming_normal_(self.weight[0])

    def weight_for(self, style: Tensor) -> Tensor:
        """The weight (out, in, k, k) for one style (1, 512)."""
        return self.weight[0] * self.modulation(style).float().view(1, -1, 1, 1)


class ToPicture(Modulated):
    """Features as a picture of three channels."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 3, 1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Features (1, channels, H, W) to (1, 3, H, W) BGR, unbounded."""
        return F.conv2d(x, self.weight_for(style), self.bias.flatten())


class StyledConvolution(Modulated):
    """A modulated convolution of even strength, then noise and a leaky ReLU.

    Its border is not padded: the picture's margin is wide enough for all of them and never shown.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3)
        self.noise_strength = nn.Parameter(torch.zeros(1))

    def weight_for(self, style: Tensor) -> Tensor:
        """The weight (out, in, 3, 3) for one style (1, 512), demodulated: every filter has the norm √2."""
        weight = super().weight_for(style)
        norm = weight.square().sum(dim=(1, 2, 3), keepdim=True)
        return weight * torch.rsqrt(norm + EPSILON) * 2**0.5

    def forward(self, x: Tile, style: Tensor, noise: Tile | None, area: Area) -> Tile:
        """Make a part of (1, out_channels, H, W) out of (1, channels, H, W), one more on each side."""
        given = x.cut(area.grown(1))
        return self.finish(F.conv2d(given, self.weight_for(style), self.bias.flatten()), noise, area)

    def finish(self, x: Tensor, noise: Tile | None, area: Area) -> Tile:
        """Add the part of the noise (1, 1, H, W) that lies in x's area; overwrites x."""
        if noise is not None:
            x.add_(self.noise_strength * noise.cut(area))
        return Tile(leaky(x), area)


def blur(x: Tensor, bias: Tensor | None, gain: Tensor | None = None) -> Tensor:
    """Weigh neighbours 1, 2, 1 each way, multiply by a gain (C,) and add a bias (C,).

    Maps (B, C, H, W) to (B, C, H - 2, W - 2).
    """
    taps = x.new_tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)
    if gain is not None:
        kernel = kernel * gain.view(-1, 1, 1, 1)
    return F.conv2d(x, kernel, bias, groups=x.shape[1])


def leaky(x: Tensor) -> Tensor:
    """In place: a new map of this size costs more than the arithmetic."""
    return F.leaky_relu_(x, SLOPE)
