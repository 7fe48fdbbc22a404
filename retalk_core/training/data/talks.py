"""Talking heads as tasks see them, wherever they come from, and what is drawn from them by chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ....models.training.sync_expert import FRAMES
from ...errors import InputError
from ...images import bgr, to_network

LEARNT_RATE = 25  # frames a second
LEARNT_AFTER = 13  # frames behind its own in a window of coefficients that is learnt from
FAR = 5  # frames, from which on two moments of a clip have nothing to do with each other
LEAST_STARTS = 11  # places in a clip to begin, with a row of frames each: 15 frames, as in Wav2Lip


class Talk(Protocol):
    """One clip of one person, `LEARNT_RATE` frames a second. Rows are its frames."""

    @property
    def name(self) -> str: ...

    @property
    def speaker(self) -> str:
        """Two clips of one person have the same."""
        ...

    @property
    def voice(self) -> str:
        """And two of one voice."""
        ...

    @property
    def usable(self) -> np.ndarray:
        """(T,) bool: where the face is seen well."""
        ...

    @property
    def shot(self) -> np.ndarray:
        """(T,) int."""
        ...

    def faces(self, rows: Sequence[int], side: int) -> Tensor:
        """Pictures (n, side, side, 3) RGB in [0, 1] in the framing `face`."""
        ...

    def references(self, rows: Sequence[int], side: int) -> Tensor:
        """The same with a calm expression, as in a dub; raises InputError where there are none."""
        ...

    def portraits(self, rows: Sequence[int], side: int) -> Tensor:
        """The same in the framing `portrait`."""
        ...

    def points(self, rows: Sequence[int]) -> Tensor:
        """Eyes, nose tip and corners of the mouth in the faces, (n, 5, 2) in parts of their side."""
        ...

    def mels(self, rows: Sequence[int]) -> Tensor:
        """The speech (n, 1, 80, 16) that goes with frames."""
        ...

    def windows(self, rows: Sequence[int]) -> Tensor:
        """Coefficients (n, 73, 27) around frames; raises InputError where none were read."""
        ...


@dataclass(frozen=True, eq=False)
class TalkSet:
    """What a run learns from, and what it is judged by: no face and no voice is in both."""

    train: tuple[Talk, ...]
    held: tuple[Talk, ...]
    about: dict[str, Any] = field(default_factory=dict)  # where it comes from: licences, numbers


def first_rows(talk: Talk, length: int = FRAMES) -> np.ndarray:
    """The rows at which so many usable frames of one shot begin."""
    last = len(talk.usable) - length + 1
    if last < 1:
        return np.empty(0, int)
    usable = np.lib.stride_tricks.sliding_window_view(talk.usable, length).all(axis=1)
    same = talk.shot[:last] == talk.shot[length - 1 :]
    return np.flatnonzero(usable & same)


def long_enough(talks: Iterable[Talk], rows: int, what: str) -> tuple[Talk, ...]:
    """The talks with so many places to begin. Raises InputError where there is none."""
    kept = tuple(talk for talk in talks if len(first_rows(talk)) >= rows)
    if not kept:
        raise InputError(
            f"No clip to {what} has {rows + FRAMES - 1} usable frames in a row: prepare longer clips, or "
            "look into the set's report for what was dropped."
        )
    return kept


def draw_talk(talks: Sequence[Talk], chance: np.random.Generator) -> Talk:
    """One talk of a random speaker: who is in many clips isn't seen more often."""
    speakers = sorted({talk.speaker for talk in talks})
    speaker = speakers[chance.integers(len(speakers))]
    own = [talk for talk in talks if talk.speaker == speaker]
    return own[chance.integers(len(own))]


def far_row(rows: np.ndarray, row: int, chance: np.random.Generator, far: int = FAR) -> int:
    """One of some rows that is far from another; the farthest where none is."""
    others = rows[np.abs(rows - row) >= far]
    if not len(others):
        return int(rows[np.abs(rows - row).argmax()])
    return int(others[chance.integers(len(others))])


def spread_rows(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of some rows, evenly."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]


def five_in_a_row(talk: Talk, starts: Sequence[int], side: int) -> Tensor:
    """Rows of five faces, (n, 5, 3, side, side) BGR in [0, 1]."""
    rows = sorted({start + i for start in starts for i in range(FRAMES)})
    place = {row: i for i, row in enumerate(rows)}
    pictures = bgr(to_network(talk.faces(rows, side)))
    return torch.stack([pictures[[place[start + i] for i in range(FRAMES)]] for start in starts])
