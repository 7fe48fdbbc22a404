"""What a search for a mark found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

# Anybody can find a mark under this key, and anybody can lay one. A private key is found by its holder only.
PUBLIC_KEY = b"retalk public mark 1"


@dataclass(frozen=True, eq=False)
class MarkFound:
    """The verdict on one clip's pictures, or on its sound. That a mark is there and what it says are apart."""

    present: bool  # whether score reaches threshold
    # The first `bits` bits of the dub's `mark_id`, as a whole number below 2 ** bits; None where no mark is
    # there or where too little of it is left to read
    id: int | None
    bits: int  # that such a mark carries: compare with id_prefix(mark_id, bits)
    score: float  # standard deviations above what a clip without a mark has
    threshold: float  # that less than one unmarked clip in a million reaches
    # (h, w) float32, how much of the mark each part shows, about 1 where it is whole and 0 where there is
    # none: of a whole frame, or of the upright face where that carries the mark. None for sound, and where
    # nothing could be looked at
    heat: np.ndarray | None = None
    where: Literal["face", "frame", "sound", ""] = ""  # what carries the mark; "" where there is none
    words: str = ""  # why nothing could be looked at; "" where it could

    def told(self, what: str) -> Iterator[str]:
        """A line for a report where a mark is there; what: it was found in."""
        if self.present:
            read = "an id that can't be read" if self.id is None else f"id {self.id:0{self.bits // 4}x}"
            yield f"{what}, {read}"
