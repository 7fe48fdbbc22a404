"""GANimation's generator: moves the muscles of a face by action units, mostly above the mouth."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..network import Layout
from ..samples import signed_face

ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)  # what the 17 inputs stand for
DEPTH = 6  # residual blocks
EPSILON = 1e-5
LAYOUT = Layout(
    renames=(
        (r"^model\.0\.", "down.0."),
        (r"^model\.3\.", "down.1."),
        (r"^model\.6\.", "down.2."),
        *((rf"^model\.{9 + index}\.conv_block\.", f"blocks.{index}.") for index in range(DEPTH)),
        (r"^(blocks\.\d)\.0\.", r"\1.first."),
        (r"^(blocks\.\d)\.3\.", r"\1.second."),
        (r"^model\.15\.", "up.0."),
        (r"^model\.18\.", "up.1."),
        (r"^color_top\.0\.", "colour_head."),
        (r"^au_top\.0\.", "mask_head."),
    ),
)


class Animated(NamedTuple):
    """What GANimation gives for B pictures."""

    picture: Tensor  # (B, 3, 128, 128) RGB in [-1, 1]
    colour: Tensor  # (B, 3, 128, 128) RGB in [-1, 1], what the new pixels are taken from
    mask: Tensor  # (B, 1, 128, 128) in [0, 1]; 1 keeps the given picture


class ResidualBlock(nn.Module):
    """Adds two normalised convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + instance_norm(self.second(F.relu(instance_norm(self.first(x)))))


class Ganimation(nn.Module):
    """Redraws a face with the given action units."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            (
                nn.Conv2d(3 + len(ACTION_UNITS), 64, 7, padding=3),
                nn.Conv2d(64, 128, 4, stride=2, padding=1),
                nn.Conv2d(128, 256, 4, stride=2, padding=1),
            )
        )
        self.blocks = nn.Sequential(*(ResidualBlock(256) for _ in range(DEPTH)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1) for channels in (256, 128)
        )
        self.colour_head = nn.Conv2d(64, 3, 7, padding=3, bias=False)
        self.mask_head = nn.Conv2d(64, 1, 7, padding=3, bias=False)

    def forward(self, picture: Tensor, action_units: Tensor) -> Animated:
        """Redraw faces.

        picture:      (B, 3, 128, 128) RGB in [-1, 1], as it was trained; the original program gave it BGR
        action_units: (B, 17) in [0, 1] or so, in the order of ACTION_UNITS
        """
        features = self.features(picture, action_units)
        colour = torch.tanh(self.colour_head(features))
        mask = torch.sigmoid(self.mask_head(features))
        return Animated(torch.lerp(colour, picture.to(colour.dtype), mask), colour, mask)

    def features(self, picture: Tensor, action_units: Tensor) -> Tensor:
        """What both heads look at, (B, 64, 128, 128)."""
        planes = action_units[..., None, None].expand(-1, -1, *picture.shape[2:])
        x = torch.cat([picture, planes], dim=1)
        for layer in self.down:
            x = F.relu(instance_norm(layer(x)))
        x = self.blocks(x)  # (B, 256, 32, 32)
        for layer in self.up:
            x = F.relu(instance_norm(layer(x)))
        return x


def instance_norm(x: Tensor) -> Tensor:
    """Normalise every channel of every picture, (B, C, H, W)."""
    # Groups of one channel are the same norm, in half of instance_norm's time. Contiguous: with channels
    # last torch takes the variance as a difference of large squares on a CPU.
    return F.group_norm(x.contiguous(), x.shape[1], eps=EPSILON)


def sample() -> tuple[Tensor, ...]:
    """A face and action units as `Ganimation` takes them; BGR, as the original program gave it."""
    return signed_face(128).flip(1), torch.zeros(1, len(ACTION_UNITS))
