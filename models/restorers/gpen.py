"""GPEN-BFR-512: restores a face with a StyleGAN2 generator that an encoder's features lead.

A checkpoint's weights are of the order of 1 and meant to be multiplied by 1 / sqrt(inputs) in use. They
stay as they are: that factor, and the gain behind every activation, join the styles, biases and blur
kernels, which are small.

Features lie with their channels last in memory. On the CPU that alone halves the time of the blurs and of
the transposed convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import after_loading, full_precision
from ..network import Layout
from ..samples import signed_face
from ..stylegan.tiles import Area, Tile

STYLE = 512  # numbers in a style
WIDTHS = (512, 512, 512, 512, 512, 256, 128, 64)  # channels at 4, 8, … 512 pixels
SIDE = 512  # of the pictures
WHOLE = Area.whole(SIDE)
COARSE = 4  # levels above the first, up to 64 pixels
SLOPE = 0.2  # of the leaky ReLU
GAIN = math.sqrt(2)  # keeps the variance behind it
EPSILON = 1e-8

LAYOUT = Layout(
    renames=(
        (r"^ecd(\d)\.0\.\d\.", r"encoder.\1."),
        (r"^final_linear\.0\.", "to_vector."),
        (r"^generator\.style\.", "mapping."),
        (r"^generator\.input\.input$", "constant"),
        (r"^generator\.conv1\.", "first."),
        (r"^generator\.to_rgb1\.", "first_picture."),
        *(
            (rf"^generator\.convs\.{2 * level + place}\.", f"levels.{level}.{part}.")
            for level in range(len(WIDTHS) - 1)
            for place, part in enumerate(("enlarge", "refine"))
        ),
        (r"^generator\.to_rgbs\.(\d)\.", r"levels.\1.picture."),
        (r"\.conv\.", "."),
        (r"\.(blur|upsample)\.kernel$", ".kernel"),
        (r"\.noise\.weight$", ".strength"),
        (r"\.activate\.bias$", ".bias"),
    )
)


class GPEN(nn.Module):
    """Restores aligned faces."""

    def __init__(self) -> None:
        super().__init__()
        halvings = (Down(*widths) for widths in pairwise(reversed(WIDTHS)))
        self.encoder = nn.ModuleList([Stem(WIDTHS[-1]), *halvings])
        self.to_vector = Linear(WIDTHS[0] * 4 * 4, STYLE)
        self.mapping = nn.Sequential(PixelNorm(), *(Linear(STYLE, STYLE, rate=0.01) for _ in range(8)))
        self.constant = nn.Parameter(torch.randn(1, WIDTHS[0], 4, 4))
        self.first = StyledConvolution(WIDTHS[0], WIDTHS[0])
        self.first_picture = ToPicture(2 * WIDTHS[0])
        self.levels = nn.ModuleList(
            Level(*widths, merge=index >= COARSE) for index, widths in enumerate(pairwise(WIDTHS))
        )

    def forward(self, picture: Tensor, area: Area = WHOLE) -> Tensor:
        """Restore faces.

        picture: (B, 3, 512, 512) RGB in [-1, 1], aligned to GPEN's template
        area:    of the picture, to make no more than that: the same numbers in less time
        returns: (B, 3, h, w) RGB fp32, about [-1, 1]; clamp it: that area of pictures of 512 by 512

        Under autocast, styles and the sum of pictures stay in fp32.
        """
        encoded = [picture.contiguous(memory_format=torch.channels_last)]
        for layer in self.encoder:
            encoded.append(layer(encoded[-1]))
        encoded = encoded[:0:-1]  # from 4 pixels up to 512
        with full_precision(picture.device):
            style = self.mapping(self.to_vector(encoded[0].float().flatten(1)))
        constant = self.constant.expand(len(style), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = self.first(Tile.whole(constant), style, encoded[0], Area.whole(4))
        restored = Tile(self.first_picture(x.values, style), x.area)
        needed = _needed(area)
        for level, led_by, shown in zip(self.levels[:COARSE], encoded[1:], needed, strict=False):
            x, restored = level(x, restored, style, led_by, shown)
        # Each face for itself from here: its pixels outnumber the weights, and the memory of one is enough.
        each = [torch.split(whole, 1) for whole in (x.values, restored.values, style)]
        leading = zip(*(torch.split(map_, 1) for map_ in encoded[COARSE + 1 :]), strict=True)
        return torch.cat(
            [
                self._finish(Tile(made, x.area), Tile(below, x.area), own, led_by, needed[COARSE:])
                for made, below, own, led_by in zip(*each, leading, strict=True)
            ]
        )

    def _finish(
        self, x: Tile, restored: Tile, style: Tensor, encoded: Sequence[Tensor], needed: Sequence[Area]
    ) -> Tensor:
        for level, led_by, shown in zip(self.levels[COARSE:], encoded, needed, strict=True):
            x, restored = level(x, restored, style, led_by, shown)
        return restored.values


def _needed(area: Area) -> list[Area]:
    """What each level has to make for an area of the picture, from 8 pixels up to 512."""
    needed = [area]
    for level in range(1, len(WIDTHS) - 1):
        needed.append(Level.source(needed[-1], SIDE >> level))
    return needed[::-1]


class Level(nn.Module):
    """Doubles height and width of the features and of the picture."""

    def __init__(self, channels: int, out_channels: int, merge: bool) -> None:
        super().__init__()
        self.enlarge = StyledConvolution(2 * channels, out_channels, up=True, merge=merge)
        self.refine = StyledConvolution(2 * out_channels, out_channels, merge=merge)
        self.picture = ToPicture(2 * out_channels, up=True)

    @staticmethod
    def source(area: Area, side: int) -> Area:
        """What of features and picture of `side` a part of the result, of twice the side, is made of."""
        return area.grown(1).within(2 * side).grown(1).halved().within(side)

    def forward(
        self, x: Tile, picture: Tile, style: Tensor, encoded: Tensor, area: Area
    ) -> tuple[Tile, Tile]:
        """Features (B, C, H, H) and pictures (B, 3, H, H) to a part of both at twice the size.

        encoded: (B, C', 2H, 2H)
        """
        side = encoded.shape[2]
        x = self.enlarge(x, style, encoded, area.grown(1).within(side))
        x = self.refine(x, style, encoded, area)
        return x, Tile(self.picture(x.values, style) + self.picture.enlarged(picture, area), area)


class Modulation(nn.Linear):
    """How much each of a convolution's input channels weighs under a style of S numbers."""

    def __init__(self, channels: int, taps: int, style: int = STYLE) -> None:
        super().__init__(style, channels)
        self.gain = 1 / math.sqrt(taps * channels)

    def forward(self, style: Tensor) -> Tensor:
        """(B, S) to (B, C)."""
        return self.gain * (F.linear(style, self.weight) / math.sqrt(self.in_features) + self.bias)


class StyledConvolution(nn.Module):
    """A convolution whose input channels a style weighs; the encoder's features come behind its output.

    The weighing's effect on the variance is undone for every output channel. Both can be done to the
    features, so that one convolution serves all samples, or merged into a sample's own weights. The
    latter costs less where the pixels outnumber the weights; then it takes one sample at a time.
    """

    kernel: Tensor  # (4, 4), with `up`
    energy: Tensor  # (C', C) of the weights

    def __init__(self, channels: int, out_channels: int, up: bool = False, merge: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, out_channels, channels, 3, 3))
        self.modulation = Modulation(channels, taps=9)
        self.strength = nn.Parameter(torch.zeros(1))  # of the encoder's features
        self.bias = nn.Parameter(torch.zeros(2 * out_channels))
        self.up = up
        self.merge = merge
        if up:
            self.register_buffer("kernel", 4 * blur_kernel())
        self.register_buffer("energy", torch.zeros(out_channels, channels), persistent=False)
        after_loading(self, settle)

    def forward(self, x: Tile, style: Tensor, encoded: Tensor, area: Area) -> Tile:
        """Make a part of features (B, 2 C', H, H) out of (B, C, H, H), or of half as large ones with `up`.

        style:   (B, 512)
        encoded: (B, C', H, H)
        """
        with full_precision(style.device):
            scale = self.modulation(style)  # (B, C)
            norm = GAIN * torch.rsqrt(F.linear(scale.square(), self.energy) + EPSILON)  # (B, C')
            own, behind = (GAIN * self.bias[:, None, None]).chunk(2)
        side = encoded.shape[2]
        if self.merge:
            weight = self.weight[0] * scale[0, :, None, None] * norm[0, :, None, None, None]
            made = self._convolve(x, area, side, weight, own.flatten())
        else:
            scaled = Tile(x.values * scale[:, :, None, None].to(x.values.dtype), x.area)
            made = torch.addcmul(
                own, self._convolve(scaled, area, side, self.weight[0]), norm[:, :, None, None]
            )
        led_by = Tile.whole(encoded).cut(area)
        return Tile(_join(made, led_by, GAIN * self.strength, behind), area)

    def _convolve(self, x: Tile, area: Area, side: int, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if not self.up:
            return x.convolved(area, side, weight, bias)
        source = area.grown(1).halved()
        doubled = F.conv_transpose2d(x.framed(source, side // 2), weight.transpose(0, 1), stride=2)
        blurred = blur(
            doubled, self.kernel, 0, bias
        )  # one row and column more than twice the source's, less 4
        top, left = (2 * at + 1 for at in source[:2])
        return Tile(blurred, Area(top, left, top + blurred.shape[2], left + blurred.shape[3])).cut(area)


class Weighing(Protocol):
    """A convolution whose input channels a style weighs; `up`: it doubles the size."""

    weight: nn.Parameter  # (1, C', C, 3, 3)
    energy: Tensor  # (C', C)
    up: bool


def settle(module: Weighing, _: object) -> None:
    """Sum up each kernel's squares, for the variance under any style, and lay channels last in memory."""
    weight = module.weight.detach()
    module.energy = weight[0].square().sum(dim=(2, 3))
    last = 1 if module.up else 2  # a transposed convolution counts its input channels first
    module.weight.data = weight.movedim(last, -1).contiguous().movedim(-1, last)


def _join(x: Tensor, encoded: Tensor, strength: Tensor, bias: Tensor) -> Tensor:
    """Put strength · encoded + bias behind the channels of x, then the leaky ReLU."""
    batch, channels, height, width = x.shape
    joined = torch.empty(
        (batch, 2 * channels, height, width),
        dtype=encoded.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    joined[:, :channels] = x
    # Written where it belongs: joining the halves afterwards takes as long as this whole function.
    torch.addcmul(bias, encoded, strength, out=joined[:, channels:])
    return F.leaky_relu_(joined, SLOPE)


class ToPicture(nn.Module):
    """Reads a picture out of features and adds it to the smaller picture, enlarged."""

    kernel: Tensor  # (4, 4), with `up`

    def __init__(self, channels: int, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 3, channels, 1, 1))
        self.modulation = Modulation(channels, taps=1)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.register_buffer("kernel", 4 * blur_kernel())

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Features (B, C, H, W), styles (B, 512) to pictures (B, 3, H, W)."""
        with full_precision(x.device):
            weight = self.weight.flatten(2) * self.modulation(style)[:, None]  # (B, 3, C)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H · W, C)
        drawn = (pixels @ weight.mT.to(x.dtype)).mT  # (B, 3, H · W)
        return torch.unflatten(drawn, 2, x.shape[2:]) + self.bias

    def enlarged(self, below: Tile, area: Area) -> Tensor:
        """A part of pictures of twice the size; the tile holds `area.halved()`, or all there is of it."""
        with full_precision(below.values.device):
            kernel = self.kernel.expand(3, 1, 4, 4)
            doubled = F.conv_transpose2d(below.values, kernel, stride=2, padding=1, groups=3)
        return Tile(doubled, below.area.doubled()).cut(area)


class Stem(nn.Module):
    """Turns a picture into the encoder's first features, each pixel for itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, 3, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, C, H, W)."""
        x = F.conv2d(x, self.weight * (GAIN / math.sqrt(3)), self.bias * GAIN)
        return F.leaky_relu_(x, SLOPE)


class Down(nn.Module):
    """Blurs features, then halves their height and width with a convolution."""

    kernel: Tensor  # (4, 4)

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("kernel", blur_kernel())
        self.gain = GAIN / math.sqrt(9 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / 2, W / 2)."""
        x = blur(x, self.gain * self.kernel, padding=2)
        x = F.conv2d(x, self.weight, GAIN * self.bias, stride=2)
        return F.leaky_relu_(x, SLOPE)


class Linear(nn.Module):
    """A linear layer and a leaky ReLU; what is stored learned at another `rate`."""

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) to (B, outputs)."""
        x = F.linear(x, self.weight) / math.sqrt(self.weight.shape[1]) + self.bias
        return GAIN * self.rate * F.leaky_relu(x, SLOPE)


class PixelNorm(nn.Module):
    """Brings vectors to a mean square of 1."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) to the same shape."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPSILON)


def blur_kernel() -> Tensor:
    """A binomial kernel (4, 4), of sum 1. A checkpoint brings its own; they are the same."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 64


def blur(x: Tensor, kernel: Tensor, padding: int, bias: Tensor | None = None) -> Tensor:
    """Filter every channel of (B, C, H, W) with a symmetric kernel (4, 4), with zeros around."""
    channels = x.shape[1]
    return F.conv2d(x, kernel.expand(channels, 1, 4, 4), bias, padding=padding, groups=channels)


def sample() -> tuple[Tensor, ...]:
    """A face as `GPEN` takes it."""
    return (signed_face(512),)
