"""E-Net redraws a synced face sharply, with the looks of a reference."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from ....models.lips.enet import MOUTH_SIDE, SIDE, WHOLE, ENet, draw_noise
from ....models.stylegan.tiles import Area
from ...compute.batches import device_of, in_batches, only_numbers
from ...images import bgr, resize, to_network
from ...types import Progress, silent
from .base import drawn_pictures, one_each


def enhance_identity(
    network: nn.Module,
    synced: Tensor,
    references: Tensor,
    *,
    seed: int | None = None,
    area: Area = WHOLE,
    batch_size: int = 4,
    progress: Progress = silent,
) -> Tensor:
    """Redraw synced faces sharply, with the looks of the references.

    network:    E-Net
    synced:     (T, 96, 96, 3) RGB in [0, 1], from `sync_lips`; other sizes are resized
    references: (T or 1, S, S, 3) RGB in [0, 1], of any size: face crops; or their styles (T, 512), from
                `read_styles`
    seed:       of E-Net's noise, which is the same for every frame; None for no noise
    area:       of the pictures, where no more of them is looked at: the same pixels in less time, and beyond
                it the area's edge repeated
    returns:    (T, 384, 384, 3) RGB in [0, 1]
    raises:     InputError where the counts differ
    """
    (references,) = one_each(len(synced), "synced faces", references=references)
    device = device_of(network)
    noise = None if seed is None else draw_noise(seed, device=device)

    def redraw(rows: slice) -> Tensor:
        mouths = bgr(to_network(resize(synced[rows], MOUTH_SIDE, average=True)))
        looks = references[rows] if references.dim() == 2 else _looks(references[rows])
        drawn = network(mouths.to(device), looks.to(device), noise, area)
        beyond = (area.left, SIDE - area.right, area.top, SIDE - area.bottom)
        return drawn_pictures(F.pad(drawn.float().cpu(), beyond, mode="replicate"), network).clamp(0, 1)

    return in_batches(redraw, len(synced), batch_size, progress)


def read_styles(
    network: nn.Module, references: Tensor, *, batch_size: int = 4, progress: Progress = silent
) -> Tensor:
    """The looks of references (T, S, S, 3) in [0, 1] as E-Net reads them, (T, 512): over half of its work."""
    device, encoder = device_of(network), cast(ENet, network).encoder

    def read(rows: slice) -> Tensor:
        return only_numbers(encoder(_looks(references[rows]).to(device)), network).cpu()

    return in_batches(read, len(references), batch_size, progress)


def _looks(references: Tensor) -> Tensor:
    return bgr(to_network(resize(references, SIDE)))
