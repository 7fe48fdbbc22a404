"""From a key to chance that is the same for ever: signs, and which part carries which bit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

TEMPLATE_SHARE = 1 / 6  # of the cells: known signs, by which a mark is found and brought into place


@dataclass(frozen=True, eq=False)
class Layout:
    """What n cells carry."""

    signs: np.ndarray  # (n,) 1 or -1
    bit: np.ndarray  # (n,) the coded bit that a cell carries, or -1 where it is part of the template

    @property
    def template(self) -> np.ndarray:
        """The known signs (n,); 0 elsewhere."""
        return np.where(self.bit < 0, self.signs, 0.0)

    def chips(self, code: np.ndarray) -> np.ndarray:
        """All signs (n,) for coded bits (m,), 1 or -1."""
        return self.signs * np.where(self.bit < 0, 1.0, code[self.bit])

    def soft(self, values: np.ndarray, count: int) -> np.ndarray:
        """How much cells' values (n,) speak for each of so many coded bits being 1 (count,)."""
        carries = self.bit >= 0
        return np.bincount(self.bit[carries], (self.signs * values)[carries], minlength=count)


def layout_of(key: bytes, purpose: str, cells: int, count: int) -> Layout:
    """Spread so many coded bits over cells, in a way that only the key's holder knows.

    purpose: what is marked; the same key spreads differently over a face, a frame and sound
    """
    if not key:
        raise ValueError("a key has at least one byte")
    noise = hashlib.shake_256(purpose.encode() + b"\0" + key).digest(9 * cells)
    words = np.frombuffer(noise[: 8 * cells], ">u8")
    signs = np.where(np.frombuffer(noise[8 * cells :], np.uint8) & 1, 1.0, -1.0)
    order = np.argsort(words, kind="stable")
    bit = np.full(cells, -1)
    carrying = order[round(TEMPLATE_SHARE * cells) :]
    bit[carrying] = np.arange(len(carrying)) % count
    return Layout(signs, bit)
