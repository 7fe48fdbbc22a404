"""GFPGAN 1.3 and 1.4 ("v1 clean"): restores a face with a StyleGAN2 generator that a U-net leads.

Written here like E-Net, whose blocks it shares: features lie with their channels last, a style weighs
filters or features, whichever are fewer, and pixels are doubled behind the convolution that follows.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import (
    after_loading,
    convolve,
    convolve_repeated,
    full_precision,
    pointwise,
    repeating_filters,
)
from ..network import Layout
from ..samples import signed_face
from ..stylegan import EPSILON, STYLE, Modulated, StyleDownBlock, ToPicture, blur, leaky

WIDTHS = (512, 512, 512, 512, 512, 256, 128, 64)  # the generator's channels at 4, 8, … 512 pixels
HALVES = tuple(width // 2 for width in WIDTHS)  # the U-net's
LAYERS = 2 * len(WIDTHS)  # that take a style, each its own
LARGE = 64  # pixels of a side, from which doubling by repeated pixels and merged weights pay
GAIN = 2**0.5  # of the generator's convolutions

LAYOUT = Layout(
    containers=("params_ema", "params"),
    dead=(
        r"^toRGB\.",  # smaller pictures, for training's losses
        r"^stylegan_decoder\.style_mlp\.",  # the encoder's styles go past it
    ),
    renames=(
        (r"^conv_body_first\.", "first."),
        (r"^conv_body_(down|up)\.(\d)\.conv1\.", r"\1.\2.look."),
        (r"^conv_body_(down|up)\.(\d)\.conv2\.", r"\1.\2.widen."),
        (r"^conv_body_(down|up)\.(\d)\.skip\.", r"\1.\2.skip."),
        (r"^final_conv\.", "last."),
        (r"^final_linear\.", "to_styles."),
        (r"^condition_(scale|shift)\.(\d)\.0\.", r"levels.\2.\1.first."),
        (r"^condition_(scale|shift)\.(\d)\.2\.", r"levels.\2.\1.second."),
        (r"^stylegan_decoder\.constant_input\.weight$", "constant"),
        (r"^stylegan_decoder\.style_conv1\.", "start."),
        (r"^stylegan_decoder\.to_rgb1\.", "start_picture."),
        *(
            (rf"^stylegan_decoder\.style_convs\.{2 * level + place}\.", f"levels.{level}.{part}.")
            for level in range(len(WIDTHS) - 1)
            for place, part in enumerate(("enlarge", "refine"))
        ),
        (r"^stylegan_decoder\.to_rgbs\.(\d)\.", r"levels.\1.picture."),
        (r"^stylegan_decoder\.noises\.noise0$", "start.noise"),
        *(
            (rf"^stylegan_decoder\.noises\.noise{2 * level + place + 1}$", f"levels.{level}.{part}.noise")
            for level in range(len(WIDTHS) - 1)
            for place, part in enumerate(("enlarge", "refine"))
        ),
        (r"^(start|levels\.\d\.(?:enlarge|refine))\.weight$", r"\1.noise_strength"),
        (r"\.modulated_conv\.", "."),
    ),
)


class GFPGAN(nn.Module):
    """Restores aligned faces, the same face always in the same way."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, HALVES[-1], 1)
        self.down = nn.ModuleList(StyleDownBlock(*widths) for widths in pairwise(reversed(HALVES)))
        self.last = nn.Conv2d(HALVES[0], HALVES[0], 3, padding=1)
        self.to_styles = nn.Linear(HALVES[0] * 4 * 4, LAYERS * STYLE)
        self.up = nn.ModuleList(
            UpBlock(*widths, side=8 << index) for index, widths in enumerate(pairwise(HALVES))
        )
        self.constant = nn.Parameter(torch.randn(1, WIDTHS[0], 4, 4))
        self.start = StyledConvolution(WIDTHS[0], WIDTHS[0], side=4)
        self.start_picture = ToPicture(WIDTHS[0])
        self.levels = nn.ModuleList(
            Level(*widths, side=8 << index) for index, widths in enumerate(pairwise(WIDTHS))
        )
        after_loading(self, _settle)

    def forward(self, picture: Tensor) -> Tensor:
        """Restore faces.

        picture: (B, 3, 512, 512) RGB in [-1, 1], aligned to the FFHQ template
        returns: (B, 3, 512, 512) RGB fp32, about [-1, 1]; clamp it

        The noise that the generator adds is the checkpoint's own. Pictures are restored one after another,
        because a single one fills any device. Under autocast, styles and the sum of pictures stay in fp32.
        """
        return torch.cat([self._restore(each) for each in torch.split(picture, 1)])

    def _restore(self, picture: Tensor) -> Tensor:
        features = [leaky(self.first(picture.contiguous(memory_format=torch.channels_last)))]
        for block in self.down:
            features.append(block(features[-1]))
        x = leaky(self.last(features[-1]))
        with full_precision(picture.device):
            styles = self.to_styles(x.float().flatten(1)).view(LAYERS, 1, STYLE).unbind()
        made = self.start(self.constant.contiguous(memory_format=torch.channels_last), styles[0])
        restored = self.start_picture(made, styles[1]).float()
        for index, (block, level) in enumerate(zip(self.up, self.levels, strict=True)):
            x = block(x + features.pop())
            own = styles[2 * index + 1 : 2 * index + 4]
            made, restored = level(made, restored, x, own)
        return restored


class UpBlock(nn.Module):
    """Doubles the size along two paths and adds them."""

    filters: Tensor  # of `widen`, made for repeated pixels

    def __init__(self, channels: int, out_channels: int, side: int) -> None:
        super().__init__()
        self.side = side  # of the result
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.widen = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.register_buffer("filters", torch.empty(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
        inner = leaky(self.look(x))
        wide = leaky(convolve_doubled(inner, self.widen.weight, self.filters, self.widen.bias))
        # Doubled behind the convolution: it leaves fewer channels, and does not care.
        return wide.add_(_double(pointwise(x, self.skip.weight)))


class Level(nn.Module):
    """Doubles height and width of the features and of the picture, led by the U-net's features."""

    def __init__(self, channels: int, out_channels: int, side: int) -> None:
        super().__init__()
        self.enlarge = StyledConvolution(channels, out_channels, side, up=True)
        self.scale, self.shift = (Condition(out_channels // 2) for _ in range(2))
        self.refine = StyledConvolution(out_channels, out_channels, side)
        self.picture = ToPicture(out_channels)

    def forward(
        self, x: Tensor, picture: Tensor, led_by: Tensor, styles: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """Features (1, C, H, H) and a picture (1, 3, H, H) to both at twice the size.

        led_by: (1, C' / 2, 2H, 2H), from the U-net
        styles: three of (1, 512)
        """
        x = self.enlarge(x, styles[0])
        led = x[:, x.shape[1] // 2 :]  # only half of the channels follow the U-net
        led.mul_(self.scale(led_by)).add_(self.shift(led_by))
        x = self.refine(x, styles[1])
        return x, self.picture(x, styles[2]).float() + _double(picture)


class Condition(nn.Module):
    """Turns the U-net's features into factors or summands for the generator's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return self.second(leaky(self.first(x)))


class StyledConvolution(Modulated):
    """A convolution whose input channels a style weighs; its own noise is added to every output channel.

    Filters keep their norm under any style. Both merge into the filters where there are more pixels than
    filters, else they are done to the features.
    """

    noise: Tensor  # (1, 1, side, side)
    energy: Tensor  # (C', C) of the weights
    filters: Tensor  # for repeated pixels, with `up`

    def __init__(self, channels: int, out_channels: int, side: int, up: bool = False) -> None:
        super().__init__(channels, out_channels, 3)
        self.noise_strength = nn.Parameter(torch.zeros(1))
        self.up = up
        self.merge = side > LARGE
        self.register_buffer("noise", torch.randn(1, 1, side, side))
        self.register_buffer("energy", torch.empty(0), persistent=False)
        self.register_buffer("filters", torch.empty(0), persistent=False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Features (1, C, H, H), a style (1, 512) to (1, C', H, H), or twice the size with `up`."""
        with full_precision(x.device):
            scale = self.modulation(style)  # (1, C)
            norm = GAIN * torch.rsqrt(F.linear(scale.square(), self.energy) + EPSILON).flatten()  # (C',)
            weight, filters, bias = self.weight[0], self.filters, self.bias.flatten()
            if self.merge:
                weight = weight * scale.view(1, -1, 1, 1)
                filters = filters * scale.view(1, -1, 1, 1) if self.up else filters
            else:
                x = x * scale[:, :, None, None].to(x.dtype)
        if self.up:
            x = convolve_doubled(x, weight, filters, bias, norm)
        elif self.merge:
            x = F.conv2d(x, weight * norm.view(-1, 1, 1, 1), bias, padding=1)
        else:
            x = _scaled(convolve(F.pad(x, (1, 1, 1, 1)), weight), norm, bias)
        return leaky(x.add_((self.noise_strength * self.noise).to(x.dtype)))


def convolve_doubled(
    x: Tensor, weight: Tensor, filters: Tensor, bias: Tensor | None, gain: Tensor | None = None
) -> Tensor:
    """Double the size bilinearly, convolve with 3 by 3 and zeros around, multiply by a gain, add a bias.

    x:       (1, channels, H, W)
    weight:  (out, channels, 3, 3)
    filters: the same from `repeating_filters`, or empty where a picture is too small for them to pay
    bias:    (out,); none is zeros
    gain:    (out,); none is ones
    returns: (1, out, 2H, 2W)

    Pixels repeated and then blurred with 1, 2, 1 are pixels doubled bilinearly, and the blur may follow
    the convolution. Only along the border, where the convolution sees zeros, it may not.
    """
    if not len(filters):
        return _scaled(convolve(F.pad(_double(x), (1, 1, 1, 1)), weight), gain, bias)
    doubled = blur(convolve_repeated(F.pad(x, (1, 1, 1, 1), mode="replicate"), filters), bias, gain)
    above, below = _double(x[:, :, :2])[:, :, :2], _double(x[:, :, -2:])[:, :, 2:]
    rows = F.conv2d(torch.cat([F.pad(above, (1, 1, 1, 0)), F.pad(below, (1, 1, 0, 1))]), weight)
    doubled[:, :, :1], doubled[:, :, -1:] = torch.split(_scaled(rows, gain, bias), 1)
    left, right = _double(x[..., :2])[..., :2], _double(x[..., -2:])[..., 2:]
    columns = F.conv2d(torch.cat([F.pad(left, (1, 0, 1, 1)), F.pad(right, (0, 1, 1, 1))]), weight)
    doubled[..., :1], doubled[..., -1:] = torch.split(_scaled(columns, gain, bias), 1)
    return doubled


def _scaled(x: Tensor, gain: Tensor | None, bias: Tensor | None) -> Tensor:
    """Multiply channels by a gain and add a bias, (C,) each."""
    gain = x.new_ones(x.shape[1]) if gain is None else gain
    bias = x.new_zeros(x.shape[1]) if bias is None else bias
    return torch.addcmul(bias.view(-1, 1, 1), x, gain.view(-1, 1, 1)).to(x.dtype)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _settle(network: GFPGAN, _: object) -> None:
    """Prepare what follows from the weights, and lay channels last in memory."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
        if isinstance(part, Modulated):
            part.weight.data = part.weight.data.movedim(2, -1).contiguous().movedim(-1, 2)
        if isinstance(part, UpBlock):
            part.filters = _filters(part.widen.weight.detach(), part.side)
        if isinstance(part, StyledConvolution):
            part.energy = part.weight.detach()[0].square().sum(dim=(2, 3))
            if part.up:
                part.filters = _filters(part.weight.detach()[0], part.noise.shape[2])


def _filters(weight: Tensor, side: int) -> Tensor:
    """For repeated pixels, if that pays where the result has so many on a side."""
    if side < LARGE:
        return weight.new_empty(0)
    return repeating_filters(weight).contiguous(memory_format=torch.channels_last)


def sample() -> tuple[Tensor, ...]:
    """A face as `GFPGAN` takes it."""
    return (signed_face(512),)
