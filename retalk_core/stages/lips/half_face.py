"""Networks that draw a face from its upper half, a picture of it, and 0.2 s of speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from ...compute.batches import device_of, in_batches
from ...images import bgr, resize, to_network
from ...types import Progress, Samples
from ..speech import Spectrogram, cut_windows
from .base import drawn_pictures, one_each


class HalfFaceSync:
    """One of them as a lip-sync network; see `base.LipSyncer`."""

    framing = "face"

    def __init__(self, network: str, side: int, pair: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Say which one it is.

        network: its key in the catalogue
        side:    pixels of the faces that it draws
        pair:    makes of faces and references (T, H, W, 3) RGB in [0, 1] what it is shown, (T, 6, side, side)
        """
        self.network, self.side, self._pair = network, side, pair

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
            pairs = self._pair(faces[rows], references[rows])
            return drawn_pictures(network(windows[rows].to(device), pairs.to(device)), network)

        return in_batches(draw, len(windows), batch_size, progress)


def pair_halves(faces: Tensor, references: Tensor, side: int) -> Tensor:
    """Faces without their lower half, and references behind them.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    side:              to which both are resized as OpenCV's plain linear resizing does it, then hidden
    returns:           (T, 6, side, side) BGR in [0, 1]; the lower half of the first three channels is 0
    """
    upper, whole = (bgr(to_network(resize(pictures, side))) for pictures in (faces, references))
    pairs = torch.cat([upper, whole], dim=1)
    pairs[:, :3, side // 2 :] = 0
    return pairs
