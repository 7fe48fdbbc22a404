"""D-Net: redraws a portrait with another expression and pose. It warps the picture, then repairs it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import RENAMES as BLOCK_RENAMES
from ..layers import (
    SLOPE,
    AdaIN,
    DownBlock,
    FinalBlock,
    FirstBlock,
    JumpBlock,
    LayerNorm2d,
    UpBlock,
    after_loading,
    convolve_to_few,
    full_precision,
    lay_channels_last,
    order_for,
)
from ..network import Layout
from ..samples import signed_face

STYLE = 256  # numbers that describe a window of coefficients
LAYOUT = Layout(
    containers=("net_G_ema",),
    dead=(r"^editing_net\.decoder\.res\d\.res\d\.(conv|norm)1\.",),  # see StyledResidual
    renames=(
        (r"^mapping_net\.first\.0\.", "encoder.stem."),
        (r"^mapping_net\.encoder(\d)\.1\.", r"encoder.blocks.\1."),
        (r"^warpping_net\.hourglass\.encoder\.input_layer\.", "flow.stem."),
        (r"^warpping_net\.hourglass\.encoder\.encoder(\d)\.", r"flow.down.\1."),
        (r"^(flow\.down\.\d)\.(\w+)_0\.", r"\1.halve.\2."),
        (r"^(flow\.down\.\d)\.(\w+)_1\.", r"\1.refine.\2."),
        (r"^warpping_net\.hourglass\.decoder\.decoder4\.", "flow.up.0."),
        (r"^warpping_net\.hourglass\.decoder\.decoder3\.", "flow.up.1."),
        (r"^warpping_net\.hourglass\.decoder\.decoder2\.", "flow.up.2."),
        (r"^(flow\.up\.\d)\.(\w+)_0\.", r"\1.refine.\2."),
        (r"^(flow\.up\.\d)\.(\w+)_1\.", r"\1.enlarge.\2."),
        (r"^(flow\.up\.\d)\.(\w+)_s\.", r"\1.shortcut.\2."),
        (r"^(flow\.(?:down|up)\.\d\.\w+)\.conv\.", r"\1.convolution."),
        (r"^warpping_net\.flow_out\.0\.", "flow.norm."),
        (r"^warpping_net\.flow_out\.2\.", "flow.head."),
        (r"^editing_net\.encoder\.first\.", "editor.first."),
        (r"^editing_net\.encoder\.down(\d)\.", r"editor.down.\1."),
        (r"^editing_net\.decoder\.final\.", "editor.final."),
        (r"^editing_net\.decoder\.(\w+)2\.", r"editor.levels.0.\1."),
        (r"^editing_net\.decoder\.(\w+)1\.", r"editor.levels.1.\1."),
        (r"^editing_net\.decoder\.(\w+)0\.", r"editor.levels.2.\1."),
        (r"\.res\.res(\d)\.conv2\.", r".residuals.\1.convolution."),
        (r"\.res\.res(\d)\.norm2\.", r".residuals.\1.norm."),
        *BLOCK_RENAMES,
    ),
)


class Portrait(NamedTuple):
    """What D-Net gives for B pictures."""

    picture: Tensor  # (B, 3, 256, 256) RGB in [-1, 1]
    warped: Tensor  # (B, 3, 256, 256) RGB in [-1, 1], the given picture after the warp alone
    flow: Tensor  # (B, 2, 64, 64) x and y in cells of that grid


class CoefficientEncoder(nn.Module):
    """Condenses a window of 3DMM coefficients into one style vector."""

    def __init__(self, coefficients: int = 73, depth: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv1d(coefficients, STYLE, kernel_size=7)
        self.blocks = nn.ModuleList(nn.Conv1d(STYLE, STYLE, kernel_size=3, dilation=3) for _ in range(depth))

    def forward(self, window: Tensor) -> Tensor:
        """Encode coefficients (B, 73, 26) as a style (B, 256, 1)."""
        x = self.stem(window)  # (B, 256, 20)
        for block in self.blocks:
            x = block(F.leaky_relu(x, SLOPE)) + x[..., 3:-3]  # a block spends 3 frames on either side
        return x.mean(dim=-1, keepdim=True)


class PreActivation(nn.Module):
    """A norm that follows the style, a leaky ReLU, then a convolution of any kind."""

    def __init__(self, channels: int, convolution: nn.Module) -> None:
        super().__init__()
        self.norm = AdaIN(channels, STYLE)
        self.convolution = convolution

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to whatever the convolution makes of it."""
        return self.convolution(F.leaky_relu(self.norm(x, style), SLOPE, inplace=True))


class FlowDownBlock(nn.Module):
    """Halves the size, then looks again."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.halve = PreActivation(channels, nn.Conv2d(channels, out_channels, 4, stride=2, padding=1))
        self.refine = PreActivation(out_channels, nn.Conv2d(out_channels, out_channels, 3, padding=1))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        return self.refine(self.halve(x, style), style)


class FlowUpBlock(nn.Module):
    """Doubles the size along two paths and adds them."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.refine = PreActivation(channels, nn.Conv2d(channels, out_channels, 3, padding=1))
        self.enlarge = PreActivation(out_channels, doubling(out_channels, out_channels))
        self.shortcut = PreActivation(channels, doubling(channels, out_channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
        return self.enlarge(self.refine(x, style), style) + self.shortcut(x, style)


def doubling(channels: int, out_channels: int) -> nn.ConvTranspose2d:
    """Maps (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
    return nn.ConvTranspose2d(channels, out_channels, 3, stride=2, padding=1, output_padding=1)


class FlowEstimator(nn.Module):
    """An hourglass that says from where each pixel of the new portrait should be taken."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, padding=3)
        self.down = nn.ModuleList(
            FlowDownBlock(*widths) for widths in ((32, 64), (64, 128), (128, 256), (256, 256), (256, 256))
        )
        self.up = nn.ModuleList(FlowUpBlock(*widths) for widths in ((256, 256), (512, 256), (512, 128)))
        self.norm = LayerNorm2d(256)
        self.head = nn.Conv2d(256, 2, 7, padding=3)

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:
        """Picture (B, 3, 256, 256) RGB in [-1, 1] and style (B, 256, 1) to a flow (B, 2, 64, 64) in cells."""
        x = F.leaky_relu(self.norm(self.features(picture, style)), SLOPE)
        return convolve_to_few(x, self.head.weight, self.head.bias)

    def features(self, picture: Tensor, style: Tensor) -> Tensor:
        """The hourglass alone, (B, 256, 64, 64)."""
        x = self.stem(picture)
        skips = []
        for down in self.down:
            x = down(x, style)
            skips.append(x)  # at last (B, 256, 8, 8)
        skips.pop()
        for up in self.up:
            x = torch.cat([up(x, style), skips.pop()], dim=1)
        return x


class EditorDecoderLevel(nn.Module):
    """Corrects features as the style says, doubles them, adds the encoder's of that size."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(StyledResidual(channels) for _ in range(2))
        self.up = UpBlock(channels, out_channels)
        self.jump = JumpBlock(out_channels)

    def forward(self, x: Tensor, skip: Tensor, style: Tensor) -> Tensor:
        """Map (B, channels, H, W) and (B, out_channels, 2H, 2W) to the latter's shape."""
        for residual in self.residuals:
            x = residual(x, style)
        return self.up(x) + self.jump(skip)


class StyledResidual(nn.Module):
    """Adds one styled convolution.

    The original computed a first convolution and threw it away, and was trained like that.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = AdaIN(channels, STYLE)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + self.norm(self.convolution(x), style)


class Editor(nn.Module):
    """Repairs what the warp tore: an hourglass over the given and the warped picture.

    On a CPU its features have their channels last; the flow's don't, because such convolutions sum up with
    more rounding, and the flow's rounding moves pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = FirstBlock(6, 64)
        self.down = nn.ModuleList(DownBlock(*widths) for widths in ((64, 128), (128, 256), (256, 256)))
        self.levels = nn.ModuleList(
            EditorDecoderLevel(*widths) for widths in ((256, 256), (256, 128), (128, 64))
        )
        self.final = FinalBlock(64)
        after_loading(self, lay_channels_last)

    def forward(self, picture: Tensor, warped: Tensor, style: Tensor) -> Tensor:
        """Pictures (B, 3, 256, 256) RGB in [-1, 1] and style (B, 256, 1) to a picture like them."""
        both = torch.cat([picture, warped], dim=1)
        features = [self.first(both.contiguous(memory_format=order_for(both.device)))]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()  # (B, 256, 32, 32)
        for level in self.levels:
            x = level(x, features.pop(), style)
        return torch.tanh(self.final(x))


class DNet(nn.Module):
    """Gives a portrait the expression and pose that a window of 3DMM coefficients describes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = CoefficientEncoder()
        self.flow = FlowEstimator()
        self.editor = Editor()

    def forward(self, picture: Tensor, coefficients: Tensor) -> Portrait:
        """Redraw portraits.

        picture:      (B, 3, 256, 256) RGB in [-1, 1]
        coefficients: (B, 73, 26): 64 of expression, 3 angles, 3 of translation, 3 of the crop (scale, x, y),
                      for the frames from 13 before to 12 after this one

        Under autocast only the editor computes in the lower precision: rounding moves pixels otherwise.
        """
        with full_precision(picture.device):
            picture = picture.float()
            style = self.encoder(coefficients.float())
            flow = self.flow(picture, style)
            warped = warp(picture, flow)
        edited = self.editor(picture, warped, style)
        return Portrait(edited, warped, flow)


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Move the pixels of (B, 3, H, W) by a flow (B, 2, h, w) in cells of its grid; black beyond the edges.

    The grid counts from the centres of the corner cells and is sampled as if it counted from their
    outer corners. So no flow at all still shrinks the picture, by h - 1 to h; D-Net was trained with that.
    """
    rows, columns = (
        torch.linspace(-1, 1, cells, dtype=flow.dtype, device=flow.device) for cells in flow.shape[2:]
    )
    still = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))  # (2, h, w) x and y in [-1, 1]
    cells = flow.new_tensor([len(columns) - 1, len(rows) - 1]).view(2, 1, 1)
    coarse = still + 2 * flow / cells
    grid = F.interpolate(coarse, size=picture.shape[2:], mode="bilinear", align_corners=False)
    return F.grid_sample(picture, grid.movedim(1, -1), padding_mode="zeros", align_corners=False)


def sample() -> tuple[Tensor, ...]:
    """A portrait and coefficients as `DNet` takes them."""
    return signed_face(256), torch.zeros(1, 73, 26)
