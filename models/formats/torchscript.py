"""Read the tensors of a TorchScript program without running it, or anything in it.

Such a file is a zip: a pickle that describes objects, raw numbers beside it, and code. The pickle is read by
an unpickler that knows five names; the code is never opened.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

MOST_DESCRIBED = 32 << 20  # bytes of the pickle; the largest known program has a hundredth of that
MOST_TENSORS = 20_000
DEEPEST = 64  # modules within modules
KINDS = {  # what a program calls numbers
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class ProgramError(Exception):
    """A program can't be read: it names what weights never need, or its parts don't fit together."""


@dataclass(frozen=True)
class _Stored:
    """Numbers that lie in the zip."""

    member: str
    kind: torch.dtype
    count: int


@dataclass(frozen=True)
class _Described:
    """A tensor as the pickle has it, not read yet."""

    stored: _Stored
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_program(path: Path) -> dict[str, Tensor]:
    """Every tensor of a program under the name that its network's state dict has.

    raises: ProgramError, zipfile.BadZipFile, OSError
    """
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        described = [name for name in sizes if name.rpartition("/")[2] == "data.pkl"]
        if len(described) != 1 or sizes[described[0]] > MOST_DESCRIBED:
            raise ProgramError("its description is missing or far too large")
        root = described[0].rpartition("/")[0]
        with archive.open(described[0]) as file:
            module = _describe(file, f"{root}/data/" if root else "data/")
        found = dict(_walk(module))
        numbers: dict[str, Tensor] = {}
        return {name: _tensor(each, archive, sizes, numbers) for name, each in found.items()}


def _describe(file: Any, folder: str) -> object:  # noqa: ANN401, whatever zipfile opens
    """The tree of modules in a pickle, its tensors as `_Described`."""
    names = _known_names()

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
            if module == "__torch__" or module.startswith("__torch__."):
                return names["module"]
            if module == "torch" and name in KINDS:
                return type(name, (), {"kind": KINDS[name]})
            try:
                return names[f"{module}.{name}"]
            except KeyError:
                raise ProgramError(f"it names {module}.{name}") from None

        def persistent_load(self, pid: Any) -> _Stored:  # noqa: ANN401, as the pickle has it
            fits = isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage"
            if not fits or not isinstance(pid[2], str) or not isinstance(pid[4], int):
                raise ProgramError("a tensor's numbers are not named as PyTorch names them")
            return _Stored(folder + pid[2], pid[1].kind, pid[4])

    try:
        return Reader(file).load()
    except ProgramError:
        raise
    except Exception as error:  # a pickle can make its reader stumble in any way
        raise ProgramError(f"its description can't be read ({type(error).__name__})") from None


def _known_names() -> dict[str, Callable[..., Any] | type]:
    """What a pickle may name; made anew for each file, so that none can change it for the next."""

    class Module:
        parts: dict[str, Any]

        def __setstate__(self, state: object) -> None:
            if not isinstance(state, Mapping):
                raise ProgramError("a module of it holds no names")
            self.parts = {str(key): value for key, value in state.items()}

        def __new__(cls, *_: object) -> Any:  # noqa: ANN401
            made = super().__new__(cls)
            made.parts = {}
            return made

    class Named(dict):
        pass

    def rebuild(stored: object, offset: int, size: Any, stride: Any, *_: object) -> _Described:  # noqa: ANN401
        numbers = (offset, *size, *stride)
        if not isinstance(stored, _Stored) or not all(type(n) is int and n >= 0 for n in numbers):
            raise ProgramError("a tensor has no proper shape")
        if len(size) != len(stride):
            raise ProgramError("a tensor has no proper shape")
        return _Described(stored, offset, tuple(size), tuple(stride))

    def same(value: object, *_: object) -> object:
        return value

    return {
        "module": Module,
        "collections.OrderedDict": Named,
        "torch._utils._rebuild_tensor_v2": rebuild,
        "torch._utils._rebuild_parameter": same,
        **{f"torch.jit._pickle.build_{kind}list": same for kind in ("int", "tensor", "double", "bool")},
    }


def _walk(module: object) -> Iterator[tuple[str, _Described]]:
    """Tensors in a tree of modules with their names, joined by dots."""
    waiting: list[tuple[str, object, int]] = [("", module, 0)]
    count = 0
    while waiting:
        name, part, depth = waiting.pop()
        if isinstance(part, _Described):
            yield name, part
        count += 1
        if count > MOST_TENSORS or depth > DEEPEST:
            raise ProgramError("it holds more parts than a network has")
        inner = getattr(part, "parts", None)
        if isinstance(inner, dict):
            waiting += [(f"{name}.{key}".lstrip("."), value, depth + 1) for key, value in inner.items()]


def _tensor(
    described: _Described, archive: zipfile.ZipFile, sizes: Mapping[str, int], read: dict[str, Tensor]
) -> Tensor:
    stored = described.stored
    bytes_each = torch.empty(0, dtype=stored.kind).element_size()
    if sizes.get(stored.member) != stored.count * bytes_each:
        raise ProgramError("numbers of a tensor are missing or cut short")
    last = described.offset + sum(
        (n - 1) * step for n, step in zip(described.size, described.stride, strict=True)
    )
    if 0 not in described.size and last >= stored.count:
        raise ProgramError("a tensor reaches beyond its numbers")
    if stored.member not in read:
        # A copy: what zipfile gives can't be written to. An empty one can't be made from nothing.
        taken = bytearray(archive.read(stored.member))
        empty = torch.empty(0, dtype=stored.kind)
        read[stored.member] = torch.frombuffer(taken, dtype=stored.kind) if taken else empty
    numbers = read[stored.member]
    return torch.as_strided(numbers, described.size, described.stride, described.offset).clone()
