"""PC-AVS looks at faces: who somebody is (V), and how the head is held (E).

Zhou et al., "Pose-controllable talking face generation by implicitly modularized audio-visual
representation" (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import after_loading, lay_channels_last, order_for
from ..network import Layout
from ..samples import signed_face
from .pcavs_speech import HEARD

SIDE = 224  # of every picture, in pixels
IDENTITY = 2048  # numbers that say who somebody is
MOUTH = 500  # what is spoken, as the generator takes it
POSE = 12
DEPTH = 4  # of the hourglass
SPOKEN = 1.2  # times as loud as it was trained, as the original's program has it

# Classifiers that only helped in training; their sizes depend on the data.
IDENTITY_LAYOUT = Layout(ignored=(r"^(model\.)?fc\.",))
POSE_LAYOUT = Layout(
    ignored=(r"^(classifier|to_mouth|mouth_fc|headpose_fc)\.",),
    renames=(
        (r"^model\.conv1\.", "first."),
        (r"^model\.bn1\.", "first_norm."),
        (r"^model\.conv2\.", "widen."),
        (r"^model\.conv3\.", "refine."),
        (r"^model\.conv4\.", "widen_again."),
        (r"^model\.m0\.b1_(\d)\.", r"hourglass.\1.beside."),
        (r"^model\.m0\.b2_plus_1\.", "hourglass.1.bottom."),
        (r"^model\.m0\.b2_(\d)\.", r"hourglass.\1.down."),
        (r"^model\.m0\.b3_(\d)\.", r"hourglass.\1.up."),
        (r"^model\.top_m_0\.", "top."),
        (r"^model\.conv_last0\.", "last."),
        (r"^model\.bn_end0\.", "last_norm."),
        (r"^model\.l0\.", "maps."),
        (r"^model\.bn5\.", "maps_norm."),
        (r"^model\.conv6\.", "gather."),
        (r"^model\.fc\.", "head."),
        (r"^to_headpose\.", "pose."),
        (r"^headpose_embed\.1\.", "pose_code."),
        (r"^mouth_embed\.1\.", "mouth_code."),
        (r"\.downsample\.0\.", ".shortcut.norm."),
        (r"\.downsample\.2\.", ".shortcut.convolution."),
        (r"\.bn(\d)\.", r".layers.\1.norm."),
        (r"\.conv(\d)\.", r".layers.\1.convolution."),
    ),
)


class Identity(NamedTuple):
    """Who B people are."""

    vector: Tensor  # (B, 2048)
    map: Tensor  # (B, 512, 7, 7), where the generator begins


class PCAVSIdentity(nn.Module):
    """Says who somebody is, whatever the head and the mouth do: PC-AVS' V."""

    def __init__(self) -> None:
        super().__init__()
        # Its import takes as long as PyTorch's, and who only lists networks shall not wait for it.
        from torchvision.models import resnext50_32x4d

        self.model = resnext50_32x4d(weights=None)
        self.model.fc = nn.Identity()
        self.conv1x1 = nn.Conv2d(IDENTITY, 512, 1)
        after_loading(self, lay_channels_last)

    def forward(self, picture: Tensor) -> Identity:
        """Pictures (B, 3, 224, 224) RGB in [-1, 1]."""
        net = self.model
        x = picture.contiguous(memory_format=order_for(picture.device))
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
        return Identity(x.mean(dim=(2, 3)), self.conv1x1(x))


class Normed(nn.Module):
    """A batch norm, a ReLU, a convolution without a bias."""

    def __init__(self, channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.convolution = nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W)."""
        return self.convolution(F.relu(self.norm(x)))


class Branches(nn.Module):
    """Three convolutions in a row, all of whose results count, added to what they look at."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        half, quarter = out_channels // 2, out_channels // 4
        self.layers = nn.ModuleDict(
            {"1": Normed(channels, half), "2": Normed(half, quarter), "3": Normed(quarter, quarter)}
        )
        self.shortcut = Normed(channels, out_channels, 1) if channels != out_channels else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W)."""
        seen = [x]
        for layer in self.layers.values():
            seen.append(layer(seen[-1]))
        return torch.cat(seen[1:], dim=1) + (x if self.shortcut is None else self.shortcut(x))


class HourglassLevel(nn.Module):
    """Looks at features as they are and at half their size; the lowest level has nothing below."""

    def __init__(self, width: int, bottom: bool) -> None:
        super().__init__()
        self.beside, self.down, self.up = (Branches(width, width) for _ in range(3))
        self.bottom = Branches(width, width) if bottom else None

    def forward(self, x: Tensor, lower: Callable[[Tensor], Tensor]) -> Tensor:
        """Map (B, C, H, W) to the same shape; `lower` is the level below."""
        low = self.down(F.max_pool2d(x, 2))
        low = lower(low) if self.bottom is None else self.bottom(low)
        low = F.interpolate(self.up(low), size=x.shape[2:], mode="bilinear", align_corners=False)
        return self.beside(x) + low


class PCAVSPose(nn.Module):
    """Says how the head is held, and brings what was heard to the generator's numbers: PC-AVS' E."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 64, 7, 2, 3)
        self.first_norm = nn.BatchNorm2d(64)
        self.widen, self.refine, self.widen_again = Branches(64, 128), Branches(128, 128), Branches(128, 256)
        self.hourglass = nn.ModuleDict({str(n): HourglassLevel(256, n == 1) for n in range(DEPTH, 0, -1)})
        self.top = Branches(256, 256)
        self.last = nn.Conv2d(256, 256, 1)
        self.last_norm = nn.BatchNorm2d(256)
        self.maps = nn.Conv2d(256, 68, 1)
        self.maps_norm = nn.BatchNorm2d(68)
        self.gather = nn.Conv2d(68, 1, 3, 2, 1)
        self.head = nn.Linear(28 * 28, 512)
        self.pose = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512))
        self.pose_code = nn.Linear(512, POSE)
        self.mouth_code = nn.Linear(HEARD, MOUTH)
        after_loading(self, lay_channels_last)

    def forward(self, picture: Tensor, heard: Tensor) -> Tensor:
        """Codes of mouth and head.

        picture: (B, 3, 224, 224) RGB in [-1, 1]
        heard:   (B, 512) from `PCAVSSpeech`
        returns: (B, 512): the mouth's 500 numbers, then the head's 12
        """
        mouth = self.mouth_code(F.relu(SPOKEN * heard))
        return torch.cat([mouth, self.pose_code(F.relu(self.pose(self.look(picture))))], dim=1)

    def look(self, picture: Tensor) -> Tensor:
        """What is seen of heads, (B, 512)."""
        x = picture.contiguous(memory_format=order_for(picture.device))
        x = F.relu(self.first_norm(self.first(x)))
        x = F.max_pool2d(self.widen(x), 2)
        x = self.widen_again(self.refine(x))
        x = self._hourglass(x, DEPTH)
        x = F.relu(self.last_norm(self.last(self.top(x))))
        x = F.relu(self.maps_norm(self.maps(x)))
        return self.head(F.relu(self.gather(x).flatten(1)))

    def _hourglass(self, x: Tensor, n: int) -> Tensor:
        return self.hourglass[str(n)](x, lambda low: self._hourglass(low, n - 1))


def identity_sample() -> tuple[Tensor, ...]:
    """A face."""
    return (signed_face(SIDE),)


def pose_sample() -> tuple[Tensor, ...]:
    """A face, and something heard."""
    return signed_face(SIDE), torch.sin(torch.arange(float(HEARD)))[None]
