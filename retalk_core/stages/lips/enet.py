"""E-Net redraws a synced face sharply, with the looks of a reference."""

from __future__ import annotations

from torch import Tensor, nn

from ....models.lips.enet import MOUTH_SIDE, SIDE, draw_noise
from ...compute.batches import device_of, in_batches
from ...images import bgr, resize, to_network
from ...types import Progress, silent
from .base import drawn_pictures, one_each


def enhance_identity(
    network: nn.Module,
    synced: Tensor,
    references: Tensor,
    *,
    seed: int | None = None,
    batch_size: int = 4,
    progress: Progress = silent,
) -> Tensor:
    """Redraw synced faces sharply, with the looks of the references.

    network:    E-Net
    synced:     (T, 96, 96, 3) RGB in [0, 1], from `sync_lips`; other sizes are resized
    references: (T or 1, S, S, 3) RGB in [0, 1], of any size: face crops
    seed:       of E-Net's noise, which is the same for every frame; None for no noise
    returns:    (T, 384, 384, 3) RGB in [0, 1]
    raises:     InputError where the counts differ
    """
    (references,) = one_each(len(synced), "synced faces", references=references)
    device = device_of(network)
    noise = None if seed is None else draw_noise(seed, device=device)

    def redraw(rows: slice) -> Tensor:
        mouths = bgr(to_network(resize(synced[rows], MOUTH_SIDE, average=True)))
        looks = bgr(to_network(resize(references[rows], SIDE)))
        return drawn_pictures(network(mouths.to(device), looks.to(device), noise), network).clamp(0, 1)

    return in_batches(redraw, len(synced), batch_size, progress)
