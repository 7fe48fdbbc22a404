"""SyncNet v2: whether lips and speech belong together.

Chung and Zisserman, "Out of time: automated lip sync in the wild" (2016). Lips and sound are read by two
towers into vectors whose distance is small where they agree.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers import full_precision
from ..network import Layout

LIP_FRAMES = 5  # that are read together
SOUND_COLUMNS = 20  # of 10 ms
LAYOUT = Layout(
    renames=(
        (r"^netcnnaud\.", "sound."),
        (r"^netcnnlip\.", "lips."),
        (r"^netfcaud\.", "sound_head."),
        (r"^netfclip\.", "lips_head."),
    )
)


class SyncNet(nn.Module):
    """Reads lips and speech into vectors of 1024 numbers, which are not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = nn.Sequential(
            *_block(nn.Conv2d(1, 64, 3, padding=1)),
            nn.Identity(),  # a pooling of 1x1: it keeps the file's numbers
            *_block(nn.Conv2d(64, 192, 3, padding=1)),
            nn.MaxPool2d(3, stride=(1, 2)),
            *_block(nn.Conv2d(192, 384, 3, padding=1)),
            *_block(nn.Conv2d(384, 256, 3, padding=1)),
            *_block(nn.Conv2d(256, 256, 3, padding=1)),
            nn.MaxPool2d(3, stride=2),
            *_block(nn.Conv2d(256, 512, (5, 4))),
        )
        self.lips = nn.Sequential(
            *_block(nn.Conv3d(3, 96, (5, 7, 7), stride=(1, 2, 2))),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_block(nn.Conv3d(96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            *_block(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_block(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_block(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_block(nn.Conv3d(256, 512, (1, 6, 6))),
        )
        self.sound_head, self.lips_head = _head(), _head()

    def forward(self, faces: Tensor, cepstra: Tensor) -> tuple[Tensor, Tensor]:
        """Read as many stretches of lips as of speech.

        faces:   (B, 3, T, 224, 224) BGR in 0..255, T at least 5
        cepstra: (N, 1, 13, 20) as metrics.lse makes them
        returns: (B, T - 4, 1024) and (N, 1024)
        """
        return self.read_lips(faces), self.read_sound(cepstra)

    def read_lips(self, faces: Tensor) -> Tensor:
        """A vector (B, T - 4, 1024) for each five frames in a row of faces (B, 3, T, 224, 224)."""
        with full_precision(faces.device):
            features = self.lips(faces.float())[..., 0, 0].transpose(1, 2)  # (B, T - 4, 512)
            return self.lips_head(features.flatten(0, 1)).unflatten(0, features.shape[:2])

    def read_sound(self, cepstra: Tensor) -> Tensor:
        """A vector (N, 1024) for each stretch of speech (N, 1, 13, 20)."""
        with full_precision(cepstra.device):
            return self.sound_head(self.sound(cepstra.float()).flatten(1))


def _block(convolution: nn.Conv2d | nn.Conv3d) -> tuple[nn.Module, ...]:
    norm = nn.BatchNorm2d if isinstance(convolution, nn.Conv2d) else nn.BatchNorm3d
    return convolution, norm(convolution.out_channels), nn.ReLU(inplace=True)


def _head() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(inplace=True), nn.Linear(512, 1024)
    )


def sample() -> tuple[Tensor, ...]:
    """Five frames of a face and 0.2 seconds of speech."""
    generator = torch.Generator().manual_seed(0)
    faces = 255 * torch.rand(1, 3, LIP_FRAMES, 224, 224, generator=generator)
    return faces, 10 * torch.randn(1, 1, 13, SOUND_COLUMNS, generator=generator)
