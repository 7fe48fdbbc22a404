"""A name for all that a result depends on: the same content gives the same key, on any machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..files import sha256_of
from ..version import __version__
from .files import FORMAT


def store_key(parts: Mapping[str, object]) -> str:
    """Hash everything that a result depends on.

    parts:   by name, in any order: plain values, fractions, arrays and tensors, devices and types; paths,
             which count by what is in their files; mappings, sequences, sets and dataclasses of all these.
             This program's version is always part of it
    returns: 32 hexadecimal digits; InputError where a file can't be read, ValueError for other objects
    """
    return _digest({"version": __version__, "format": FORMAT, "parts": parts}).hex()[:32]


def _digest(value: object) -> bytes:
    """A hash of a value and of its kind: 1, 1.0, True and "1" all differ."""
    if isinstance(value, Path):
        return _sealed("file", [_file_digest(value)])
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.hasobject:
            raise ValueError("an array of Python objects has no content to hash")
        return _sealed(f"array {value.dtype.str} {value.shape}", [value.tobytes()])
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return _sealed(type(value).__name__, [_digest(named)])
    if isinstance(value, Mapping):
        return _sealed("mapping", sorted(_digest(key) + _digest(item) for key, item in value.items()))
    if isinstance(value, (set, frozenset)):
        return _sealed("set", sorted(map(_digest, value)))
    if isinstance(value, (list, tuple)):
        return _sealed("sequence", map(_digest, value))
    if isinstance(value, bytes):
        return _sealed("bytes", [value])
    if value is None or isinstance(value, (bool, int, float, str, Fraction, torch.device, torch.dtype)):
        return _sealed(type(value).__name__, [str(value).encode(errors="surrogatepass")])
    raise ValueError(f"a {type(value).__name__} has no content to hash")


def _sealed(kind: str, contents: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256(f"{kind}\0".encode())
    for content in contents:
        digest.update(content)
    return digest.digest()


def _file_digest(path: Path) -> bytes:
    try:
        return bytes.fromhex(sha256_of(path))
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}). Check the path.") from error
