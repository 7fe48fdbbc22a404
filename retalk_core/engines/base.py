"""What an engine is, what it is told of a dub, and what it is lent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from ..crops.patch import Patch
from ..stages.lips.base import HeardVoice
from ..types import Frame


class Engine(Protocol):
    """Edits a stream of frames."""

    resumed: int  # output frames taken over from an earlier run

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        """Pair each output frame, in order, with the pixels to put into it (None: it stays as it is)."""
        ...


class FramesAt(Protocol):
    """Decodes the frames of the given rows of the track, which are in rising order."""

    def __call__(self, rows: Sequence[int], /) -> Iterable[Frame]: ...


class Store(Protocol):
    """Keeps what was finished, so that a dub that was stopped goes on from there."""

    def read(self, chunk: int) -> list[Patch | None] | None:
        """The edits of a chunk, one for each output frame; None where it is not finished."""
        ...

    def write(self, chunk: int, patches: Sequence[Patch | None]) -> None: ...

    def read_state(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays that were stored under a name; None where there are none."""
        ...

    def write_state(self, name: str, arrays: Mapping[str, np.ndarray]) -> None: ...


@dataclass(frozen=True, eq=False)
class LipsPlan:
    """What is shown and said in each of T output frames."""

    rows: np.ndarray  # (T,) the row of the track that is shown
    show: np.ndarray  # (T,) 0..1; how far the edit shows, 0 leaves the frame alone
    times: Sequence[Fraction]  # T seconds
    spectrogram: HeardVoice  # the voice, as what draws the lips hears it


@dataclass(frozen=True, eq=False)
class Part:
    """The n frames of a chunk that are edited."""

    frames: Sequence[Frame]
    outputs: np.ndarray  # (n,) their numbers in the output
    rows: np.ndarray  # (n,) the rows of the track that they show

    def __getitem__(self, places: Sequence[int]) -> Part:
        chosen = list(places)
        return Part([self.frames[i] for i in chosen], self.outputs[chosen], self.rows[chosen])
