"""Networks that were trained here in another shape than the released ones, built as their files say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import CheckpointError
from ..network import Layout
from ..reading import read_header

HEADER = "retalk_shape"  # in a file's header


@dataclass(frozen=True)
class Trained:
    """Where a network in training is written: imported when a file tells of one."""

    module: str
    network: str  # its class
    shape: str  # the class of what it is built by

    def find(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        """One of the classes."""
        return getattr(import_module(f".{self.module}", __package__), name)


TRAINED: Mapping[str, Trained] = {
    "dnet": Trained("dnet", "DNetInTraining", "DNetShape"),
    "lnet": Trained("lnet", "LNetInTraining", "LNetShape"),
    "enet": Trained("enet", "ENetInTraining", "ENetShape"),
    "sync_expert": Trained("sync_expert", "SyncExpert", "SyncShape"),
}
MOST = 1024  # of any number in a shape: a file must not ask for more memory than a network has


def released_shape(key: str) -> Any:  # noqa: ANN401 - one of the shapes
    """The shape of the released network."""
    return TRAINED[key].find(TRAINED[key].shape)()


def told_shape(path: Path) -> tuple[str, Any] | None:
    """The network's key and shape that a file's header tells; None: it tells none, as released files don't.

    raises: CheckpointError where what it tells can't be
    """
    header = read_header(path)
    if HEADER not in header:
        return None
    key = header.get("network", "")
    try:
        return key, _shape(released_shape(key), json.loads(header[HEADER]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} tells of a shape that no network has ({error}). Export it again."
        ) from None


def _shape(plain: Any, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - one of the shapes
    """A shape like another, every value of its type and in bounds. Raises TypeError or ValueError."""
    names = {each.name for each in fields(plain)}
    if not isinstance(told, Mapping):
        raise TypeError("it is no table of numbers")
    for name in told:
        if name not in names:
            raise ValueError(f"{name} is not known")
    return replace(plain, **{name: _value(name, value, getattr(plain, name)) for name, value in told.items()})


def _value(name: str, value: object, now: object) -> object:
    if isinstance(now, tuple):
        if not isinstance(value, list) or not 1 <= len(value) <= 12:
            raise ValueError(f"{name} is {value!r}")
        return tuple(_value(name, each, now[0]) for each in value)
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
    if key == "lnet":
        shape = replace(shape, spectral=False)
    try:
        return TRAINED[key].find(TRAINED[key].network)(shape), Layout()
    except (ValueError, TypeError, RuntimeError, ZeroDivisionError, OverflowError) as error:
        raise CheckpointError(f"No network has the shape {shape} ({error}). Export it again.") from None
