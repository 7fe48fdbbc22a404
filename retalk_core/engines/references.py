"""Keeps the reference faces of frames that are shown again: no network runs twice on the same picture."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from torch import Tensor

MOST_KEPT = 256  # references; about 450 MB, and none where every frame is shown once


@dataclass(eq=False)
class Reference:
    """What a face looks like while it says nothing."""

    picture: Tensor  # (384, 384, 3)
    style: Tensor | None = None  # (512,) E-Net's of that picture, once it was read


class ReferenceBank:
    """Knows when each row is needed next, and keeps those that are needed soonest."""

    def __init__(self, rows: np.ndarray, most: int = MOST_KEPT) -> None:
        """rows: of the track, in the order in which they will be asked for."""
        self._most = most
        self._uses: dict[int, deque[int]] = {}
        for moment, row in enumerate(rows.tolist()):
            self._uses.setdefault(row, deque()).append(moment)
        self._kept: dict[int, Reference] = {}

    def take(self, row: int) -> Reference | None:
        """What is kept of a row, which is being used once more; None if it has to be made."""
        self._uses[row].popleft()
        return self._kept.get(row) if self._uses[row] else self._kept.pop(row, None)

    def keep(self, row: int, reference: Reference) -> None:
        """Remember a reference if it will be needed again and there is room, or less urgent ones give way."""
        if not self._uses[row]:
            return
        self._kept[row] = reference
        if len(self._kept) > self._most:
            del self._kept[max(self._kept, key=lambda kept: self._uses[kept][0])]
