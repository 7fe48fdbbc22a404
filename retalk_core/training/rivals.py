"""What a network that draws, and one that tells drawn pictures from real ones, tell each other."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Rivalry = Literal["vanilla", "lsgan", "wgan", "wgan_softplus", "hinge"]


def fooling(kind: Rivalry, drawn: Tensor) -> Tensor:
    """What the one who draws wants to be small, (), given the other's scores of any shape."""
    return -drawn.mean() if kind == "hinge" else _scored(kind, drawn, real=True)


def telling_apart(kind: Rivalry, real: Tensor, drawn: Tensor) -> Tensor:
    """What the one who tells wants to be small, (), given its scores of real and of drawn pictures."""
    return telling_part(kind, real, real=True) + telling_part(kind, drawn, real=False)


def telling_part(kind: Rivalry, scores: Tensor, real: bool) -> Tensor:
    """The same for scores of one sort."""
    if kind == "hinge":
        return F.relu(1 - scores if real else 1 + scores).mean()
    return _scored(kind, scores, real)


def _scored(kind: Rivalry, scores: Tensor, real: bool) -> Tensor:
    wanted = torch.full_like(scores, float(real))
    if kind == "vanilla":
        return F.binary_cross_entropy_with_logits(scores, wanted)
    if kind == "lsgan":
        return F.mse_loss(scores, wanted)
    signed = -scores if real else scores
    return signed.mean() if kind == "wgan" else F.softplus(signed).mean()


def steepness(scores: Tensor, pictures: Tensor) -> Tensor:
    """How steeply scores change with the pictures (B, C, H, W) that they are of, squared, ().

    Mescheder et al., "Which training methods for GANs do actually converge?" (2018): R1, without its factor.
    """
    (slope,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean()
