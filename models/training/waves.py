"""Fast Fourier convolutions as they are trained, by which every pixel of L-Net's features sees all others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import full_precision
from ..lips.fourier import FFC_SLOPE
from .blocks import AdaptiveNorm


class Fourier(nn.Module):
    """Mixes the channels of a picture's spectrum. Computes in fp32, since other transforms aren't there."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        with full_precision(x.device):
            waves = torch.fft.rfft2(x.float(), norm="ortho")
            parts = torch.stack([waves.real, waves.imag], dim=2).flatten(1, 2)  # next to each other
            parts = F.relu(self.bn(self.conv_layer(parts)))
            real, imaginary = parts.unflatten(1, (-1, 2)).unbind(2)
            return torch.fft.irfft2(torch.complex(real, imaginary), s=x.shape[2:], norm="ortho")


class SeesAll(nn.Module):
    """Pixels and spectrum through the same narrow door."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // 2
        self.conv1 = nn.Sequential(nn.Conv2d(channels, narrow, 1, bias=False), nn.BatchNorm2d(narrow))
        self.fu = Fourier(narrow)
        self.conv2 = nn.Conv2d(narrow, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        narrow = F.relu(self.conv1(x))
        return self.conv2(narrow + self.fu(narrow))


class Crossing(nn.Module):
    """A convolution on a quarter of the channels, a spectral transform on the rest, and two ways across."""

    def __init__(self, local: int, wide: int) -> None:
        super().__init__()
        self.convl2l = _mirrored(local, local)
        self.convl2g = _mirrored(local, wide)
        self.convg2l = _mirrored(wide, local)
        self.convg2g = SeesAll(wide)

    def forward(self, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        """Map local and global features to the same shapes."""
        return self.convl2l(near) + self.convg2l(far), self.convl2g(near) + self.convg2g(far)


def _mirrored(channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, padding=1, padding_mode="reflect", bias=False)


class SpokenCrossing(nn.Module):
    """The same, then norms that follow the speech and leaky ReLUs."""

    def __init__(self, channels: int, speech: int) -> None:
        super().__init__()
        local, wide = channels // 4, channels - channels // 4
        self.ffc = Crossing(local, wide)
        self.bn_l = AdaptiveNorm(local, speech)
        self.bn_g = AdaptiveNorm(wide, speech)

    def forward(self, near: Tensor, far: Tensor, speech: Tensor) -> tuple[Tensor, Tensor]:
        """Map local (B, C / 4, H, W) and global features (B, 3C / 4, H, W) to the same shapes."""
        near, far = self.ffc(near, far)
        return (
            F.leaky_relu(self.bn_l(near, speech), FFC_SLOPE),
            F.leaky_relu(self.bn_g(far, speech), FFC_SLOPE),
        )


class WavePair(nn.Module):
    """Two of them, and what they were given added to it."""

    def __init__(self, channels: int, speech: int) -> None:
        super().__init__()
        self.conv1 = SpokenCrossing(channels, speech)
        self.conv2 = SpokenCrossing(channels, speech)

    def forward(self, x: Tensor, speech: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        local = x.shape[1] // 4
        parts = self.conv2(*self.conv1(x[:, :local], x[:, local:], speech), speech)
        return x + torch.cat(parts, dim=1)
