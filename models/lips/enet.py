"""E-Net: redraws a face around L-Net's coarse mouth at four times its size (VideoReTalking, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import convolve_repeated, repeating_filters
from ..network import Layout
from ..samples import drawn_face
from ..stylegan import STYLE, StyledConvolution, StyleDownBlock, ToPicture, blur, leaky, middle

SIDE = 384  # of the picture, in pixels
MOUTH_SIDE = 96  # of L-Net's
STYLE_SIDE = 256  # at which the style picture is read
MARGIN = 2  # pixels around L-Net's picture, mirrored; they are cut away at the end
NOISE_SIDES = (200, 200, 400, 400)

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

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Map (1, channels, H, W) to (1, out_channels, 2H - 4, 2W - 4); few channels lose 2."""
        weight = self.weight_for(style)
        if x.shape[1] < weight.shape[0]:  # few channels are cheap to enlarge
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            return self.finish(F.conv2d(x, weight, self.bias.flatten()), noise)
        # Pixels repeated and then blurred with 1, 2, 1 are pixels doubled bilinearly, and a blur may as
        # well follow the convolution, where there are fewer channels.
        return self.finish(blur(convolve_repeated(x, repeating_filters(weight)), self.bias.flatten()), noise)


class Stage(nn.Module):
    """Doubles features and picture."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.enlarge = DoublingConvolution(channels, out_channels)
        self.refine = StyledConvolution(out_channels, out_channels)
        self.to_picture = ToPicture(out_channels)

    def forward(
        self, x: Tensor, picture: Tensor, style: Tensor, noise: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Features (1, channels, H, H) and a picture of H or more to both at twice the size less a border."""
        x = self.enlarge(x, style, noise[0])
        x = self.refine(x, style, noise[1])
        picture = F.interpolate(picture, scale_factor=2.0, mode="bilinear", align_corners=False)
        return x, self.to_picture(x, style) + middle(picture, x.shape[2])


class ENet(nn.Module):
    """Redraws faces sharply: the mouth from L-Net's picture, everything else from the looks of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = StyleEncoder()
        self.stages = nn.ModuleList((Stage(3, 256), Stage(256, 128)))

    def forward(self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Redraw faces.

        mouth:   (B, 3, 96, 96) BGR in [0, 1], from L-Net
        looks:   (B, 3, 384, 384) BGR in [0, 1], whose style the picture takes: the reference
        noise:   maps (B or 1, 1, n, n), n = 200, 200, 400, 400, as `draw_noise` makes them; None for none
        returns: (B, 3, 384, 384) BGR, unclamped

        Pictures are drawn one after another, because a single one fills any device. So memory hardly
        grows with the batch, and every picture may have weights of its own for no more than their product.
        """
        shared = [] if noise is None else [each.expand(len(mouth), -1, -1, -1) for each in noise]
        maps = [torch.split(each, 1) for each in shared]
        own = list(zip(*maps, strict=True)) if maps else [(None,) * len(NOISE_SIDES)] * len(mouth)
        each_picture = zip(torch.split(mouth, 1), torch.split(looks, 1), own, strict=True)
        return torch.cat([self._redraw(*each) for each in each_picture])

    def _redraw(self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        style = self.encoder(looks)
        x = picture = F.pad(mouth, (MARGIN,) * 4, mode="reflect").contiguous(
            memory_format=torch.channels_last
        )
        for i, stage in enumerate(self.stages):
            x, picture = stage(x, picture, style, noise[2 * i : 2 * i + 2])
        return middle(picture, SIDE).contiguous()


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
