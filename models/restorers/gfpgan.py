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
from ..stylegan.blocks import EPSILON, STYLE, Modulated, StyleDownBlock, ToPicture, blur, leaky
from ..stylegan.tiles import Area, Tile

WIDTHS = (512, 512, 512, 512, 512, 256, 128, 64)  # the generator's channels at 4, 8, … 512 pixels
HALVES = tuple(width // 2 for width in WIDTHS)  # the U-net's
LAYERS = 2 * len(WIDTHS)  # that take a style, each its own
SIDE = 512  # of the pictures
WHOLE = Area.whole(SIDE)
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

    def forward(self, picture: Tensor, area: Area = WHOLE) -> Tensor:
        """Restore faces.

        picture: (B, 3, 512, 512) RGB in [-1, 1], aligned to the FFHQ template
        area:    of the picture, to make no more than that: the same numbers in less time
        returns: (B, 3, h, w) RGB fp32, about [-1, 1]; clamp it: that area of pictures of 512 by 512

        The noise that the generator adds is the checkpoint's own. Pictures are restored one after another,
        because a single one fills any device. Under autocast, styles and the sum of pictures stay in fp32.
        """
        return torch.cat([self._restore(each, area) for each in torch.split(picture, 1)])

    def _restore(self, picture: Tensor, area: Area) -> Tensor:
        features = [leaky(self.first(picture.contiguous(memory_format=torch.channels_last)))]
        for block in self.down:
            features.append(block(features[-1]))
        x = Tile.whole(leaky(self.last(features[-1])))
        with full_precision(picture.device):
            styles = self.to_styles(x.values.float().flatten(1)).view(LAYERS, 1, STYLE).unbind()
        constant = self.constant.contiguous(memory_format=torch.channels_last)
        made = self.start(Tile.whole(constant), styles[0], Area.whole(4))
        restored = Tile(self.start_picture(made.values, styles[1]).float(), made.area)
        steps = zip(self.up, self.levels, _needed(area), strict=True)
        for index, (block, level, (shown, led)) in enumerate(steps):
            x = Tile(x.values + Tile.whole(features.pop()).cut(x.area), x.area)
            x = block(x, led)
            made, restored = level(made, restored, x, styles[2 * index + 1 : 2 * index + 4], shown)
        return restored.cut(area)


def _needed(area: Area) -> list[tuple[Area, Area]]:
    """What each level has to make for an area of the picture, from 8 pixels up to 512.

    returns: the areas of the generator's maps, and of the U-net's that lead them
    """
    needed, shown = [], area
    led = Level.leads(shown, SIDE)
    for side in (SIDE >> level for level in range(len(WIDTHS) - 1)):
        needed.append((shown, led))
        shown, below = Level.source(shown, side), UpBlock.source(led, side)
        led = below.joined(Level.leads(shown, side // 2))
    return needed[::-1]


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

    @staticmethod
    def source(area: Area, side: int) -> Area:
        """What of its input a part of the result, of `side`, is made of."""
        return _source_of_doubled(area, side).grown(1).within(side // 2)

    def forward(self, x: Tile, area: Area) -> Tile:
        """Make a part of (B, out_channels, 2H, 2H) out of (B, channels, H, H)."""
        middle = _source_of_doubled(area, self.side)
        inner = Tile(leaky(x.convolved(middle, self.side // 2, self.look.weight, self.look.bias)), middle)
        wide = convolve_doubled(inner, area, self.side, self.widen.weight, self.filters, self.widen.bias)
        # Doubled behind the convolution: it leaves fewer channels, and does not care.
        skip = Tile(pointwise(x.values, self.skip.weight), x.area)
        return Tile(leaky(wide).add_(skip.enlarged(area)), area)


class Level(nn.Module):
    """Doubles height and width of the features and of the picture, led by the U-net's features."""

    def __init__(self, channels: int, out_channels: int, side: int) -> None:
        super().__init__()
        self.side = side  # of the result
        self.enlarge = StyledConvolution(channels, out_channels, side, up=True)
        self.scale, self.shift = (Condition(out_channels // 2) for _ in range(2))
        self.refine = StyledConvolution(out_channels, out_channels, side)
        self.picture = ToPicture(out_channels)

    @staticmethod
    def source(area: Area, side: int) -> Area:
        """What of features and picture a part of the result, of `side`, is made of."""
        return _source_of_doubled(area.grown(1).within(side), side)

    @staticmethod
    def leads(area: Area, side: int) -> Area:
        """What of the U-net's features leads a part of the result."""
        return area.grown(3).within(side)

    def forward(
        self, x: Tile, picture: Tile, led_by: Tile, styles: tuple[Tensor, ...], area: Area
    ) -> tuple[Tile, Tile]:
        """Features (1, C, H, H) and a picture (1, 3, H, H) to a part of both at twice the size.

        led_by: (1, C' / 2, 2H, 2H), from the U-net
        styles: three of (1, 512)
        """
        wider = area.grown(1).within(self.side)
        x = self.enlarge(x, styles[0], wider)
        led = x.values[:, x.values.shape[1] // 2 :]  # only half of the channels follow the U-net
        led.mul_(self.scale(led_by, wider, self.side)).add_(self.shift(led_by, wider, self.side))
        x = self.refine(x, styles[1], area)
        drawn = self.picture(x.values, styles[2]).float()
        return x, Tile(drawn + picture.enlarged(area), area)


class Condition(nn.Module):
    """Turns the U-net's features into factors or summands for the generator's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tile, area: Area, side: int) -> Tensor:
        """Make a part (B, C, h, w) of the same shape as the whole map, which is of `side`."""
        wider = area.grown(1).within(side)
        inner = Tile(leaky(x.convolved(wider, side, self.first.weight, self.first.bias)), wider)
        return inner.convolved(area, side, self.second.weight, self.second.bias)


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

    def forward(self, x: Tile, style: Tensor, area: Area) -> Tile:
        """Make a part of (1, C', H, H) out of features (1, C, H, H), or half as large ones with `up`."""
        side = self.noise.shape[2]
        with full_precision(style.device):
            scale = self.modulation(style)  # (1, C)
            norm = GAIN * torch.rsqrt(F.linear(scale.square(), self.energy) + EPSILON).flatten()  # (C',)
            weight, filters, bias = self.weight[0], self.filters, self.bias.flatten()
            if self.merge:
                weight = weight * scale.view(1, -1, 1, 1)
                filters = filters * scale.view(1, -1, 1, 1) if self.up else filters
            else:
                x = Tile(x.values * scale[:, :, None, None].to(x.values.dtype), x.area)
        if self.up:
            made = convolve_doubled(x, area, side, weight, filters, bias, norm)
        elif self.merge:
            made = x.convolved(area, side, weight * norm.view(-1, 1, 1, 1), bias)
        else:
            made = _scaled(convolve(x.framed(area.grown(1), side), weight), norm, bias)
        noise = Tile.whole(self.noise_strength * self.noise).cut(area)
        return Tile(leaky(made.add_(noise.to(made.dtype))), area)


def convolve_doubled(
    x: Tile,
    area: Area,
    side: int,
    weight: Tensor,
    filters: Tensor,
    bias: Tensor | None,
    gain: Tensor | None = None,
) -> Tensor:
    """Double the size bilinearly, convolve with 3 by 3 and zeros around, multiply by a gain, add a bias.

    x:       (1, channels, H, H), of which it holds what `_source_of_doubled` says
    area:    what to make of the whole result
    side:    2H
    weight:  (out, channels, 3, 3)
    filters: the same from `repeating_filters`, or empty where a picture is too small for them to pay
    bias:    (out,); none is zeros
    gain:    (out,); none is ones
    returns: (1, out, h, w), that area of the result

    Pixels repeated and then blurred with 1, 2, 1 are pixels doubled bilinearly, and the blur may follow
    the convolution. Only along the border, where the convolution sees zeros, it may not.
    """

    def plainly(part: Area) -> Tensor:
        wider = part.grown(1)
        enlarged = Tile(x.enlarged(wider.within(side)), wider.within(side))
        return _scaled(convolve(enlarged.framed(wider, side), weight), gain, bias)

    if not len(filters):
        return plainly(area)
    source = area.grown(1).halved()
    repeated = convolve_repeated(x.framed(source, side // 2, "replicate"), filters)
    made = blur(Tile(repeated, source.doubled().grown(-1)).cut(area.grown(1)), bias, gain)
    for strip in _border(area, side):
        Tile(made, area).cut(strip)[:] = plainly(strip)
    return made


def _source_of_doubled(area: Area, side: int) -> Area:
    """What `convolve_doubled` looks at for a part of its result, of `side`."""
    return area.grown(1).halved().within(side // 2)


def _border(area: Area, side: int) -> list[Area]:
    """What of the outermost rows and columns of a square map lies in an area."""
    top, left, bottom, right = area
    strips = (
        (top == 0, Area(0, left, 1, right)),
        (bottom == side, Area(side - 1, left, side, right)),
        (left == 0, Area(top, 0, bottom, 1)),
        (right == side, Area(top, side - 1, bottom, side)),
    )
    return [strip for touches, strip in strips if touches]


def _scaled(x: Tensor, gain: Tensor | None, bias: Tensor | None) -> Tensor:
    """Multiply channels by a gain and add a bias, (C,) each."""
    gain = x.new_ones(x.shape[1]) if gain is None else gain
    bias = x.new_zeros(x.shape[1]) if bias is None else bias
    return torch.addcmul(bias.view(-1, 1, 1), x, gain.view(-1, 1, 1)).to(x.dtype)


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
