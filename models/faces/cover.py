"""Tells what lies before a lower face: a hand, a mask, a microphone. Small enough to see every frame."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import WEIGHTS, load_weights

SIDE = 64  # of the view that it is shown, in pixels
CELLS = 32  # along a side of what it answers
CHANNELS = 6  # red, green and blue against the skin's; the mesh's lips, the mouth's inside, the face


class CoverFinder(nn.Module):
    """A U of convolutions that sees the whole view before it decides on each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = _block(CHANNELS, 16, stride=2)
        self.middle = nn.Sequential(_block(16, 24, stride=2), _block(24, 24))
        self.coarse = nn.Sequential(_block(24, 40, stride=2), _block(40, 40), _block(40, 40))
        self.whole = nn.Sequential(nn.Linear(40, 40), nn.ReLU())
        self.up_middle = _block(40 + 24, 24)
        self.up_fine = _block(24 + 16, 16)
        self.answer = nn.Conv2d(16, 1, 1)

    def forward(self, view: Tensor) -> Tensor:
        """Views (B, 6, 64, 64) to logits (B, 32, 32), above 0 where something lies before the face.

        The colours are logarithms of their ratios to the skin's; the mesh's channels hold 0 and 1.
        """
        fine = self.fine(view)  # (B, 16, 32, 32)
        middle = self.middle(fine)  # (B, 24, 16, 16)
        coarse = self.coarse(middle)  # (B, 40, 8, 8)
        coarse = coarse + self.whole(coarse.mean(dim=(2, 3)))[:, :, None, None]
        x = self.up_middle(torch.cat([_doubled(coarse), middle], dim=1))
        x = self.up_fine(torch.cat([_doubled(x), fine], dim=1))
        logits: Tensor = self.answer(x)[:, 0]
        return logits


def load_cover_finder() -> CoverFinder:
    """Build the network with the weights that ship with it, in fp32 on the CPU.

    A key that is missing, unexpected or of another shape is a RuntimeError.
    """
    return load_weights(CoverFinder(), WEIGHTS / "mouth_cover.safetensors")


def _block(channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
