"""What every network that draws lips offers, and what their stages share."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from torch import Tensor, nn

from ...compute.batches import only_numbers
from ...errors import InputError
from ...images import bgr, to_images
from ...types import Progress, Samples
from ..speech import Spectrogram


class LipSyncer(Protocol):
    """Draws faces whose lips follow the speech."""

    network: str  # its key in the catalogue
    framing: str  # of the crops that it wants
    side: int  # pixels of the faces that it draws

    def spectrogram(self, samples: Samples | Tensor) -> Spectrogram:
        """A voice, mono at 16 kHz, as the network hears it; it is made where it is looked at."""
        ...

    def windows(self, spectrogram: Tensor | Spectrogram, times: Sequence[Fraction]) -> Tensor:
        """The speech (T, 1, bands, columns) that goes with frames at T times in seconds."""
        ...

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
        """Draw the faces anew.

        faces:      (T, S, S, 3) RGB in [0, 1], of any size, in the syncer's framing
        references: (T, S, S, 3) likewise, what the person looks like
        windows:    (T, 1, bands, columns), from `windows`
        returns:    (T, side, side, 3) RGB in [0, 1]
        """
        ...


def one_each(count: int, what: str, **pictures: Tensor) -> list[Tensor]:
    """The pictures, one for each of `count`; a single one serves all. Raises InputError."""
    for name, given in pictures.items():
        if len(given) not in (1, count):
            raise InputError(
                f"There are {len(given)} {name} for {count} {what}. "
                "Give one for each of them, or a single one for all."
            )
    return [given.expand(count, *given.shape[1:]) for given in pictures.values()]


def drawn_pictures(x: Tensor, network: nn.Module) -> Tensor:
    """What a network drew, (B, 3, H, W) BGR on its device, as RGB images on the CPU.

    raises: CheckpointError where it drew something that is no number
    """
    return to_images(bgr(only_numbers(x.float().cpu(), network)))
