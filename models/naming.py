"""What files call a network's tensors, and what we call them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from .network import Layout

MOST_NUMBERS = 24  # that are tried where a name has a number; no network has more layers of a kind
MOST = 1000  # names that are tried


def rename(theirs: Iterable[str], layout: Layout) -> dict[str, str]:
    """Our name for each of the file's names, in the file's order."""
    renames = [(re.compile(pattern), ours) for pattern, ours in layout.renames]
    names = {}
    for each in theirs:
        key = each
        for pattern, ours in renames:
            key = pattern.sub(ours, key)
        names[each] = key
    return names


def find_name(ours: str, names: Mapping[str, str], layout: Layout) -> str | None:
    """What a file would call a tensor that it lacks; None where its other names don't tell.

    names: our name for each of the file's names, from `rename`; names of the official file may be among them

    Renaming can't be turned round, so names like those of similar tensors are tried: with another last word,
    or with other numbers. A name counts if it is renamed to ours.
    """
    leaf, alike, numbers = ours.rpartition(".")[2], _form(ours), re.findall(r"\d+", ours)

    def distance(theirs: str) -> tuple[bool, int]:
        other = names[theirs]
        pairs = zip(numbers, re.findall(r"\d+", other), strict=False)
        return other.rpartition(".")[2] != leaf, sum(one != another for one, another in pairs)

    similar = sorted((theirs for theirs, other in names.items() if _form(other) == alike), key=distance)
    candidates = (candidate for theirs in similar for candidate in _variants(theirs, leaf))
    return next((each for each in islice(candidates, MOST) if rename([each], layout)[each] == ours), None)


def _form(name: str) -> str:
    """A name without its last word and without its numbers: what tensors of one kind share."""
    return re.sub(r"\d+", "#", name.rpartition(".")[0])


def _variants(name: str, leaf: str) -> Iterator[str]:
    """A name, and the same with another last word, each with every other number in the place of one."""
    stem, dot, _ = name.rpartition(".")
    bases = dict.fromkeys((name, f"{stem}{dot}{leaf}"))
    for base in bases:
        yield base
        for number in re.finditer(r"\d+", base):
            for other in range(MOST_NUMBERS):
                yield f"{base[: number.start()]}{other}{base[number.end() :]}"
