"""The sync expert: whether five frames of a mouth and 0.2 s of speech belong together.

Prajwal et al., "A lip sync expert is all you need for speech to lip generation in the wild" (2020). It is
another network than SyncNet, by which results are judged: what a network learned from must not judge it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..network import Layout
from ..samples import drawn_face, drawn_mel
from .blocks import NormedConvolution, speech_encoder

FRAMES = 5  # that are looked at together
SIDE = 96  # pixels of the faces, of which the lower half is seen
LAYOUT = Layout(containers=("state_dict",), strip="module.")


@dataclass(frozen=True)
class SyncShape:
    """How large the expert is; as it stands, the released one."""

    width: int = 32  # channels of the first layers
    side: int = SIDE  # pixels of the faces; 48 or 96
    frames: int = FRAMES


class SyncExpert(nn.Module):
    """Reads lips and speech into vectors of length 1 whose product is near 1 where they belong together."""

    def __init__(self, shape: SyncShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or SyncShape()
        self.face_encoder = _face_encoder(shape)
        self.audio_encoder = speech_encoder(shape.width, 16 * shape.width, deepest=2)

    def forward(self, mel: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Read speech and lips.

        mel:     (B, 1, 80, 16) in [-4, 4]
        faces:   (B, 3 frames, side / 2, side) BGR in [0, 1]: lower halves, frame after frame
        returns: two vectors (B, 512), not negative and of length 1
        """
        return self.read_speech(mel), self.read_lips(faces)

    def read_speech(self, mel: Tensor) -> Tensor:
        """A vector (B, 512) for each window (B, 1, 80, 16)."""
        return F.normalize(self.audio_encoder(mel).flatten(1), dim=1)

    def read_lips(self, faces: Tensor) -> Tensor:
        """A vector (B, 512) for each row of lower halves (B, 15, 48, 96)."""
        return F.normalize(self.face_encoder(faces).flatten(1), dim=1)


def _face_encoder(shape: SyncShape) -> nn.Sequential:
    width, levels = shape.width, round(math.log2(shape.side / 6))
    layers = [
        NormedConvolution(3 * shape.frames, width, 7, padding=3),
        NormedConvolution(width, 2 * width, 5, (1, 2)),
        *(NormedConvolution(2 * width, 2 * width, residual=True) for _ in range(2)),
    ]
    before = 2 * width
    for residuals in (3, 2, 2, 0)[4 - levels :]:
        after = min(2 * before, 16 * width)
        layers.append(NormedConvolution(before, after, stride=2))
        layers += (NormedConvolution(after, after, residual=True) for _ in range(residuals))
        before = after
    last = 16 * width
    layers += (NormedConvolution(before, last, padding=0), NormedConvolution(last, last, 1, padding=0))
    return nn.Sequential(*layers)


def sample() -> tuple[Tensor, ...]:
    """A window of speech and five frames of a mouth."""
    lower = drawn_face(SIDE).flip(1)[:, :, SIDE // 2 :]
    return drawn_mel(), torch.cat([lower] * FRAMES, dim=1)
