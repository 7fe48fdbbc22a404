"""Wav2Lip draws a small face from its upper half and a picture of it, with lips that fit the speech."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from ....models.lips.wav2lip import SIDE
from ...compute.batches import device_of, in_batches
from ...images import bgr, resize, to_network
from ...types import Progress, Samples
from ..speech import Spectrogram, cut_windows
from .base import drawn_pictures, one_each


class Wav2LipSync:
    """Wav2Lip as a lip-sync network; see `base.LipSyncer`. It hears what L-Net hears."""

    network = "wav2lip"
    framing = "face"
    side = SIDE

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
        """See `base.LipSyncer.sync`; the upper half is drawn anew too."""
        faces, references = one_each(len(windows), "windows of speech", faces=faces, references=references)
        device = device_of(network)

        def draw(rows: slice) -> Tensor:
            pairs = pair_small(faces[rows], references[rows])
            return drawn_pictures(network(windows[rows].to(device), pairs.to(device)), network)

        return in_batches(draw, len(windows), batch_size, progress)


def pair_small(faces: Tensor, references: Tensor) -> Tensor:
    """What Wav2Lip is shown: faces without their lower half, and references behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    returns:           (T, 6, 96, 96) BGR in [0, 1]; rows 48 to 95 of the first three channels are 0

    The pictures are shrunk as OpenCV's plain linear resizing does it, without averaging, then hidden: so
    Wav2Lip learned.
    """
    upper, whole = (bgr(to_network(resize(pictures, SIDE))) for pictures in (faces, references))
    pairs = torch.cat([upper, whole], dim=1)
    pairs[:, :3, SIDE // 2 :] = 0
    return pairs
