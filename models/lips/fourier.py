"""Fast Fourier convolution, by which every pixel of L-Net's features sees all the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import AdaIN, after_loading, convolve, full_precision, pointwise

SPEECH = 512  # numbers that describe a window of speech
SMALL = 24  # pixels of a side, up to which a Fourier transform in products takes no longer on a CPU
FFC_SLOPE = 0.01  # of the leaky ReLUs in the decoder's residual blocks; elsewhere it is 0.1


class FastFourierConvolution(nn.Module):
    """A convolution on a quarter of the channels, a spectral transform on the rest, and two ways across."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        local, wide = channels // 4, channels - channels // 4
        self.local_to_local = nn.Conv2d(local, local, 3, bias=False)
        self.local_to_global = nn.Conv2d(local, wide, 3, bias=False)
        self.global_to_local = nn.Conv2d(wide, local, 3, bias=False)
        self.global_to_global = SpectralTransform(wide)
        self.local_norm = AdaIN(local, SPEECH)
        self.global_norm = AdaIN(wide, SPEECH)

    def forward(self, near: Tensor, far: Tensor, speech: Tensor) -> tuple[Tensor, Tensor]:
        """Map local (B, C / 4, H, W) and global features (B, 3C / 4, H, W) to the same shapes."""
        padded, padded_far = (F.pad(x, (1, 1, 1, 1), mode="reflect") for x in (near, far))
        near = convolve(padded, self.local_to_local.weight).add_(
            convolve(padded_far, self.global_to_local.weight)
        )
        far = self.global_to_global(far).add_(convolve(padded, self.local_to_global.weight))
        near, far = self.local_norm(near, speech), self.global_norm(far, speech)
        return F.leaky_relu_(near, FFC_SLOPE), F.leaky_relu_(far, FFC_SLOPE)


class SpectralTransform(nn.Module):
    """Sees the whole picture: pixels and spectrum through the same narrow door."""

    narrowing: Tensor  # what `condense` and `norm` do together
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.condense = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels // 2)
        self.waves = FourierUnit(channels // 2)
        self.expand = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.register_buffer("narrowing", torch.empty_like(self.condense.weight), persistent=False)
        self.register_buffer("shift", torch.empty(channels // 2), persistent=False)
        _settle_door(self, None)
        after_loading(self, _settle_door)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        narrow = F.relu_(pointwise(x, self.narrowing, self.shift))
        return pointwise(narrow + self.waves(narrow), self.expand.weight)


class FourierUnit(nn.Module):
    """Mixes the channels of a picture's spectrum, so that every pixel sees all others. Computes in fp32."""

    mixing: Tensor  # what `mix` and `norm` do together, for a spectrum whose real parts come first
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * channels)
        self.register_buffer("mixing", torch.empty_like(self.mix.weight), persistent=False)
        self.register_buffer("shift", torch.empty(2 * channels), persistent=False)
        _settle_waves(self, None)
        after_loading(self, _settle_waves)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        with full_precision(x.device):
            small = x.device.type == "cpu" and max(x.shape[2:]) <= SMALL
            forward, back = MATRICES if small else transforms(x.device)
            parts = F.relu_(pointwise(forward(x.float()), self.mixing.float(), self.shift.float()))
            return back(parts, x.shape[3])


def _settle_door(transform: SpectralTransform, _: object) -> None:
    weight, shift = _with_norm(transform.condense.weight, transform.norm)
    transform.narrowing = weight.contiguous(memory_format=torch.channels_last)
    transform.shift = shift


def _settle_waves(unit: FourierUnit, _: object) -> None:
    """The checkpoint has a channel's real and imaginary part next to each other."""
    weight, shift = _with_norm(unit.mix.weight, unit.norm)
    pairs = torch.unflatten(torch.unflatten(weight, 1, (-1, 2)), 0, (-1, 2))
    halves = pairs.transpose(0, 1).transpose(2, 3)
    unit.mixing = halves.flatten(2, 3).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    unit.shift = torch.unflatten(shift, 0, (-1, 2)).mT.flatten()


def _with_norm(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The weight and the bias of a convolution without bias and the batch norm behind it."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
    return weight.detach() * scale.view(-1, 1, 1, 1), norm.bias.detach() - norm.running_mean * scale


# Fourier transforms over rows and columns, orthonormal. A spectrum is (B, 2C, H, W / 2 + 1): the real parts
# of all channels, then the imaginary ones.


def fast_spectrum(x: Tensor) -> Tensor:
    """Transform (B, C, H, W) to its spectrum."""
    waves = torch.fft.rfft2(x, norm="ortho")
    return torch.cat([waves.real, waves.imag], dim=1)


def fast_picture(parts: Tensor, width: int) -> Tensor:
    """Transform a spectrum back to (B, C, H, width)."""
    waves = torch.complex(*parts.chunk(2, dim=1))
    return torch.fft.irfft2(waves, s=(parts.shape[2], width), norm="ortho")


def matrix_spectrum(x: Tensor) -> Tensor:
    """The same as `fast_spectrum` in products with real matrices, for devices without complex numbers."""
    batch, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
    columns = _complex_columns(height, x.device) @ pixels  # (B, 2H, WC), an imaginary row after each real
    parts = _half_of_rows(width, x.device) @ columns.view(batch * height, 2 * width, channels)
    return parts.view(batch, height, -1, 2 * channels).permute(0, 3, 1, 2)


def matrix_picture(parts: Tensor, width: int) -> Tensor:
    """The same as `fast_picture` in products with real matrices."""
    batch, channels, height, half = parts.shape
    channels //= 2
    rows = parts.permute(0, 2, 3, 1).reshape(batch * height, 2 * half, channels)
    columns = _whole_rows(width, parts.device) @ rows  # (BH, 2W, C), all imaginary ones last
    pixels = _complex_columns(height, parts.device).mT @ columns.view(batch, 2 * height, width * channels)
    return pixels.view(batch, height, width, channels).permute(0, 3, 1, 2)


@cache
def _complex_columns(height: int, device: torch.device) -> Tensor:
    """From real columns to their spectrum, (2 height, height): an imaginary row after each real one."""
    cosine, sine = _waves(height)
    return torch.stack([cosine, -sine], dim=1).flatten(0, 1).float().to(device)


@cache
def _half_of_rows(width: int, device: torch.device) -> Tensor:
    """From complex rows to half of their spectrum, (2 (width / 2 + 1), 2 width).

    Of the rows all real parts come first; of their spectrum each imaginary part follows the real one.
    """
    return _row_waves(width).flatten(0, 1).float().to(device)


@cache
def _whole_rows(width: int, device: torch.device) -> Tensor:
    """From half of a spectrum back to complex rows, (2 width, 2 (width / 2 + 1))."""
    waves = 2 * _row_waves(width)  # each but the first and, of an even width, the last stands for two
    waves[0] /= 2
    if width % 2 == 0:
        waves[-1] /= 2
    return waves.flatten(0, 1).mT.contiguous().float().to(device)


def _row_waves(width: int) -> Tensor:
    cosine, sine = (wave[: width // 2 + 1] for wave in _waves(width))
    return torch.stack([torch.cat([cosine, sine], dim=1), torch.cat([-sine, cosine], dim=1)], dim=1)


def _waves(size: int) -> tuple[Tensor, Tensor]:
    """Orthonormal cosines and sines (size, size) in fp64."""
    steps = torch.arange(size, dtype=torch.float64)
    angles = 2 * math.pi / size * (torch.outer(steps, steps) % size)
    return angles.cos() / size**0.5, angles.sin() / size**0.5


Transforms = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, int], Tensor]]
FAST: Transforms = (fast_spectrum, fast_picture)
MATRICES: Transforms = (matrix_spectrum, matrix_picture)


@cache
def transforms(device: torch.device) -> Transforms:
    """The way to a spectrum and back that suits a device: fast where complex numbers are at home."""
    if device.type not in ("cpu", "cuda"):
        return MATRICES
    try:
        fast_picture(fast_spectrum(torch.zeros(1, 1, 12, 12, device=device)), 12)
    except RuntimeError:  # what poses as CUDA needn't have its FFT library
        return MATRICES
    return FAST
