"""Read the weights of a Keras network out of its HDF5 file, under the names that PyTorch's layers have.

Such a file is a tree of groups: one for each layer, with its arrays below. Nothing else in it is looked at;
the description of the network, in which Keras may hold code, is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_LAYERS = 5_000
MOST_UNPACKED = 4  # times the size of the file
SMALL = 1 << 20  # bytes that may be unpacked from any file
KINDS = ("conv2d_transpose", "conv2d", "batch_normalization")
PARTS = {  # what Keras calls an array, and torch
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Keras has kernels as (rows, columns, in, out), and transposed ones as (rows, columns, out, in): torch counts
# the other way round in both cases, so that they are turned alike.
TURNED = (3, 2, 0, 1)


class KerasError(Exception):
    """A file of Keras' can't be read: it isn't laid out as weights are, or its parts lie elsewhere."""


def read_keras(path: Path) -> dict[str, Tensor]:
    """Every array of the layers that are known here, as `conv2d_3.weight` and the like.

    The layers of each kind are numbered from 1 by the numbers that Keras gave them, which count on where a
    session had made others before: those, unlike the file's order, follow the order in which they were made.

    raises: ImportError without h5py; KerasError, OSError
    """
    import h5py

    limit = MOST_UNPACKED * path.stat().st_size + SMALL
    with _told(), h5py.File(path, "r") as file:
        root = _group(file, "model_weights") if "model_weights" in file else file
        layers = _numbered(_words(root, "layer_names"))
        arrays = {name: array for layer in layers.items() for name, array in _arrays(root, *layer)}
        if sum(array.nbytes for array in arrays.values()) > limit:
            raise KerasError("it would unpack to many times its size, as weights never do")
        return {name: _tensor(name, array) for name, array in arrays.items()}


@contextmanager
def _told() -> Iterator[None]:
    """HDF5's many kinds of errors as one."""
    try:
        yield
    except (KerasError, OSError):
        raise
    except Exception as error:  # a damaged file makes its reader stumble in any way
        raise KerasError(f"its parts don't fit together ({type(error).__name__})") from None


def _numbered(names: Sequence[str]) -> dict[str, str]:
    """By its name in the file: what a layer is called here. Layers without weights are left out."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        fits = re.fullmatch(rf"({'|'.join(KINDS)})(?:_(\d+))?", name)
        if fits:
            found.setdefault(fits[1], []).append((int(fits[2] or 0), name))
    return {
        name: f"{kind}_{place}"
        for kind, layers in found.items()
        for place, (_, name) in enumerate(sorted(layers), start=1)
    }


def _arrays(root: h5py.Group, layer: str, ours: str) -> Iterator[tuple[str, h5py.Dataset]]:
    """A layer's arrays under our names."""
    group = _group(root, layer)
    for word in _words(group, "weight_names"):
        part = PARTS.get(word.rpartition("/")[2].partition(":")[0])
        if part is None:
            raise KerasError(f"{word} is no array of a layer")
        yield f"{ours}.{part}", _dataset(group, word)


def _words(group: h5py.Group, attribute: str) -> list[str]:
    """Names that are stored beside a group, as bytes or as text."""
    if attribute not in group.attrs:
        raise KerasError(f"it has no {attribute}")
    stored = np.asarray(group.attrs[attribute]).ravel().tolist()
    if len(stored) > MOST_LAYERS:
        raise KerasError("it holds more layers than a network has")
    return [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in stored]


def _group(above: h5py.Group, name: str) -> h5py.Group:
    import h5py

    found = _own(above, name)
    if not isinstance(found, h5py.Group):
        raise KerasError(f"{name} is no group")
    return found


def _dataset(above: h5py.Group, name: str) -> h5py.Dataset:
    """An array that lies in this very file as plain floats."""
    import h5py

    found = _own(above, name)
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise KerasError(f"{name} is no array of this file")
    if found.dtype.kind != "f" or found.ndim > 5:
        raise KerasError(f"{name} holds no numbers of a layer")
    return found


def _own(above: h5py.Group, path: str) -> Any:  # noqa: ANN401, a group or an array
    """What lies below a group in the same file: links to other places are not followed."""
    import h5py

    found = above
    for name in path.split("/"):
        if not isinstance(found, h5py.Group) or name not in found:
            raise KerasError(f"it has no {path}")
        if not isinstance(found.get(name, getlink=True), h5py.HardLink):
            raise KerasError(f"{path} points to another place")
        found = found[name]
    return found


def _tensor(name: str, array: h5py.Dataset) -> Tensor:
    values = np.asarray(array[()], np.float32)
    if values.ndim == len(TURNED):
        values = values.transpose(TURNED)
    return torch.from_numpy(np.ascontiguousarray(values))
