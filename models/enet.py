"""E-Net: redraws a face around L-Net's coarse mouth at four times its size (VideoReTalking, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint import Layout
from .layers import convolve_repeated, pointwise, repeating_filters

SIDE = 384  # of the picture, in pixels
MOUTH_SIDE = 96  # of L-Net's
STYLE_SIDE = 256  # at which the style picture is read
STYLE = 512  # numbers that describe a face's looks
MARGIN = 2  # pixels around L-Net's picture, mirrored; they are cut away at the end
NOISE_SIDES = (200, 200, 400, 400)
SLOPE = 0.2  # of every leaky ReLU
EPSILON = 1e-8  # of the demodulation

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


class StyleDownBlock(nn.Module):
    """Halves the size along two paths and adds them."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.widen = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        inner = F.avg_pool2d(_leaky(self.look(x)), 2)
        return pointwise(F.avg_pool2d(x, 2), self.skip.weight).add_(_leaky(self.widen(inner)))


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
        x = _leaky(self.first(x.contiguous(memory_format=torch.channels_last)))
        for down in self.down:
            x = down(x)
        return self.head(_leaky(self.last(x)).flatten(1))


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

    Its border is not padded: the picture's margin is wide enough for all of them and cut away at the end.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3)
        self.noise_strength = nn.Parameter(torch.zeros(1))

    def weight_for(self, style: Tensor) -> Tensor:
        """The weight (out, in, 3, 3) for one style (1, 512), demodulated: every filter has the norm √2."""
        weight = super().weight_for(style)
        norm = weight.square().sum(dim=(1, 2, 3), keepdim=True)
        return weight * torch.rsqrt(norm + EPSILON) * 2**0.5

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Map (1, channels, H, W) to (1, out_channels, H - 2, W - 2)."""
        return self.finish(F.conv2d(x, self.weight_for(style), self.bias.flatten()), noise)

    def finish(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Add noise of any greater size, its middle on x's; overwrites x."""
        if noise is not None:
            x.add_(self.noise_strength * middle(noise, x.shape[2]))
        return _leaky(x)


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
        maps = [] if noise is None else [each.expand(len(mouth), -1, -1, -1).split(1) for each in noise]
        own = list(zip(*maps, strict=True)) if maps else [(None,) * len(NOISE_SIDES)] * len(mouth)
        each_picture = zip(mouth.split(1), looks.split(1), own, strict=True)
        return torch.cat([self._redraw(*each) for each in each_picture])

    def _redraw(self, mouth: Tensor, looks: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        style = self.encoder(looks)
        x = picture = F.pad(mouth, (MARGIN,) * 4, mode="reflect").contiguous(
            memory_format=torch.channels_last
        )
        for i, stage in enumerate(self.stages):
            x, picture = stage(x, picture, style, noise[2 * i : 2 * i + 2])
        return middle(picture, SIDE).contiguous()


class Retouched(NamedTuple):
    """What L-Net and E-Net give together for B pictures."""

    picture: Tensor  # (B, 3, 384, 384) BGR, unclamped
    mouth: Tensor  # (B, 3, 96, 96) BGR in (0, 1), L-Net's


def enhance(
    lnet: nn.Module,
    enet: nn.Module,
    mel: Tensor,
    face: Tensor,
    reference: Tensor,
    noise: Sequence[Tensor] | None = None,
) -> Retouched:
    """Run both networks as the original's one forward did.

    mel:       (B, 1, 80, 16)
    face:      (B, 6, 384, 384) BGR in [0, 1]: the crop with its lower half black, and the looks to take
    reference: (B, 3, 384, 384) BGR in [0, 1], L-Net's second picture
    """
    mouth = lnet(mel, shrink(torch.cat([face[:, :3], reference], dim=1)))
    return Retouched(enet(mouth, face[:, 3:], noise), mouth)


def shrink(pictures: Tensor) -> Tensor:
    """Pictures (B, C, 384, 384) as L-Net takes them, (B, C, 96, 96): of 4 by 4 pixels the middle 2 by 2."""
    return F.interpolate(pictures, size=(MOUTH_SIDE, MOUTH_SIDE), mode="bilinear", align_corners=False)


def draw_noise(seed: int, batch: int = 1, device: torch.device | str = "cpu") -> list[Tensor]:
    """Standard normal maps (batch, 1, n, n) for `ENet`, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 1, side, side, generator=generator).to(device) for side in NOISE_SIDES]


def blur(x: Tensor, bias: Tensor | None, gain: Tensor | None = None) -> Tensor:
    """Weigh neighbours 1, 2, 1 each way, multiply by a gain (C,) and add a bias (C,).

    Maps (B, C, H, W) to (B, C, H - 2, W - 2).
    """
    taps = x.new_tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)
    if gain is not None:
        kernel = kernel * gain.view(-1, 1, 1, 1)
    return F.conv2d(x, kernel, bias, groups=x.shape[1])


def middle(maps: Tensor, side: int) -> Tensor:
    """Cut (..., N, N) down to its middle (..., side, side)."""
    border = (maps.shape[-1] - side) // 2
    return maps[..., border : border + side, border : border + side]


def _leaky(x: Tensor) -> Tensor:
    """In place: a new map of this size costs more than the arithmetic."""
    return F.leaky_relu_(x, SLOPE)
