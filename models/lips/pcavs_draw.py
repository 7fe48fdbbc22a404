"""PC-AVS draws heads: a StyleGAN2 generator that begins with a person's map (G).

As in GPEN, weights in the file are of the order of 1 and meant to be multiplied by 1 / sqrt(inputs) in use:
that factor, and the gain behind every activation, join the small tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import after_loading, full_precision
from ..network import Layout
from ..restorers.gpen import EPSILON, GAIN, SLOPE, Modulation, blur, blur_kernel, settle
from .pcavs_faces import IDENTITY, MOUTH, POSE

STYLE = IDENTITY + MOUTH + POSE
WIDTHS = (512, 512, 512, 512, 256, 128)  # channels at 7, 14, … 224 pixels
SIDE = 7 * 2 ** (len(WIDTHS) - 1)
NOISE_SIDES = (7, *(side for level in range(1, len(WIDTHS)) for side in (7 << level,) * 2))

LAYOUT = Layout(
    ignored=(r"^style\.", r"^input\.", r"^noises\."),  # of the network that it was made from
    renames=(
        (r"^conv1\.", "first."),
        (r"^to_rgb1\.", "first_picture."),
        *(
            (rf"^convs\.{2 * level + place}\.", f"levels.{level}.{part}.")
            for level in range(len(WIDTHS) - 1)
            for place, part in enumerate(("enlarge", "refine"))
        ),
        (r"^to_rgbs\.(\d)\.", r"levels.\1.picture."),
        (r"\.conv\.", "."),
        (r"\.(blur|upsample)\.kernel$", ".kernel"),
        (r"\.noise\.weight$", ".strength"),
        (r"\.activate\.bias$", ".bias"),
    ),
)


class NoisyConvolution(nn.Module):
    """A convolution whose input channels a style weighs; noise, a bias and a leaky ReLU behind it."""

    kernel: Tensor  # (4, 4), with `up`
    energy: Tensor  # (C', C) of the weights

    def __init__(self, channels: int, out_channels: int, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, out_channels, channels, 3, 3))
        self.modulation = Modulation(channels, taps=9, style=STYLE)
        self.strength = nn.Parameter(torch.zeros(1))  # of the noise
        self.bias = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        self.up = up
        if up:
            self.register_buffer("kernel", 4 * blur_kernel())
        self.register_buffer("energy", torch.zeros(out_channels, channels), persistent=False)
        after_loading(self, settle)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Features (B, C, H, W), styles (B, 2560) to (B, C', H, W), twice as high and wide with `up`.

        noise: (B or 1, 1, H, W) of the result's size
        """
        with full_precision(x.device):
            scale = self.modulation(style)
            norm = GAIN * torch.rsqrt(F.linear(scale.square(), self.energy) + EPSILON)
        x = x * scale[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, self.weight[0].transpose(0, 1), stride=2)
            x = blur(x, self.kernel, 1)
        else:
            x = F.conv2d(x, self.weight[0], padding=1)
        x = torch.addcmul(GAIN * self.bias, x, norm[:, :, None, None])
        if noise is not None:
            x = x + GAIN * self.strength * noise.to(x.dtype)
        return F.leaky_relu_(x, SLOPE)


class ToColours(nn.Module):
    """Reads a picture out of features and adds it to the smaller picture, enlarged."""

    kernel: Tensor  # (4, 4), with `up`

    def __init__(self, channels: int, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 3, channels, 1, 1))
        self.modulation = Modulation(channels, taps=1, style=STYLE)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.register_buffer("kernel", 4 * blur_kernel())

    def forward(self, x: Tensor, style: Tensor, below: Tensor | None = None) -> Tensor:
        """Features (B, C, H, W), styles (B, 2560), pictures (B, 3, H / 2, W / 2) to pictures (B, 3, H, W)."""
        with full_precision(x.device):
            weight = self.weight.flatten(2) * self.modulation(style)[:, None]  # (B, 3, C)
            drawn = torch.einsum("boc,bchw->bohw", weight, x.float()) + self.bias
            if below is None:
                return drawn
            enlarged = F.conv_transpose2d(
                below, self.kernel.expand(3, 1, 4, 4), stride=2, padding=1, groups=3
            )
            return drawn + enlarged


class DrawingLevel(nn.Module):
    """Doubles height and width of the features and of the picture."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.enlarge = NoisyConvolution(channels, out_channels, up=True)
        self.refine = NoisyConvolution(out_channels, out_channels)
        self.picture = ToColours(out_channels, up=True)

    def forward(
        self, x: Tensor, picture: Tensor, style: Tensor, noise: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Features (B, C, H, W), pictures (B, 3, H, W), styles (B, 2560) to both at twice the size."""
        x = self.refine(self.enlarge(x, style, noise[0]), style, noise[1])
        return x, self.picture(x, style, picture)


class PCAVSGenerator(nn.Module):
    """Draws a head with a person's looks, a pose and a mouth: PC-AVS' G."""

    def __init__(self) -> None:
        super().__init__()
        self.first = NoisyConvolution(WIDTHS[0], WIDTHS[0])
        self.first_picture = ToColours(WIDTHS[0])
        self.levels = nn.ModuleList(DrawingLevel(*widths) for widths in pairwise(WIDTHS))

    def forward(self, style: Tensor, begin: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Draw heads.

        style:   (B, 2560): a person's vector, then the codes of mouth and head
        begin:   (B, 512, 7, 7), the person's map
        noise:   maps (B or 1, 1, n, n), n = 7, 14, 14, … 224, 224, from `draw_head_noise`; None: none
        returns: (B, 3, 224, 224) RGB in (-1, 1)
        """
        maps: Sequence[Tensor | None] = noise or (None,) * len(NOISE_SIDES)
        style = style.float()
        x = self.first(begin.contiguous(memory_format=torch.channels_last), style, maps[0])
        picture = self.first_picture(x, style)
        for i, level in enumerate(self.levels):
            x, picture = level(x, picture, style, maps[2 * i + 1 : 2 * i + 3])
        return torch.tanh(picture)


def draw_head_noise(seed: int, device: torch.device | str = "cpu") -> list[Tensor]:
    """Standard normal maps (1, 1, n, n) for the generator, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 1, side, side, generator=generator).to(device) for side in NOISE_SIDES]


def sample() -> tuple[Tensor, ...]:
    """A style and a map."""
    return torch.sin(torch.arange(float(STYLE)))[None], torch.sin(torch.arange(512.0 * 49)).view(1, 512, 7, 7)
