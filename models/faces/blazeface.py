"""BlazeFace, MediaPipe's face detectors: short-range for large faces, full-range for small ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import WEIGHTS, load_weights
from ..layers import SameConv2d, SeparableBlock, Shortcut, depthwise

KEYPOINTS = 6  # right eye, left eye, nose tip, mouth, right ear, left ear; right is the person's right


class BottleneckBlock(nn.Module):
    """A residual block of two separable convolutions with few channels between them."""

    def __init__(self, channels: int, width: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = Shortcut(channels, out_channels, stride)
        self.depthwise = depthwise(channels, stride)
        self.squeeze = nn.Conv2d(channels, width, 1)
        self.inner = depthwise(width)
        self.expand = nn.Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        narrow = F.relu(self.squeeze(self.depthwise(x)))
        return F.relu(self.shortcut(x) + self.expand(self.inner(narrow)))


class Head(nn.Module):
    """Reads a score and a box with keypoints off each anchor of a feature map."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, anchors, 1)
        self.box = nn.Conv2d(channels, anchors * (4 + 2 * KEYPOINTS), 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, C, h, w) to logits (B, N) and points (B, N, 8, 2), cell by cell."""
        scores = self.score(features).permute(0, 2, 3, 1).flatten(1)
        points = self.box(features).permute(0, 2, 3, 1).reshape(len(features), scores.shape[1], -1, 2)
        return scores, points


class Detector(nn.Module):
    """What both detectors share: the side of their square input and where their anchors sit."""

    side: int  # pixels
    threshold: float  # scores from here on are faces
    anchors: Tensor  # (N, 2) centres in the unit square

    def __init__(self, grids: Sequence[tuple[int, int]]) -> None:
        """grids: cells along a side and anchors in each cell, for each head in order."""
        super().__init__()
        centres = [
            torch.cartesian_prod(axis, axis).flip(1).repeat_interleave(anchors, dim=0)
            for cells, anchors in grids
            for axis in [(torch.arange(cells) + 0.5) / cells]
        ]
        self.register_buffer("anchors", torch.cat(centres), persistent=False)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Look for faces.

        picture: (B, 3, side, side) RGB in [-1, 1]
        returns: logits (B, N), one for each anchor, and points (B, N, 8, 2) in the unit square, x and y:
                 the box's centre, its width and height, and the six keypoints
        """
        scores, points = self.read(picture)
        points = points / self.side
        size = points[:, :, 1:2]
        placed = points + self.anchors[None, :, None]
        return scores, torch.cat([placed[:, :, :1], size, placed[:, :, 2:]], dim=2)

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, N) and points (B, N, 8, 2) in pixels from their anchors."""
        raise NotImplementedError


class ShortRangeDetector(Detector):
    """Finds faces that take up roughly a fifth of the picture or more."""

    side = 128
    threshold = 0.5

    def __init__(self) -> None:
        super().__init__(grids=((16, 2), (8, 6)))
        self.stem = nn.Sequential(SameConv2d(3, 24, 5, stride=2), nn.ReLU())
        widths = (24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88)
        self.fine = nn.Sequential(
            *(
                SeparableBlock(channels, out, stride=2 if index in (2, 5) else 1)
                for index, (channels, out) in enumerate(itertools.pairwise(widths))
            )
        )
        self.coarse = nn.Sequential(
            SeparableBlock(88, 96, stride=2), *(SeparableBlock(96, 96) for _ in range(4))
        )
        self.fine_head = Head(88, anchors=2)
        self.coarse_head = Head(96, anchors=6)

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(picture))  # (B, 88, 16, 16)
        coarse = self.coarse(fine)  # (B, 96, 8, 8)
        heads = (self.fine_head(fine), self.coarse_head(coarse))
        scores, points = zip(*heads, strict=True)
        return torch.cat(scores, dim=1), torch.cat(points, dim=1)


class Merge(nn.Module):
    """Adds a coarse feature map to a finer one, both brought to the same width."""

    def __init__(self, coarse: int, fine: int, width: int, depth: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.fine = nn.Conv2d(fine, width, 1)
        self.blocks = nn.Sequential(*(BottleneckBlock(width, width // 2, width) for _ in range(depth)))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Coarse (B, C, h, w) and fine (B, D, 2h, 2w) to (B, width, 2h, 2w)."""
        larger = F.interpolate(F.relu(self.coarse(coarse)), scale_factor=2.0, mode="bilinear")
        return self.blocks(F.relu(self.fine(fine)) + larger)


class FullRangeDetector(Detector):
    """Finds faces down to about a twentieth of the picture: a feature pyramid, one anchor a cell."""

    side = 192
    threshold = 0.6

    def __init__(self) -> None:
        super().__init__(grids=((48, 1),))
        self.stem = nn.Sequential(SameConv2d(3, 32, 3, stride=2), nn.ReLU())
        self.down = nn.ModuleList(
            nn.Sequential(*(BottleneckBlock(*shape) for shape in stage))
            for stage in (
                ((32, 8, 32), (32, 8, 32), (32, 12, 48, 2), (48, 12, 48), (48, 16, 64)),
                ((64, 24, 96, 2), (96, 32, 128), (128, 32, 128)),
                ((128, 36, 144, 2), (144, 48, 192), (192, 64, 256)),
                ((256, 96, 384, 2), (384, 96, 384), (384, 96, 384), (384, 96, 384)),
            )
        )
        self.up = nn.ModuleList((Merge(384, 256, 96, 2), Merge(96, 128, 64, 2), Merge(64, 64, 48, 1)))
        self.head = Head(48, anchors=1)

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        features = [self.stem(picture)]
        for stage in self.down:
            features.append(stage(features[-1]))
        x = features.pop()  # (B, 384, 6, 6)
        for merge in self.up:
            x = merge(x, features.pop())  # at last (B, 48, 48, 48)
        return self.head(x)


DetectorKind = Literal["short", "full"]


def load_detector(kind: DetectorKind) -> Detector:
    """Build a detector with the weights that ship with it, in fp32 on the CPU.

    A key that is missing, unexpected or of another shape is a RuntimeError.
    """
    network: Detector = ShortRangeDetector() if kind == "short" else FullRangeDetector()
    return load_weights(network, WEIGHTS / f"face_detector_{kind}.safetensors")
