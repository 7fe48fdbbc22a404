"""Blocks that D-Net and L-Net share. Spectral norm, where a checkpoint has it, is folded in when loading."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.1  # of the leaky ReLU in every block of this file
EPSILON = 1e-5  # of every normalisation
STYLE_WIDTH = 128  # hidden width of the layers that read a style

# From a checkpoint's names to the ones here; a network adds its own behind them.
RENAMES = (
    (r"\bmodel\.0\.", "convolution."),
    (r"\bmodel\.1\.", "norm."),
    (r"\bmlp_shared\.0\.", "hidden."),
    (r"\bmlp_gamma\.", "scale."),
    (r"\bmlp_beta\.", "shift."),
)


class LayerNorm2d(nn.Module):
    """Normalises a picture over channels, rows and columns together, then scales and shifts each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        # One group of all channels is that very norm, in a quarter of layer_norm's time. Contiguous: with
        # channels last torch takes the variance as a difference of large squares on a CPU.
        return F.group_norm(x.contiguous(), 1, self.weight.flatten(), self.bias.flatten(), EPSILON)


class AdaIN(nn.Module):
    """Normalises every channel of every picture, then scales and shifts it as a style says."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, STYLE_WIDTH)
        self.scale = nn.Linear(STYLE_WIDTH, channels)
        self.shift = nn.Linear(STYLE_WIDTH, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; the style holds `features` numbers a picture, in any shape."""
        hidden = F.relu(self.hidden(style.flatten(1)))
        scale, shift = 1 + self.scale(hidden), self.shift(hidden)  # (B, C) each
        # With the batch folded into the channels, norm, scale and shift are one pass over the memory.
        folded = x.contiguous().view(1, -1, *x.shape[2:])
        normed = F.group_norm(folded, folded.shape[1], scale.flatten(), shift.flatten(), EPSILON)
        return normed.view(x.shape)


class ConvolutionBlock(nn.Module):
    """A convolution that keeps the size, a layer norm, a leaky ReLU."""

    def __init__(self, channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.norm = LayerNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W)."""
        return F.leaky_relu(self.norm(self.convolution(x)), SLOPE, inplace=True)


class FirstBlock(ConvolutionBlock):
    """Turns a picture into features."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, kernel_size=7)


class JumpBlock(ConvolutionBlock):
    """Carries features past the middle of an hourglass."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)


class DownBlock(ConvolutionBlock):
    """Halves height and width by averaging, after everything else."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        return F.avg_pool2d(super().forward(x), 2)


class UpBlock(ConvolutionBlock):
    """Doubles height and width by repeating pixels, before everything else."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
        padded = F.pad(x, (1, 1, 1, 1))  # repeated, that is one row more than the convolution's padding
        doubled = convolve_repeated(padded, self.convolution.weight, self.convolution.bias)
        return F.leaky_relu(self.norm(doubled[:, :, 1:-1, 1:-1]), SLOPE, inplace=True)


class FinalBlock(nn.Module):
    """Turns features into a picture; whoever calls it applies the last activation."""

    def __init__(self, channels: int, out_channels: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W), unbounded."""
        return self.convolution(x)


def convolve_repeated(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Repeat every pixel twice each way, then convolve with 3 by 3 and no padding.

    x:       (B, channels, H, W)
    weight:  (out, channels, 3, 3)
    bias:    (out,)
    returns: (B, out, 2H - 2, 2W - 2)

    Three neighbours among the repeated pixels are only two of the given ones: a, a, b or a, b, b. So
    the four results between four given pixels come from one convolution of 2 by 2 with four times the
    filters: 4/9 of the work, and the repeated pixels never exist.
    """
    filters = _pair_filters(_pair_filters(weight, dim=-1), dim=-2)  # (2, 2, out, channels, 2, 2)
    filters = filters.permute(2, 0, 1, 3, 4, 5).flatten(0, 2)  # ordered as pixel_shuffle wants them
    repeated = None if bias is None else bias.repeat_interleave(4)
    return F.pixel_shuffle(F.conv2d(x, filters, repeated), 2)


def _pair_filters(weight: Tensor, dim: int) -> Tensor:
    """Filters of three taps along one dimension as two of two taps, (2, ...): for a, a, b and for a, b, b."""
    a, b, c = weight.unbind(dim)
    return torch.stack([torch.stack([a + b, c], dim), torch.stack([a, b + c], dim)])


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Switch autocast off around arithmetic that needs all of fp32; cast its inputs with `.float()`."""
    try:
        return torch.autocast(device.type, enabled=False)
    except (RuntimeError, AssertionError):  # a device that has no autocast has none to switch off
        return nullcontext()
