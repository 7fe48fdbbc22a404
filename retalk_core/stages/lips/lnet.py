"""L-Net draws a small face from its upper half, with lips that fit the speech."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from ....models.lips.enet import SIDE, shrink
from ....models.lips.lnet import SIDE as DRAWN_SIDE
from ...compute.batches import device_of, in_batches
from ...images import bgr, resize, to_network
from ...types import Progress, Samples, silent
from ..speech import Spectrogram, cut_windows
from .base import drawn_pictures, one_each


class LNetSync:
    """L-Net as a lip-sync network; see `base.LipSyncer`."""

    network = "lnet"
    framing = "face"
    side = DRAWN_SIDE

    def spectrogram(self, samples: Samples | Tensor) -> Spectrogram:
        """80 bands in [-4, 4], 80 columns a second."""
        return Spectrogram(samples)

    def windows(self, spectrogram: Tensor | Spectrogram, times: Sequence[Fraction]) -> Tensor:
        """(T, 1, 80, 16): 0.2 s from each frame's time on."""
        return cut_windows(spectrogram, times)

    def sync(
        self,
        network: nn.Module,
        faces: Tensor,
        references: Tensor,
        windows: Tensor,
        *,
        batch_size: int,
        progress: Progress,
    ) -> Tensor:
        """As `sync_lips`."""
        return sync_lips(network, faces, references, windows, batch_size=batch_size, progress=progress)


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
        return drawn_pictures(network(mel[rows].to(device), pairs.to(device)), network)

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
