"""PC-AVS listens: a small residual network with an attention over time (A)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import after_loading, lay_channels_last
from ..network import Layout
from ..samples import drawn_mel

BANDS, COLUMNS = 80, 20
HEARD = 512  # numbers that describe 0.2 s of speech
WIDTHS, BLOCKS = (32, 64, 128, 256), (3, 4, 6, 3)

LAYOUT = Layout(
    ignored=(r"^fc\.",),  # a classifier that only helped in training
    renames=(
        (r"^model\.conv1\.", "first."),
        (r"^model\.bn1\.", "first_norm."),
        (r"^model\.layer(\d)\.", r"stages.\1."),
        (r"^model\.attention\.0\.", "attention.condense."),
        (r"^model\.attention\.2\.", "attention.norm."),
        (r"^model\.attention\.3\.", "attention.expand."),
        (r"^model\.fc\.", "head."),
        (r"\.conv1\.", ".first."),
        (r"\.bn1\.", ".first_norm."),
        (r"\.conv2\.", ".second."),
        (r"\.bn2\.", ".second_norm."),
        (r"\.se\.fc\.0\.", ".weigh.condense."),
        (r"\.se\.fc\.2\.", ".weigh.expand."),
        (r"\.downsample\.0\.", ".shortcut.0."),
        (r"\.downsample\.1\.", ".shortcut.1."),
    ),
)


class ChannelWeights(nn.Module):
    """Weighs channels by what they hold on the whole."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.condense = nn.Linear(channels, channels // 8)
        self.expand = nn.Linear(channels // 8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        weights = torch.sigmoid(self.expand(F.relu(self.condense(x.mean(dim=(2, 3))))))
        return x * weights[:, :, None, None]


class ListeningBlock(nn.Module):
    """Two convolutions, the first one's ReLU before its norm, added to what they look at."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(out_channels)
        self.weigh = ChannelWeights(out_channels)
        self.shortcut = None
        if stride != 1 or channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        y = self.first_norm(F.relu(self.first(x)))
        y = self.weigh(self.second_norm(self.second(y)))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class Attention(nn.Module):
    """Chooses among the steps in time, for each feature by itself."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.condense = nn.Conv1d(features, 128, 1)
        self.norm = nn.BatchNorm1d(128)
        self.expand = nn.Conv1d(128, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, features, steps) to (B, features)."""
        weights = torch.softmax(self.expand(self.norm(F.relu(self.condense(x)))), dim=2)
        return (weights * x).sum(dim=2)


class PCAVSSpeech(nn.Module):
    """Says what is heard: PC-AVS' A."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, WIDTHS[0], 3, padding=1)
        self.first_norm = nn.BatchNorm2d(WIDTHS[0])
        stages, channels = {}, WIDTHS[0]
        for number, (width, blocks) in enumerate(zip(WIDTHS, BLOCKS, strict=True), start=1):
            strides = [1 if number == 1 else 2, *[1] * (blocks - 1)]
            inputs = [channels, *[width] * (blocks - 1)]
            pairs = zip(inputs, strides, strict=True)
            stages[str(number)] = nn.Sequential(*(ListeningBlock(each, width, step) for each, step in pairs))
            channels = width
        self.stages = nn.ModuleDict(stages)
        features = WIDTHS[-1] * BANDS // 8
        self.attention = Attention(features)
        self.head = nn.Linear(features, HEARD)
        after_loading(self, lay_channels_last)

    def forward(self, mel: Tensor) -> Tensor:
        """Windows of speech (B, 1, 80, 20) in [0, 1] to (B, 512)."""
        x = self.first_norm(F.relu(self.first(mel)))
        for stage in self.stages.values():
            x = stage(x)
        return self.head(self.attention(x.flatten(1, 2)))


def sample() -> tuple[Tensor, ...]:
    """A window of speech."""
    return ((drawn_mel(COLUMNS) + 4) / 8,)
