"""L-Net and E-Net together, as the original's one network was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from retalk_nodes.models.lips.enet import shrink
from torch import Tensor, nn


class Retouched(NamedTuple):
    """What L-Net and E-Net give together for B pictures."""

    picture: Tensor  # (B, 3, 384, 384) BGR, unclamped
    mouth: Tensor  # (B, 3, 96, 96) BGR in (0, 1), L-Net's


def enhance(
    lnet: nn.Module,
    enet: nn.Module,
    mel: Tensor,
    face: Tensor,
    reference: Tensor,
    noise: Sequence[Tensor] | None = None,
) -> Retouched:
    """Run both networks as the original's one forward did.

    mel:       (B, 1, 80, 16)
    face:      (B, 6, 384, 384) BGR in [0, 1]: the crop with its lower half black, and the looks to take
    reference: (B, 3, 384, 384) BGR in [0, 1], L-Net's second picture
    """
    mouth = lnet(mel, shrink(torch.cat([face[:, :3], reference], dim=1)))
    return Retouched(enet(mouth, face[:, 3:], noise), mouth)
