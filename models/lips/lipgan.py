"""LipGAN: draws a face whose lips fit the speech, as Keras laid it out (residual, from a mel spectrogram).

Prajwal et al., "Towards automatic face-to-face translation" (2019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import after_loading, lay_channels_last, order_for
from ..network import Layout
from ..samples import drawn_face, drawn_mel

SIDE = 96  # of the picture, in pixels
COLUMNS = 27  # of the spectrogram, 0.34 s
EPSILON = 1e-3  # of every normalisation, which is Keras' own


class KerasNorm(nn.Module):
    """A batch norm with what Keras stores of one: torch's would ask for a count of batches, too."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPSILON)


class SameBlock(nn.Module):
    """A convolution, a batch norm, a ReLU; padded as TensorFlow's "same" does, the odd pixel behind."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        valid: bool = False,
    ) -> None:
        """valid: no padding at all"""
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, kernel, stride)
        self.norm = KerasNorm(out_channels)
        self.valid = valid

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / stride, W / stride), both rounded up."""
        layer = self.convolution
        if not self.valid:
            sizes = zip(x.shape[:1:-1], layer.kernel_size[::-1], layer.stride[::-1], strict=True)
            x = F.pad(x, [side for each in sizes for side in _padding(*each)])
        return F.relu_(self.norm(layer(x)))


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """What "same" puts before and behind."""
    spare = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return spare // 2, spare - spare // 2


class UpBlock(nn.Module):
    """A transposed convolution to exactly `stride` times the size, a batch norm, a ReLU."""

    def __init__(self, channels: int, out_channels: int, stride: int = 2) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(channels, out_channels, 3, stride)
        self.norm = KerasNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, stride H, stride W)."""
        height, width = (size * step for size, step in zip(x.shape[2:], self.convolution.stride, strict=True))
        return F.relu_(self.norm(self.convolution(x)[..., :height, :width]))


class Residual(nn.Module):
    """Adds two convolutions, both with a ReLU, to what they look at."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = SameBlock(channels, channels)
        self.second = SameBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W), none below 0, to the same shape, none below 0."""
        return self.second(self.first(x)) + x


def _level(first: SameBlock | UpBlock, residuals: int) -> nn.Sequential:
    width = first.convolution.out_channels
    return nn.Sequential(first, *(Residual(width) for _ in range(residuals)))


class LipGAN(nn.Module):
    """From 0.34 s of speech and two pictures of a face to the face that says it."""

    def __init__(self) -> None:
        super().__init__()
        self.face = nn.ModuleList(
            (
                _level(SameBlock(6, 32, kernel=7), 0),
                _level(SameBlock(32, 64, kernel=5, stride=2), 2),
                _level(SameBlock(64, 128, stride=2), 3),
                _level(SameBlock(128, 256, stride=2), 2),
                _level(SameBlock(256, 512, stride=2), 2),
                _level(SameBlock(512, 512, stride=2), 0),
            )
        )
        self.identity = nn.Sequential(SameBlock(512, 512, valid=True), SameBlock(512, 512, kernel=1))
        self.speech = nn.Sequential(
            _level(SameBlock(1, 32), 2),
            _level(SameBlock(32, 64, stride=3), 2),
            _level(SameBlock(64, 128, stride=(3, 1)), 2),
            _level(SameBlock(128, 256, stride=3), 2),
            SameBlock(256, 512, valid=True),
            SameBlock(512, 512, kernel=1),
        )
        self.decoder = nn.ModuleList(
            (
                _level(UpBlock(1024, 512, stride=3), 0),
                _level(UpBlock(1024, 512), 2),
                _level(UpBlock(1024, 256), 2),
                _level(UpBlock(512, 128), 2),
                _level(UpBlock(256, 64), 2),
                _level(UpBlock(128, 32), 0),
            )
        )
        self.last = nn.Sequential(SameBlock(64, 16), SameBlock(16, 16))
        self.picture = nn.Conv2d(16, 3, 1)
        after_loading(self, lay_channels_last)

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Draw faces.

        mel:     (B, 1, 80, 27) in [-4, 4]
        face:    (B, 6, 96, 96) BGR in [0, 1]: the reference, then the crop with its lower half black
        returns: (B, 3, 96, 96) BGR in (0, 1)
        """
        seen = [face.contiguous(memory_format=order_for(face.device))]
        for level in self.face:
            seen.append(level(seen[-1]))
        x = torch.cat([self.identity(seen[-1]), self.speech(mel)], dim=1)
        for level, kept in zip(self.decoder, reversed(seen[1:]), strict=True):
            x = torch.cat([kept, level(x)], dim=1)
        return torch.sigmoid(self.picture(self.last(x)))


KINDS: Mapping[type[nn.Module], str] = {
    nn.Conv2d: "conv2d",
    nn.ConvTranspose2d: "conv2d_transpose",
    KerasNorm: "batch_normalization",
}


def _renames() -> tuple[tuple[str, str], ...]:
    """From Keras' names to ours: it numbers the layers of each kind as they are made, in this same order."""
    with torch.device("meta"):
        network = LipGAN()
    made: Counter[str] = Counter()
    names = []
    for ours, part in network.named_modules():
        if kind := KINDS.get(type(part)):
            made[kind] += 1
            names.append((rf"^{kind}_{made[kind]}\.", f"{ours}."))
    return tuple(names)


LAYOUT = Layout(renames=_renames())


def sample() -> tuple[Tensor, ...]:
    """A window of speech and two pictures of a face."""
    face = drawn_face(SIDE).flip(1)  # BGR
    masked = face.clone()
    masked[:, :, SIDE // 2 :] = 0
    return drawn_mel(COLUMNS), torch.cat([face, masked], dim=1)
