"""E-Net as it is trained: redraws L-Net's face at four times its size (VideoReTalking, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..lips.enet import MARGIN
from ..stylegan.blocks import EPSILON, SLOPE
from ..stylegan.tiles import Area


@dataclass(frozen=True)
class ENetShape:
    """How wide E-Net is; as it stands, the released one."""

    looks: tuple[int, ...] = (256, 256, 512, 512, 512, 512, 512)  # channels of what reads a face's looks
    looks_side: int = 256  # pixels at which they are read
    style: int = 512  # numbers that describe them
    features: tuple[int, int] = (256, 128)  # channels at twice and at four times the size


class Redrawn(NamedTuple):
    """What E-Net gives for B pictures of side S."""

    picture: Tensor  # (B, 3, 4S, 4S) BGR, unclamped
    half: Tensor  # (B, 3, 2S, 2S) BGR, on its way


def _middle(maps: Tensor, side: int) -> Tensor:
    """Cut (..., N, N) down to its middle (..., side, side)."""
    border = (maps.shape[-1] - side) // 2
    return maps[..., border : border + side, border : border + side]


class LooksDown(nn.Module):
    """Halves the size along two paths and adds them."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        inner = F.avg_pool2d(F.leaky_relu(self.conv1(x), SLOPE), 2)
        return F.leaky_relu(self.conv2(inner), SLOPE) + self.skip(F.avg_pool2d(x, 2))


class Modulate(nn.Module):
    """A convolution whose input channels are scaled as a style says, padded with zeros."""

    def __init__(self, channels: int, out_channels: int, kernel: int, style: int, even: bool) -> None:
        """even: every filter has the norm 1 after the scaling"""
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, out_channels, channels, kernel, kernel))
        self.modulation = nn.Linear(style, channels)
        self.even = even
        nn.init.kaiming_normal_(self.weight[0])
        nn.init.ones_(self.modulation.bias)  # at first a style changes little
        nn.init.normal_(self.modulation.weight, std=style**-0.5)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W), each picture with filters of its own."""
        batch, channels, height, width = x.shape
        weight = self.weight * self.modulation(style)[:, None, :, None, None]
        if self.even:
            weight = weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + EPSILON)
        folded = x.reshape(1, batch * channels, height, width)
        y = F.conv2d(folded, weight.flatten(0, 1), padding=weight.shape[-1] // 2, groups=batch)
        return y.reshape(batch, -1, height, width)


class StyleConvolution(nn.Module):
    """A modulated convolution of even strength, noise, a leaky ReLU; perhaps doubles the size first."""

    def __init__(self, channels: int, out_channels: int, style: int, doubles: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))  # how much of the noise is added
        self.bias = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        self.modulated_conv = Modulate(channels, out_channels, 3, style, even=True)
        self.doubles = doubles

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W) or twice of it; noise is (B or 1, 1, …)."""
        if self.doubles:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.modulated_conv(x, style) * 2**0.5
        if noise is not None:
            x = x + self.weight * _middle(noise, x.shape[2])
        return F.leaky_relu(x + self.bias, SLOPE)


class DrawPicture(nn.Module):
    """Features as a picture of three channels, added to the smaller one before it."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.modulated_conv = Modulate(channels, 3, 1, style, even=False)
        with torch.no_grad():  # at first the picture is the smaller one, enlarged
            self.modulated_conv.weight.mul_(0.01)

    def forward(self, x: Tensor, style: Tensor, before: Tensor) -> Tensor:
        """Features (B, channels, 2H, 2W) and a picture (B, 3, H, W) to a picture (B, 3, 2H, 2W)."""
        larger = F.interpolate(before, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.modulated_conv(x, style) + self.bias + larger


class ENetInTraining(nn.Module):
    """E-Net, whose names are those of the released file."""

    def __init__(self, shape: ENetShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or ENetShape()
        looks, style = shape.looks, shape.style
        self.conv_body_first = nn.Conv2d(3, looks[0], 1)
        self.conv_body_down = nn.ModuleList(map(LooksDown, looks, looks[1:]))
        cells = (shape.looks_side >> (len(looks) - 1)) ** 2
        self.final_linear = nn.Linear(looks[-1] * cells, style)
        self.final_conv = nn.Conv2d(looks[-1], looks[-1], 3, padding=1)
        pairs = zip((3, shape.features[0]), shape.features, strict=True)
        self.style_convs = nn.ModuleList(
            StyleConvolution(before if doubles else after, after, style, doubles)
            for before, after in pairs
            for doubles in (True, False)
        )
        self.to_rgbs = nn.ModuleList(DrawPicture(channels, style) for channels in shape.features)
        for part in (self.conv_body_first, *self.conv_body_down.modules(), self.final_conv):
            if isinstance(part, nn.Conv2d):  # else styles of all faces are nearly the same at first
                nn.init.kaiming_normal_(part.weight, SLOPE)

    @property
    def encoder(self) -> Callable[[Tensor], Tensor]:
        """What reads a style, under the name that it has where faces are only drawn."""
        return self.read_looks

    def forward(
        self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor] | None = None, area: Area | None = None
    ) -> Tensor:
        """Redraw faces, as `models.lips.enet.ENet` does; of an area all is drawn, and the rest left out."""
        drawn = self.redraw(mouth, looks, noise).picture
        return drawn if area is None else drawn[..., area.top : area.bottom, area.left : area.right]

    def redraw(self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor] | None = None) -> Redrawn:
        """Redraw faces, and keep the one on its way.

        mouth: (B, 3, S, S) BGR in [0, 1], from L-Net; the released one knows S = 96
        looks: (B, 3, any, any) BGR in [0, 1], whose style the picture takes; or that style, (B, style)
        noise: four maps (B or 1, 1, n, n), n at least 2S + 8 for the first two and 4S + 16 for the others
        """
        style, side = looks if looks.dim() == 2 else self.read_looks(looks), mouth.shape[2]
        x = picture = F.pad(mouth, (MARGIN,) * 4, mode="reflect")
        pictures = []
        for i, draw in enumerate(self.to_rgbs):
            for j in (2 * i, 2 * i + 1):
                x = self.style_convs[j](x, style, None if noise is None else noise[j])
            picture = draw(x, style, picture)
            pictures.append(picture)
        return Redrawn(_middle(pictures[1], 4 * side), _middle(pictures[0], 2 * side))

    def read_looks(self, picture: Tensor) -> Tensor:
        """Picture (B, 3, H, W) BGR in [0, 1] to a style (B, style)."""
        size = (self.shape.looks_side,) * 2
        x = F.interpolate(picture, size=size, mode="bilinear", align_corners=False)
        x = F.leaky_relu(self.conv_body_first(x), SLOPE)
        for down in self.conv_body_down:
            x = down(x)
        return self.final_linear(F.leaky_relu(self.final_conv(x), SLOPE).flatten(1))
