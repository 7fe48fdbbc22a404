"""Networks that were trained here in another shape than the released ones, built as their files say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from safetensors import SafetensorError, safe_open
from torch import nn

from ..errors import CheckpointError
from ..network import Layout
from .dnet import DNetInTraining, DNetShape
from .enet import ENetInTraining, ENetShape
from .lnet import LNetInTraining, LNetShape
from .sync_expert import SyncExpert, SyncShape

HEADER = "retalk_shape"  # in a file's header
SHAPES: Mapping[str, type[Any]] = {
    "dnet": DNetShape,
    "lnet": LNetShape,
    "enet": ENetShape,
    "sync_expert": SyncShape,
}
NETWORKS: Mapping[str, Callable[[Any], nn.Module]] = {
    "dnet": DNetInTraining,
    "lnet": LNetInTraining,
    "enet": ENetInTraining,
    "sync_expert": SyncExpert,
}
MOST = 1024  # of any number in a shape: a file must not ask for more memory than a network has


def told_shape(path: Path) -> tuple[str, Any] | None:
    """The network's key and shape that a file's header tells; None: it tells none, as released files don't.

    raises: CheckpointError where what it tells can't be
    """
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError):
        return None  # whoever reads it says why
    if HEADER not in header:
        return None
    key = header.get("network", "")
    try:
        return key, _shape(SHAPES[key], json.loads(header[HEADER]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} tells of a shape that no network has ({error}). Export it again."
        ) from None


def _shape(kind: type[Any], told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - one of the shapes
    """A shape of the kind, every value of its type and in bounds. Raises TypeError or ValueError."""
    hints, plain, values = get_type_hints(kind), kind(), {}
    names = {each.name for each in fields(kind)}
    if not isinstance(told, Mapping):
        raise TypeError("it is no table of numbers")
    for name, value in told.items():
        if name not in names:
            raise ValueError(f"{name} is not known")
        now = getattr(plain, name)
        values[name] = _value(name, value, now, hints[name])
    return kind(**values)


def _value(name: str, value: object, now: object, hint: object) -> object:
    if isinstance(now, tuple):
        if not isinstance(value, list) or not 1 <= len(value) <= 12:
            raise ValueError(f"{name} is {value!r}")
        return tuple(_value(name, each, now[0], hint) for each in value)
    if isinstance(now, bool | str):
        if type(value) is not type(now):
            raise ValueError(f"{name} is {value!r}")
        return value
    if type(value) is not int or not 1 <= value <= MOST:
        raise ValueError(f"{name} is {value!r}")
    return value


def build_told(key: str, shape: Any) -> tuple[nn.Module, Layout]:  # noqa: ANN401 - one of the shapes
    """An empty network of that shape, and how its file is laid out: under the network's own names.

    Spectral norms are folded when the file is read, so the network is built without them.
    """
    if isinstance(shape, LNetShape):
        from dataclasses import replace

        shape = replace(shape, spectral=False)
    try:
        return NETWORKS[key](shape), Layout()
    except (ValueError, TypeError, RuntimeError, ZeroDivisionError, OverflowError) as error:
        raise CheckpointError(f"No network has the shape {shape} ({error}). Export it again.") from None
