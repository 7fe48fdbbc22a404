"""The number that a dub's marks, its manifest and its ledger's row share."""

from __future__ import annotations

from collections.abc import Mapping

from ..resume.key import store_key

ID_BITS = 64


def mark_id(parts: Mapping[str, object]) -> int:
    """The number of a dub, 64 bits: it hashes what the result depends on, never the clock.

    parts:   by name: the clip and the voice, the options, the identities of the weights, as `store_key`
             takes them; the program's version is always part of it
    returns: the same number for the same dub, on any machine. It says nothing about who made it

    A mark carries the first bits of it, the picture's more than the sound's; see `id_prefix`.
    """
    return int(store_key(parts)[: ID_BITS // 4], 16)


def id_prefix(number: int, bits: int) -> int:
    """The first bits of a 64 bit number, as a mark carries them."""
    if not 0 <= number < 1 << ID_BITS:
        raise ValueError(f"{number} is not a number of {ID_BITS} bits")
    return number >> (ID_BITS - bits)
