"""Wav2Lip: draws a face whose lips fit the speech.

Prajwal et al., "A lip sync expert is all you need for speech to lip generation in the wild" (2020). Both
editions, with and without a discriminator in training, are this network.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import after_loading, lay_channels_last, order_for
from ..network import Layout
from ..samples import drawn_face, drawn_mel
from .lnet import SpeechBlock, SpeechEncoder

SIDE = 96  # of the picture, in pixels
SPEECH = 512  # numbers that describe 0.2 s of speech

LAYOUT = Layout(
    containers=("state_dict",),
    strip="module.",
    renames=(
        (r"^audio_encoder\.(\d+)\.", r"speech.blocks.\1."),
        (r"^face_encoder_blocks\.", "face."),
        (r"^face_decoder_blocks\.", "decoder."),
        (r"^output_block\.0\.", "last."),
        (r"^output_block\.1\.", "picture."),
        (r"\bconv_block\.0\.", "convolution."),
        (r"\bconv_block\.1\.", "norm."),
    ),
)


class UpBlock(nn.Module):
    """A transposed convolution, which makes a picture larger, a batch norm, a ReLU."""

    def __init__(self, channels: int, out_channels: int, stride: int = 2) -> None:
        super().__init__()
        padding = stride - 1  # from one pixel to three there is nothing to cut away
        self.convolution = nn.ConvTranspose2d(
            channels, out_channels, 3, stride, padding, output_padding=padding
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W), or (B, channels, 1, 1) to 3x3."""
        return F.relu_(self.norm(self.convolution(x)))


class Wav2Lip(nn.Module):
    """From 0.2 s of speech and two pictures of a face to the face that says it."""

    def __init__(self) -> None:
        super().__init__()
        self.speech = SpeechEncoder()
        self.face = nn.ModuleList(
            (
                nn.Sequential(SpeechBlock(6, 16, kernel_size=7, padding=3)),
                _level(SpeechBlock(16, 32, stride=2), 2),
                _level(SpeechBlock(32, 64, stride=2), 3),
                _level(SpeechBlock(64, 128, stride=2), 2),
                _level(SpeechBlock(128, 256, stride=2), 2),
                _level(SpeechBlock(256, 512, stride=2), 1),
                nn.Sequential(
                    SpeechBlock(512, 512, padding=0), SpeechBlock(512, 512, kernel_size=1, padding=0)
                ),
            )
        )
        self.decoder = nn.ModuleList(
            (
                nn.Sequential(SpeechBlock(SPEECH, 512, kernel_size=1, padding=0)),
                _level(UpBlock(1024, 512, stride=1), 1),
                _level(UpBlock(1024, 512), 2),
                _level(UpBlock(768, 384), 2),
                _level(UpBlock(512, 256), 2),
                _level(UpBlock(320, 128), 2),
                _level(UpBlock(160, 64), 2),
            )
        )
        self.last = SpeechBlock(80, 32)
        self.picture = nn.Conv2d(32, 3, 1)
        after_loading(self, lay_channels_last)

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Draw faces.

        mel:     (B, 1, 80, 16) in [-4, 4]
        face:    (B, 6, 96, 96) BGR in [0, 1]: the crop with its lower half black, then the reference
        returns: (B, 3, 96, 96) BGR in (0, 1)
        """
        seen = [face.contiguous(memory_format=order_for(face.device))]
        for level in self.face:
            seen.append(level(seen[-1]))
        x = self.speech(mel)
        for level, kept in zip(self.decoder, reversed(seen[1:]), strict=True):
            x = torch.cat([level(x), kept], dim=1)
        return torch.sigmoid(self.picture(self.last(x)))


def _level(first: SpeechBlock | UpBlock, residuals: int) -> nn.Sequential:
    width = first.convolution.out_channels
    return nn.Sequential(first, *(SpeechBlock(width, width, residual=True) for _ in range(residuals)))


def sample() -> tuple[Tensor, ...]:
    """A window of speech and two pictures of a face."""
    face = drawn_face(SIDE).flip(1)  # BGR
    masked = face.clone()
    masked[:, :, SIDE // 2 :] = 0
    return drawn_mel(), torch.cat([masked, face], dim=1)
