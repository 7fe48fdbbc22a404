"""Lips that fit the speech: L-Net draws a small face from its upper half, E-Net redraws it sharply."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ....models.lips.enet import SIDE, shrink
from ...compute.batches import device_of, in_batches
from ...errors import InputError
from ...images import bgr, resize, to_images, to_network
from ...types import Progress, silent


def sync_lips(
    network: nn.Module,
    faces: Tensor,
    references: Tensor,
    mel: Tensor,
    *,
    batch_size: int = 16,
    progress: Progress = silent,
) -> Tensor:
    """Draw faces whose lips fit the speech.

    network:    L-Net
    faces:      (T, S, S, 3) RGB in [0, 1], of any size: face crops whose upper half shows pose and light
    references: (T, S, S, 3) likewise, what the person looks like; the same place in the picture as the faces
    mel:        (T, 1, 80, 16) windows of speech in [-4, 4]; faces or references may be one for all of them
    returns:    (T, 96, 96, 3) RGB in [0, 1]; the upper half is drawn anew too
    raises:     InputError where the counts differ
    """
    faces, references = one_each(len(mel), "windows of speech", faces=faces, references=references)
    device = device_of(network)

    def draw(rows: slice) -> Tensor:
        pairs = shrink(pair_faces(faces[rows], references[rows]))
        return drawn_pictures(network(mel[rows].to(device), pairs.to(device)))

    return in_batches(draw, len(mel), batch_size, progress)


def pair_faces(faces: Tensor, references: Tensor) -> Tensor:
    """What L-Net is shown, before it is shrunk: faces without their lower half, and references behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    returns:           (T, 6, 384, 384) BGR in [0, 1]; rows 192 to 383 of the first three channels are 0

    Hiding comes before the shrinking to 96 pixels, as when L-Net learned: neither mixes across the edge.
    """
    upper, whole = (bgr(to_network(resize(pictures, SIDE))) for pictures in (faces, references))
    pairs = torch.cat([upper, whole], dim=1)
    pairs[:, :3, SIDE // 2 :] = 0
    return pairs


def one_each(count: int, what: str, **pictures: Tensor) -> list[Tensor]:
    """The pictures, one for each of `count`; a single one serves all."""
    for name, given in pictures.items():
        if len(given) not in (1, count):
            raise InputError(
                f"There are {len(given)} {name} for {count} {what}. "
                "Give one for each of them, or a single one for all."
            )
    return [given.expand(count, -1, -1, -1) for given in pictures.values()]


def drawn_pictures(x: Tensor) -> Tensor:
    """What a network drew, (B, 3, H, W) BGR on its device, as RGB images on the CPU."""
    return to_images(bgr(x.float().cpu()))
