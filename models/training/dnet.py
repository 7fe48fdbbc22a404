"""D-Net as it is trained: it warps a portrait, then repairs it (VideoReTalking, section 3.1; PIRenderer)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..expression.dnet import Portrait, doubling, warp
from ..layers import SLOPE, LayerNorm2d
from .blocks import AdaptiveNorm, Block, DoublingBlock, HalvingBlock, LastBlock

DOWN, UP, LEVELS = 5, 3, 3  # of the hourglass that finds the flow; of the one that repairs


@dataclass(frozen=True)
class DNetShape:
    """How wide D-Net is; as it stands, the released one."""

    style: int = 256  # numbers that describe a window of coefficients
    first: int = 32  # channels of the first layer that looks for the flow
    most: int = 256  # channels at most, there and in the repair
    repair: int = 64  # channels of the repair's first layer


class Mapping(nn.Module):
    """Condenses a window of coefficients into one style vector."""

    def __init__(self, shape: DNetShape, coefficients: int = 73) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(coefficients, shape.style, 7))
        for i in range(3):
            layers = (nn.LeakyReLU(SLOPE), nn.Conv1d(shape.style, shape.style, 3, dilation=3))
            self.add_module(f"encoder{i}", nn.Sequential(*layers))

    def forward(self, window: Tensor) -> Tensor:
        """Coefficients (B, 73, 26 or 27) to a style (B, style, 1)."""
        x = self.first(window)
        for i in range(3):
            x = self.get_submodule(f"encoder{i}")(x) + x[:, :, 3:-3]
        return x.mean(dim=2, keepdim=True)


class HourglassDown(nn.Module):
    """Halves the size, then looks again; norms come before convolutions."""

    def __init__(self, channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(channels, out_channels, 4, stride=2, padding=1)
        self.conv_1 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm_0 = AdaptiveNorm(channels, style)
        self.norm_1 = AdaptiveNorm(out_channels, style)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        x = self.conv_0(F.leaky_relu(self.norm_0(x, style), SLOPE))
        return self.conv_1(F.leaky_relu(self.norm_1(x, style), SLOPE))


class HourglassUp(nn.Module):
    """Doubles the size along two paths and adds them."""

    def __init__(self, channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.conv_1 = doubling(out_channels, out_channels)
        self.conv_s = doubling(channels, out_channels)
        self.norm_0 = AdaptiveNorm(channels, style)
        self.norm_1 = AdaptiveNorm(out_channels, style)
        self.norm_s = AdaptiveNorm(channels, style)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
        shortcut = self.conv_s(F.leaky_relu(self.norm_s(x, style), SLOPE))
        x = self.conv_0(F.leaky_relu(self.norm_0(x, style), SLOPE))
        return self.conv_1(F.leaky_relu(self.norm_1(x, style), SLOPE)) + shortcut


class HourglassEncoder(nn.Module):
    """The way down, and what the way up takes from it."""

    def __init__(self, shape: DNetShape) -> None:
        super().__init__()
        self.input_layer = nn.Conv2d(3, shape.first, 7, padding=3)
        widths = [min(shape.first << i, shape.most) for i in range(DOWN + 1)]
        for i in range(DOWN):
            self.add_module(f"encoder{i}", HourglassDown(widths[i], widths[i + 1], shape.style))

    def forward(self, picture: Tensor, style: Tensor) -> list[Tensor]:
        """Features of five sizes, largest first: half of the picture's, then half of that, and so on."""
        x, kept = self.input_layer(picture), []
        for i in range(DOWN):
            x = self.get_submodule(f"encoder{i}")(x, style)
            kept.append(x)
        return kept


class HourglassDecoder(nn.Module):
    """The way up, to a quarter of the picture's size."""

    def __init__(self, shape: DNetShape) -> None:
        super().__init__()
        self.channels = min(shape.first << DOWN, shape.most)
        for i in range(DOWN - 1, DOWN - 1 - UP, -1):
            wide = min(shape.first << i, shape.most)
            self.add_module(f"decoder{i}", HourglassUp(self.channels, wide, shape.style))
            self.channels = 2 * wide  # beside it lies what the way down left at this size

    def forward(self, kept: list[Tensor], style: Tensor) -> Tensor:
        """Features (B, channels, H / 4, W / 4) from those of the way down."""
        x = kept[-1]
        for i in range(DOWN - 1, DOWN - 1 - UP, -1):
            x = torch.cat([self.get_submodule(f"decoder{i}")(x, style), kept[i - 1]], dim=1)
        return x


class Hourglass(nn.Module):
    """Both ways."""

    def __init__(self, shape: DNetShape) -> None:
        super().__init__()
        self.encoder = HourglassEncoder(shape)
        self.decoder = HourglassDecoder(shape)

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:
        """Picture (B, 3, H, W) to features (B, channels, H / 4, W / 4)."""
        return self.decoder(self.encoder(picture, style), style)


class Warping(nn.Module):
    """Says from where each pixel of the new portrait should be taken."""

    def __init__(self, shape: DNetShape) -> None:
        super().__init__()
        self.hourglass = Hourglass(shape)
        channels = self.hourglass.decoder.channels
        self.flow_out = nn.Sequential(
            LayerNorm2d(channels), nn.LeakyReLU(SLOPE), nn.Conv2d(channels, 2, 7, padding=3)
        )

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:
        """Picture (B, 3, H, W) RGB in [-1, 1] to a flow (B, 2, H / 4, W / 4) in cells."""
        return self.flow_out(self.hourglass(picture, style))


class DoubleStyled(nn.Module):
    """Adds one styled convolution.

    The original computes another one, `conv1` with `norm1`, and throws it away. It is not computed here, and
    not trained either; it is there because released files hold it.
    """

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = AdaptiveNorm(channels, style)
        self.norm2 = AdaptiveNorm(channels, style)
        self.conv1.requires_grad_(False)
        self.norm1.requires_grad_(False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + self.norm2(self.conv2(x), style)


class StyledPair(nn.Module):
    """Two of them, one after the other."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.res0 = DoubleStyled(channels, style)
        self.res1 = DoubleStyled(channels, style)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return self.res1(self.res0(x, style), style)


class RepairEncoder(nn.Module):
    """Looks at the given and the warped picture at four sizes."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.first = Block(6, widths[0], 7)
        for i in range(LEVELS):
            self.add_module(f"down{i}", HalvingBlock(widths[i], widths[i + 1]))

    def forward(self, both: Tensor) -> list[Tensor]:
        """Both pictures (B, 6, H, W) to features, largest first."""
        kept = [self.first(both)]
        for i in range(LEVELS):
            kept.append(self.get_submodule(f"down{i}")(kept[-1]))
        return kept


class RepairDecoder(nn.Module):
    """Corrects features as the style says, and draws them."""

    def __init__(self, widths: list[int], style: int) -> None:
        super().__init__()
        for i in range(LEVELS - 1, -1, -1):
            self.add_module(f"up{i}", DoublingBlock(widths[i + 1], widths[i]))
            self.add_module(f"res{i}", StyledPair(widths[i + 1], style))
            self.add_module(f"jump{i}", Block(widths[i], widths[i]))
        self.final = LastBlock(widths[0])

    def forward(self, kept: list[Tensor], style: Tensor) -> Tensor:
        """Features, largest first, to a picture (B, 3, H, W), unbounded."""
        x = kept[-1]
        for i in range(LEVELS - 1, -1, -1):
            up = self.get_submodule(f"up{i}")(self.get_submodule(f"res{i}")(x, style))
            x = self.get_submodule(f"jump{i}")(kept[i]) + up
        return self.final(x)


class Editing(nn.Module):
    """Repairs what the warp tore."""

    def __init__(self, shape: DNetShape) -> None:
        super().__init__()
        widths = [min(shape.repair << i, shape.most) for i in range(LEVELS + 1)]
        self.encoder = RepairEncoder(widths)
        self.decoder = RepairDecoder(widths, shape.style)

    def forward(self, picture: Tensor, warped: Tensor, style: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) RGB in [-1, 1] to a picture like them."""
        return torch.tanh(self.decoder(self.encoder(torch.cat([picture, warped], dim=1)), style))


class DNetInTraining(nn.Module):
    """D-Net, whose names are those of the released file."""

    def __init__(self, shape: DNetShape | None = None) -> None:
        super().__init__()
        self.shape = shape or DNetShape()
        self.mapping_net = Mapping(self.shape)
        self.warpping_net = Warping(self.shape)  # the released file spells it so
        self.editing_net = Editing(self.shape)

    def forward(self, picture: Tensor, coefficients: Tensor, stage: str = "gen") -> Portrait:
        """Redraw portraits.

        picture:      (B, 3, H, W) RGB in [-1, 1], H and W multiples of 32; the released one knows 256
        coefficients: (B, 73, 26 or 27), the window around the frame that is wanted
        stage:        "warp" leaves the repair out: the picture is the warped one then
        """
        style = self.mapping_net(coefficients)
        flow = self.warpping_net(picture, style)
        warped = warp(picture, flow)
        drawn = warped if stage == "warp" else self.editing_net(picture, warped, style)
        return Portrait(drawn, warped, flow)
