"""What every network that draws lips wants and offers, and what their stages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from torch import Tensor, nn

from ...compute.batches import only_numbers
from ...errors import InputError
from ...images import bgr, to_images
from ...types import Progress, Samples


@dataclass(frozen=True)
class SpeechWanted:
    """The part of a voice that goes with a frame."""

    feature: str  # in words
    bands: int  # numbers in a column
    columns: int  # of a window
    rate: int  # columns a second
    offset: Fraction = Fraction(0)  # seconds from the frame's time to the window's first column


@dataclass(frozen=True)
class Wants:
    """What a network that draws lips wants, and what its pictures are."""

    title: str  # what it is called in a sentence
    networks: tuple[str, ...]  # that it computes with, all at once: keys in the catalogue
    speech: SpeechWanted
    side: int  # pixels of the pictures that it draws
    seen: int  # pixels of the pictures that it looks at
    framing: str = "face"  # of the crops that it looks at
    own_framing: str = "face"  # the same as its own program lays it, where figures shall be that program's
    plain: bool = (
        False  # crops are cut by plain linear resizing, as its program does; else fine detail is averaged
    )
    pictures: tuple[Literal["hidden", "whole"], ...] = ("hidden", "whole")  # that it looks at, in this order
    hidden: Literal["lower half", "nothing"] = "lower half"  # of the first of them
    reference: Literal["calm", "frame"] = "calm"  # may the whole one be neutralised, or is it the frame's own
    together: int = 1  # output frames that are drawn together
    noise: bool = False  # whether it takes a seed
    covers: Literal["face", "head"] = "face"  # what its pictures show
    # Where its own program pastes: rounds down to whole levels before it resizes, or behind
    rounds: Literal["before", "behind"] = "before"


class HeardVoice(Protocol):
    """A voice as a network hears it; it is made where it is looked at."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers in a column, and columns of the whole voice."""
        ...


class LipSyncer(Protocol):
    """Draws faces whose lips follow the speech."""

    wants: Wants

    def spectrogram(self, samples: Samples | Tensor) -> HeardVoice:
        """A voice, mono at 16 kHz, as the network hears it; it is made where it is looked at."""
        ...

    def windows(self, heard: HeardVoice, times: Sequence[Fraction]) -> Tensor:
        """The speech (T, 1, bands, columns) that goes with frames at T times in seconds, none before 0."""
        ...

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
        """Draw the faces anew.

        networks:   all that it wants, by key
        faces:      (T, S, S, 3) RGB in [0, 1], of any size, in the wanted framing; of frames in their order
        references: (T, S, S, 3) likewise, what the person looks like; the faces themselves where
                    `wants.reference` is "frame"
        windows:    (T, 1, bands, columns), from `windows`
        seed:       of its noise, if it takes one: the same for every frame; None for none
        returns:    (T, side, side, 3) RGB in [0, 1], in the same framing
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
