"""What a drawn picture is compared with, and by what: features, styles, sync, identity.

Sources: PIRenderer (D-Net's), Wav2Lip (sync), GFPGAN (E-Net's); the formulas are theirs, the code is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.training.sync_expert import SyncExpert
from ...models.training.vgg import Vgg19, halve, read_pair
from ..crops.affine import invert
from ..crops.framing import fit_similarity
from ..images import bgr
from ..metrics.likeness import ARCFACE_POINTS, ARCFACE_SIDE

# Layers of VGG19 by their number, and how much each counts.
BEHIND_FIRST: Mapping[int, float] = {1: 1.0, 6: 1.0, 11: 1.0, 20: 1.0, 29: 1.0}  # relu1_1 … relu5_1
BEFORE_LAST: Mapping[int, float] = {2: 0.1, 7: 0.1, 16: 1.0, 25: 1.0, 34: 1.0}  # conv1_2 … conv5_4


def signed(faces: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) BGR in [0, 1] as RGB in [-1, 1]."""
    return bgr(faces) * 2 - 1


class FeatureDistance(NamedTuple):
    """How far a picture is from what it should be, by features."""

    content: Tensor  # (), of features where they are
    style: Tensor  # (), of what features go together, wherever they are


def compare_features(
    network: Vgg19,
    given: Tensor,
    wanted: Tensor,
    *,
    layers: Mapping[int, float] = BEHIND_FIRST,
    scales: int = 1,
) -> FeatureDistance:
    """Compare pictures by VGG19's features.

    network:       in eval mode, its weights frozen
    given, wanted: (B, 3, H, W) RGB in [-1, 1]; gradients reach `given` only
    layers:        which count, and how much
    scales:        at how many sizes contents are compared, each half of the one before; styles at the first
    """
    content, style = given.new_zeros(()), given.new_zeros(())
    given, wanted = (given + 1) / 2, (wanted + 1) / 2
    for scale in range(scales):
        if scale:
            given, wanted = halve(given), halve(wanted)
        pairs = read_pair(network, given, wanted, tuple(layers))
        for weight, (seen, sought) in zip(layers.values(), pairs, strict=True):
            content = content + weight * F.l1_loss(seen, sought)
            if scale == 0:
                style = style + weight * F.l1_loss(gram(seen), gram(sought))
    return FeatureDistance(content, style)


def gram(features: Tensor) -> Tensor:
    """Which channels (B, C, H, W) go together, (B, C, C), per channel and pixel."""
    flat = features.flatten(2)
    return flat @ flat.mT / (features.shape[1] * flat.shape[2])


def compare_pyramids(given: Tensor, wanted: Tensor, levels: int = 3) -> Tensor:
    """Mean distance of what is lost at each halving, and of what is left at last.

    given, wanted: (B, 3, H, W)

    It needs no weights, and stands for VGG19's features where nothing but plumbing is to be proven.
    """
    total = given.new_zeros(())
    for _ in range(levels):
        total = total + F.l1_loss(_fine(given), _fine(wanted))
        given, wanted = F.avg_pool2d(given, 2), F.avg_pool2d(wanted, 2)
    return total + F.l1_loss(given, wanted)


def _fine(pictures: Tensor) -> Tensor:
    small = F.avg_pool2d(pictures, 2)
    return pictures - F.interpolate(small, size=pictures.shape[2:], mode="bilinear", align_corners=False)


# Sync


def lower_halves(frames: Tensor) -> Tensor:
    """What the sync expert looks at, (B, 3T, H / 2, W), of frames (B, T, 3, H, W)."""
    return frames[..., frames.shape[-2] // 2 :, :].flatten(1, 2)


def in_sync(expert: SyncExpert, mel: Tensor, frames: Tensor) -> Tensor:
    """How likely it is that frames and speech belong together, (B,) in [0, 1].

    expert: in eval mode, or its statistics drift
    mel:    (B, 1, 80, 16) from the first frame's time on
    frames: (B, 5, 3, H, W) BGR in [0, 1]
    """
    speech, lips = expert(mel, lower_halves(frames))
    return F.cosine_similarity(speech, lips).clamp(0, 1)


def probably(likely: Tensor, wanted: Tensor | float) -> Tensor:
    """Binary cross entropy of probabilities and what they should be, (), in fp32."""
    likely = likely.float()
    target = torch.as_tensor(wanted, dtype=likely.dtype, device=likely.device).expand_as(likely)
    with torch.autocast(likely.device.type, enabled=False):
        return F.binary_cross_entropy(likely, target)


# Identity


def align_identities(faces: Tensor, points: Tensor) -> Tensor:
    """Faces as ArcFace reads them, eyes, nose and mouth in their places.

    faces:   (B, 3, S, S) with S 112 or more; gradients go through
    points:  (B, 5, 2) eyes, nose tip, corners of the mouth in parts of S, the picture's left first
    returns: (B, 3, 112, 112); beyond a face its edge is repeated
    """
    wanted = (ARCFACE_POINTS + 0.5) / ARCFACE_SIDE
    to_aligned = fit_similarity(points.double().cpu().numpy(), wanted)
    from_aligned = torch.as_tensor(np.stack([invert(each) for each in to_aligned]))
    # In the coordinates of `affine_grid`, which go from -1 to 1.
    turn, shift = from_aligned[:, :, :2], from_aligned[:, :, 2:]
    theta = torch.cat([turn, 2 * shift + turn.sum(dim=2, keepdim=True) - 1], dim=2).to(faces)
    calm = F.avg_pool2d(faces, max(1, faces.shape[2] // ARCFACE_SIDE))  # else fine lines flicker
    grid = F.affine_grid(theta, [len(faces), 3, ARCFACE_SIDE, ARCFACE_SIDE], align_corners=False)
    return F.grid_sample(calm, grid, mode="bilinear", padding_mode="border", align_corners=False)


def compare_identities(network: nn.Module, given: Tensor, wanted: Tensor) -> Tensor:
    """How unlike two people's faces are, () in [0, 2]: 0 for the same.

    network:       ArcFace, in eval mode
    given, wanted: (B, 3, 112, 112) RGB in [-1, 1], see `align_identities`; gradients reach `given` only
    """
    with torch.no_grad():
        sought = network(wanted)
    return (1 - F.cosine_similarity(network(given), sought)).mean()
