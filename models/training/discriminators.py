"""Networks that tell drawn pictures from real ones; what draws learns from them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..network import Layout
from ..samples import drawn_face
from .blocks import spectral

QUALITY_SLOPE = 0.01
PATCH_SLOPE = 0.2
QUALITY_LAYOUT = Layout(containers=("state_dict",), strip="module.")


class PlainConvolution(nn.Module):
    """A convolution and a leaky ReLU."""

    def __init__(
        self, channels: int, out_channels: int, kernel: int, stride: int | tuple[int, int], padding: int
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(channels, out_channels, kernel, stride, padding))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, fewer or as many, the same)."""
        return F.leaky_relu(self.conv_block(x), QUALITY_SLOPE)


class QualityDiscriminator(nn.Module):
    """Wav2Lip's: whether the lower half of a face is a picture that was taken."""

    def __init__(self) -> None:
        super().__init__()
        widths = (64, 128, 256, 512, 512)
        kernels, strides = (5, 5, 5, 3, 3), ((1, 2), (2, 2), (2, 2), (2, 2), (2, 2))
        before, levels = 32, [nn.Sequential(PlainConvolution(3, 32, 7, 1, 3))]
        for width, kernel, stride in zip(widths, kernels, strides, strict=True):
            first = PlainConvolution(before, width, kernel, stride, kernel // 2)
            levels.append(nn.Sequential(first, PlainConvolution(width, width, kernel, 1, kernel // 2)))
            before = width
        levels.append(nn.Sequential(PlainConvolution(512, 512, 3, 1, 0), PlainConvolution(512, 512, 1, 1, 0)))
        self.face_encoder_blocks = nn.ModuleList(levels)
        self.binary_pred = nn.Sequential(nn.Conv2d(512, 1, 1), nn.Sigmoid())

    def forward(self, halves: Tensor) -> Tensor:
        """Lower halves (B, 3, 48, 96) BGR in [0, 1] to probabilities (B, 1) that they are real."""
        x = halves
        for level in self.face_encoder_blocks:
            x = level(x)
        return self.binary_pred(x).flatten(1)


class PatchDiscriminator(nn.Module):
    """Pix2pix's: whether each patch of a picture is one that was taken; a patch is 70 pixels wide.

    Isola et al., "Image-to-image translation with conditional adversarial networks" (2017). Spectral norms in
    the place of batch norms keep it calm.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        pairs = ((3, width), (width, 2 * width), (2 * width, 4 * width))
        layers: list[nn.Module] = []
        for before, after in pairs:
            layers += (spectral(nn.Conv2d(before, after, 4, 2, 1), True), nn.LeakyReLU(PATCH_SLOPE))
        layers += (spectral(nn.Conv2d(4 * width, 8 * width, 4, 1, 1), True), nn.LeakyReLU(PATCH_SLOPE))
        layers.append(spectral(nn.Conv2d(8 * width, 1, 4, 1, 1), True))
        self.model = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1], H and W 32 or more, to scores (B, 1, about H / 8, W / 8)."""
        return self.model(pictures)


def sample() -> tuple[Tensor, ...]:
    """A lower half as `QualityDiscriminator` takes it."""
    return (torch.as_tensor(drawn_face(96).flip(1)[:, :, 48:]),)
