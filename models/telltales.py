"""Tells which network a file of weights belongs to, by a few tensors that no other network has."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

from .catalog import RECOGNISED
from .containers import all_parts, without_prefixes

ENOUGH = 0.5  # of a network's telltales; the file may be incomplete


def recognise(contents: Mapping[str, Any]) -> str | None:
    """Name the network whose tensors these are, however they are wrapped; None for a stranger."""
    best, found = 0.0, None
    for names in (each for part in all_parts(contents) for each in without_prefixes(part)):
        shapes = {
            key.replace("module.", ""): tuple(value.shape)
            for key, value in names.items()
            if isinstance(value, Tensor)
        }
        for name, row in RECOGNISED.items():
            right = sum(_has(shapes, key, shape) for key, shape in row.telltales.items())
            share = right / max(len(row.telltales), 1)
            if share > best:
                best, found = share, name
    return found if best >= ENOUGH else None


def _has(shapes: Mapping[str, tuple[int, ...]], name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of that name has that shape; * in the name stands for anything."""
    if "*" not in name:
        return shapes.get(name) == shape
    return any(each == shape and fnmatchcase(key, name) for key, each in shapes.items())
