"""The viseme listener: a small convolution that hears what a voice asks of the lips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import WEIGHTS, load_weights

BANDS = 40  # of the log-mel spectrogram that it hears
# What it tells of each step, in this order
ANSWERS = ("closure", "bite", "round", "spread", "tongue", "opening")
CHANNELS = 64
DILATIONS = (1, 2, 4, 8, 4, 1)
REACH = 2 + sum(DILATIONS)  # steps that it hears before and after the one it tells of


class Block(nn.Module):
    """A residual dilated convolution over time; it gives `dilation` steps less at either end."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, N) to (B, C, N - 2 dilation)."""
        return x[:, :, self.dilation : -self.dilation] + self.mix(F.relu(self.conv(F.relu(x))))


class Listener(nn.Module):
    """Hears lips in a spectrogram."""

    def __init__(self) -> None:
        super().__init__()
        self.hear = nn.Conv1d(BANDS, CHANNELS, 5)
        self.blocks = nn.Sequential(*(Block(CHANNELS, dilation) for dilation in DILATIONS))
        self.tell = nn.Conv1d(CHANNELS, len(ANSWERS), 1)

    def forward(self, mel: Tensor) -> Tensor:
        """Tell what the lips do.

        mel:     (B, BANDS, N + 2 REACH) normalised log-mel spectrogram, a hundred steps a second
        returns: (B, 6, N) logits in the order of ANSWERS, for the steps that have REACH others on either side
        """
        return self.tell(F.relu(self.blocks(self.hear(mel))))


def load_listener() -> Listener:
    """The listener with the weights that ship with the project, on the CPU."""
    return load_weights(Listener(), WEIGHTS / "listener.safetensors")


def sample() -> tuple[Tensor, ...]:
    """One input of each shape."""
    return (torch.zeros(1, BANDS, 100 + 2 * REACH),)
