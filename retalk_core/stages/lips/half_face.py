"""Networks that draw a face from its upper half, a picture of it, and a moment of speech."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from ...compute.batches import device_of, in_batches
from ...images import bgr, resize, to_network
from ...types import Progress, Samples
from ..speech import COLUMNS_PER_SECOND, WINDOW, Spectrogram, cut_windows
from .base import HeardVoice, SpeechWanted, Wants, drawn_pictures, one_each

MEL = SpeechWanted("log-mel spectrogram, 55 to 7600 Hz, in [-4, 4]", 80, WINDOW, COLUMNS_PER_SECOND)


class HalfFaceSync:
    """One of them as a lip-sync network; see `base.LipSyncer`."""

    def __init__(
        self, wants: Wants, pair: Callable[[Tensor, Tensor], Tensor], *, hold_last: bool = False
    ) -> None:
        """Say which one it is.

        pair:      makes of faces and references (T, H, W, 3) RGB in [0, 1] what it is shown, (T, 6, S, S)
        hold_last: at the speech's end the last whole window is heard, as `cut_windows` has it
        """
        self.wants, self._pair, self._hold_last = wants, pair, hold_last

    def spectrogram(self, samples: Samples | Tensor) -> Spectrogram:
        """80 bands in [-4, 4], 80 columns a second."""
        return Spectrogram(samples)

    def windows(self, heard: HeardVoice | Tensor, times: Sequence[Fraction]) -> Tensor:
        """(T, 1, 80, columns) from each frame's time on."""
        assert isinstance(heard, Spectrogram | Tensor)
        return cut_windows(heard, times, self.wants.speech.columns, hold_last=self._hold_last)

    def sync(
        self,
        networks: Mapping[str, nn.Module],
        faces: Tensor,
        references: Tensor,
        windows: Tensor,
        *,
        seed: int | None = None,
        batch_size: int,
        progress: Progress,
    ) -> Tensor:
        """See `base.LipSyncer.sync`; the upper half is drawn anew too, and nothing takes a seed."""
        faces, references = one_each(len(windows), "windows of speech", faces=faces, references=references)
        (network,) = (networks[key] for key in self.wants.networks)
        device = device_of(network)

        def draw(rows: slice) -> Tensor:
            pairs = self._pair(faces[rows], references[rows])
            return drawn_pictures(network(windows[rows].to(device), pairs.to(device)), network)

        return in_batches(draw, len(windows), batch_size, progress)


def pair_halves(faces: Tensor, references: Tensor, side: int, *, whole_first: bool = False) -> Tensor:
    """Faces without their lower half, and references.

    faces, references: (T, H, W, 3) RGB in [0, 1] of any size and proportion
    side:              to which both are resized as OpenCV's plain linear resizing does it, then hidden
    whole_first:       references come first
    returns:           (T, 6, side, side) BGR in [0, 1]; the lower half of the faces' three channels is 0
    """
    upper, whole = (bgr(to_network(resize(pictures, side))) for pictures in (faces, references))
    upper[:, :, side // 2 :] = 0
    return torch.cat([whole, upper] if whole_first else [upper, whole], dim=1)
