"""E-Net: redraws a face around L-Net's coarse mouth at four times its size (VideoReTalking, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import convolve_repeated, repeating_filters
from ..network import Layout
from ..samples import drawn_face
from ..stylegan.blocks import STYLE, StyledConvolution, StyleDownBlock, ToPicture, blur, leaky
from ..stylegan.tiles import Area, Tile

SIDE = 384  # of the picture, in pixels
MOUTH_SIDE = 96  # of L-Net's
STYLE_SIDE = 256  # at which the style picture is read
MARGIN = 2  # pixels around L-Net's picture, mirrored; no more of them shows at the end
NOISE_MARGIN = (4, 4, 8, 8)  # around the maps at twice and four times L-Net's size
NOISE_SIDES = (200, 200, 400, 400)  # with it
WHOLE = Area.whole(SIDE)

LAYOUT = Layout(
    containers=("state_dict",),
    strip="module.",
    ignored=(r"\blow_res\.",),  # the L-Net that it was trained with; the original uses LNet.pth instead
    renames=(
        (r"^conv_body_first\.", "encoder.first."),
        (r"^conv_body_down\.(\d)\.conv1\.", r"encoder.down.\1.look."),
        (r"^conv_body_down\.(\d)\.conv2\.", r"encoder.down.\1.widen."),
        (r"^conv_body_down\.(\d)\.skip\.", r"encoder.down.\1.skip."),
        (r"^final_conv\.", "encoder.last."),
        (r"^final_linear\.", "encoder.head."),
        (r"^style_convs\.0\.", "stages.0.enlarge."),
        (r"^style_convs\.1\.", "stages.0.refine."),
        (r"^style_convs\.2\.", "stages.1.enlarge."),
        (r"^style_convs\.3\.", "stages.1.refine."),
        (r"^to_rgbs\.(\d)\.", r"stages.\1.to_picture."),
        (r"\.(enlarge|refine)\.weight$", r".\1.noise_strength"),
        (r"\.modulated_conv\.", "."),
    ),
)


class StyleEncoder(nn.Module):
    """Reads a face's looks off a picture."""

    def __init__(self) -> None:
        super().__init__()
        widths = (256, 256, 512, 512, 512, 512, 512)
        self.first = nn.Conv2d(3, widths[0], 1)
        self.down = nn.ModuleList(map(StyleDownBlock, widths, widths[1:]))
        self.last = nn.Conv2d(STYLE, STYLE, 3, padding=1)
        self.head = nn.Linear(STYLE * 4 * 4, STYLE)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, 3, H, W) BGR in [0, 1] to a style (B, 512)."""
        x = F.interpolate(picture, size=(STYLE_SIDE, STYLE_SIDE), mode="bilinear", align_corners=False)
        x = leaky(self.first(x.contiguous(memory_format=torch.channels_last)))
        for down in self.down:
            x = down(x)
        return self.head(leaky(self.last(x)).flatten(1))


class DoublingConvolution(StyledConvolution):
    """Doubles the size bilinearly before it convolves."""

    def forward(self, x: Tile, style: Tensor, noise: Tile | None, area: Area) -> Tile:
        """Make a part of (1, out_channels, 2H, 2W) out of (1, channels, H, W)."""
        weight = self.weight_for(style)
        if x.values.shape[1] < weight.shape[0]:  # few channels are cheap to enlarge
            enlarged = x.enlarged(area.grown(1))
            return self.finish(F.conv2d(enlarged, weight, self.bias.flatten()), noise, area)
        # Pixels repeated and then blurred with 1, 2, 1 are pixels doubled bilinearly, and a blur may as
        # well follow the convolution, where there are fewer channels.
        source = area.grown(1).halved()
        repeated = convolve_repeated(x.cut(source), repeating_filters(weight))
        blurred = blur(Tile(repeated, source.doubled().grown(-1)).cut(area.grown(1)), self.bias.flatten())
        return self.finish(blurred, noise, area)


class Stage(nn.Module):
    """Doubles features and picture."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.enlarge = DoublingConvolution(channels, out_channels)
        self.refine = StyledConvolution(out_channels, out_channels)
        self.to_picture = ToPicture(out_channels)

    @staticmethod
    def source(area: Area) -> Area:
        """What of features and picture a part of the result is made of."""
        return area.grown(2).halved()

    def forward(
        self, x: Tile, picture: Tile, style: Tensor, noise: Sequence[Tile | None], area: Area
    ) -> tuple[Tile, Tile]:
        """Features (1, channels, H, W) and a picture (1, 3, H, W) to a part of both at twice the size."""
        x = self.enlarge(x, style, noise[0], area.grown(1))
        x = self.refine(x, style, noise[1], area)
        drawn = self.to_picture(x.values, style) + picture.enlarged(area)
        return x, Tile(drawn, area)


class ENet(nn.Module):
    """Redraws faces sharply: the mouth from L-Net's picture, everything else from the looks of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = StyleEncoder()
        self.stages = nn.ModuleList((Stage(3, 256), Stage(256, 128)))

    def forward(
        self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor] | None = None, area: Area = WHOLE
    ) -> Tensor:
        """Redraw faces.

        mouth:   (B, 3, 96, 96) BGR in [0, 1], from L-Net
        looks:   (B, 3, 384, 384) BGR in [0, 1], whose style the picture takes: the reference; or that style
                 itself, (B, 512), from `encoder`
        noise:   maps (B or 1, 1, n, n), n = 200, 200, 400, 400, as `draw_noise` makes them; None for none
        area:    of the picture, to make no more than that: the same numbers in less time
        returns: (B, 3, h, w) BGR, unclamped: that area of pictures of 384 by 384

        Pictures are drawn one after another, because a single one fills any device. So memory hardly
        grows with the batch, and every picture may have weights of its own for no more than their product.
        """
        shared = [] if noise is None else [each.expand(len(mouth), -1, -1, -1) for each in noise]
        maps = [torch.split(each, 1) for each in shared]
        own = list(zip(*maps, strict=True)) if maps else [(None,) * len(NOISE_SIDES)] * len(mouth)
        each_picture = zip(torch.split(mouth, 1), torch.split(looks, 1), own, strict=True)
        return torch.cat([self._redraw(*each, area) for each in each_picture])

    def _redraw(self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor | None], area: Area) -> Tensor:
        style = looks if looks.dim() == 2 else self.encoder(looks)
        padded = F.pad(mouth, (MARGIN,) * 4, mode="reflect").contiguous(memory_format=torch.channels_last)
        x = picture = Tile(padded, Area.whole(MOUTH_SIDE).grown(MARGIN))
        maps = [_around(each, margin) for each, margin in zip(noise, NOISE_MARGIN, strict=True)]
        for i, (stage, shown) in enumerate(zip(self.stages, (Stage.source(area), area), strict=True)):
            x, picture = stage(x, picture, style, maps[2 * i : 2 * i + 2], shown)
        return picture.values.contiguous()


def _around(noise: Tensor | None, margin: int) -> Tile | None:
    """Noise (1, 1, n, n) that reaches beyond a map on every side."""
    return None if noise is None else Tile(noise, Area.whole(noise.shape[2] - 2 * margin).grown(margin))


def shrink(pictures: Tensor) -> Tensor:
    """Pictures (B, C, 384, 384) as L-Net takes them, (B, C, 96, 96): of 4 by 4 pixels the middle 2 by 2."""
    return F.interpolate(pictures, size=(MOUTH_SIDE, MOUTH_SIDE), mode="bilinear", align_corners=False)


def draw_noise(seed: int, batch: int = 1, device: torch.device | str = "cpu") -> list[Tensor]:
    """Standard normal maps (batch, 1, n, n) for `ENet`, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 1, side, side, generator=generator).to(device) for side in NOISE_SIDES]


def sample() -> tuple[Tensor, ...]:
    """A mouth and looks as `ENet` takes them."""
    return drawn_face(MOUTH_SIDE).flip(1), drawn_face(SIDE).flip(1)
