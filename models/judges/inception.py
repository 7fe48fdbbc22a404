"""The Inception v3 whose features the Fréchet inception distance compares.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017),
with weights of 2015 that were carried over from TensorFlow: torchvision's own give other figures. Its pools
differ from torchvision's, too.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.inception import (
    BasicConv2d,
    InceptionA,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)

from ..layers import full_precision
from ..network import Layout
from ..samples import drawn_face

FEATURES = 2048
SIDE = 299  # pixels of the pictures that it reads
LAYOUT = Layout(dead=(r"^fc\.",))


class _OwnPool:
    """Lets a block's fourth branch pool in its own way."""

    def pool(self, x: Tensor) -> Tensor:
        """Average 3x3 pixels; what lies beyond the border doesn't count."""
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    def _forward(self, x: Tensor) -> list[Tensor]:
        branches = cast("list[Tensor]", super()._forward(x))  # type: ignore[misc]
        branch: nn.Module = self.branch_pool  # type: ignore[attr-defined]
        return [*branches[:-1], branch(self.pool(x))]


class _A(_OwnPool, InceptionA):  # type: ignore[misc]
    pass


class _C(_OwnPool, InceptionC):  # type: ignore[misc]
    pass


class _E(_OwnPool, InceptionE):  # type: ignore[misc]
    pass


class _Last(_OwnPool, InceptionE):  # type: ignore[misc]
    def pool(self, x: Tensor) -> Tensor:
        """The largest of 3x3 pixels."""
        return F.max_pool2d(x, 3, stride=1, padding=1)


class Inception(nn.Module):
    """Reads a picture into 2048 features."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = _A(192, pool_features=32)
        self.Mixed_5c = _A(256, pool_features=64)
        self.Mixed_5d = _A(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = _C(768, channels_7x7=128)
        self.Mixed_6c = _C(768, channels_7x7=160)
        self.Mixed_6d = _C(768, channels_7x7=160)
        self.Mixed_6e = _C(768, channels_7x7=192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = _E(1280)
        self.Mixed_7c = _Last(2048)

    def forward(self, pictures: Tensor) -> Tensor:
        """Read features.

        pictures: (B, 3, H, W) RGB in [0, 1]; scaled to 299x299 as pytorch-fid does, without antialiasing
        returns:  (B, 2048)
        """
        with full_precision(pictures.device):
            x = F.interpolate(pictures.float(), (SIDE, SIDE), mode="bilinear", align_corners=False)
            x = 2 * x - 1
            for block in self.children():
                x = block(x)
            return x.mean(dim=(2, 3))


def sample() -> tuple[Tensor, ...]:
    """A picture as `Inception` takes it."""
    return (torch.as_tensor(drawn_face(240)),)
