"""S3FD: the face detector whose boxes frame the faces that L-Net and E-Net were trained with."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import full_precision
from ..network import Layout
from ..samples import drawn_face

MEAN = (104.0, 117.0, 123.0)  # as the original subtracts it: a mean in BGR order, from RGB pictures

TRUNK = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512))
NORMED = ("conv3_3_norm", "conv4_3_norm", "conv5_3_norm")
LEVELS = (*NORMED, "fc7", "conv6_2", "conv7_2")  # what the checkpoint calls the levels
LAYOUT = Layout(
    renames=(
        *((rf"^{name}\.weight", f"scales.{level}") for level, name in enumerate(NORMED)),
        *((rf"^{name}_mbox_conf\.", f"heads.{level}.score.") for level, name in enumerate(LEVELS)),
        *((rf"^{name}_mbox_loc\.", f"heads.{level}.box.") for level, name in enumerate(LEVELS)),
        *(
            (rf"^conv{stage + 1}_{index + 1}\.", f"trunk.{stage}.{2 * index}.")
            for stage, widths in enumerate(TRUNK)
            for index in range(len(widths) - 1)
        ),
        *(
            (rf"^{name}\.", f"beyond.{stage}.{2 * index}.")
            for stage, pair in enumerate((("fc6", "fc7"), ("conv6_1", "conv6_2"), ("conv7_1", "conv7_2")))
            for index, name in enumerate(pair)
        ),
    ),
)


class Level(NamedTuple):
    """Raw readings of one level's anchors."""

    scores: Tensor  # (B, 2, h, w) logits: no face, a face
    boxes: Tensor  # (B, 4, h, w) relative to the anchor: centre x, y, logarithm of width, height


class Head(nn.Module):
    """Reads scores and boxes off one level's features."""

    def __init__(self, channels: int, kinds: int = 2) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, kinds, 3, padding=1)
        self.box = nn.Conv2d(channels, 4, 3, padding=1)

    def forward(self, features: Tensor) -> Level:
        """Features (B, C, h, w) to readings; of several kinds of background the likeliest counts."""
        scores = self.score(features)
        background = scores[:, :-1].amax(dim=1, keepdim=True)
        return Level(torch.cat([background, scores[:, -1:]], dim=1), self.box(features))


class S3FD(nn.Module):
    """Looks for faces at six sizes, 16 to 512 pixels."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.trunk = nn.ModuleList(
            _activated(*(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths))) for widths in TRUNK
        )
        self.beyond = nn.ModuleList(
            _activated(*pair)
            for pair in (
                (nn.Conv2d(512, 1024, 3, padding=3), nn.Conv2d(1024, 1024, 1)),
                (nn.Conv2d(1024, 256, 1), nn.Conv2d(256, 512, 3, stride=2, padding=1)),
                (nn.Conv2d(512, 128, 1), nn.Conv2d(128, 256, 3, stride=2, padding=1)),
            )
        )
        self.scales = nn.ParameterList(torch.ones(channels) for channels in (256, 512, 512))
        self.heads = nn.ModuleList(
            (Head(256, kinds=4), Head(512), Head(512), Head(1024), Head(512), Head(256))
        )
        self.to(memory_format=torch.channels_last)  # takes two thirds of the time on a CPU

    def forward(self, picture: Tensor) -> list[Level]:
        """Look at pictures (B, 3, H, W), RGB in 0..255; H and W are free. Six levels, the finest first.

        Autocast is switched off: the answers are positions.
        """
        with full_precision(picture.device):
            levels = zip(self.heads, self.features(picture.float()), strict=True)
            return [head(features) for head, features in levels]

    def features(self, picture: Tensor) -> list[Tensor]:
        """Features at strides 4 to 128."""
        x = picture - self.mean
        levels = []
        for index, stage in enumerate(self.trunk):
            x = stage(x)
            if index >= 2:
                levels.append(_to_unit_length(x) * self.scales[index - 2].view(-1, 1, 1))
            x = F.max_pool2d(x, 2)
        for stage in self.beyond:
            x = stage(x)
            levels.append(x)
        return levels


def _activated(*convolutions: nn.Conv2d) -> nn.Sequential:
    """Convolutions with a ReLU behind each."""
    return nn.Sequential(*(layer for each in convolutions for layer in (each, nn.ReLU(inplace=True))))


def _to_unit_length(x: Tensor) -> Tensor:
    """Divide each pixel's channels by their length."""
    return x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10)


def sample() -> tuple[Tensor, ...]:
    """A picture with a face as `S3FD` takes it."""
    return (drawn_face(640) * 255,)
