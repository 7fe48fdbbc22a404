"""Files elsewhere, by addresses such as s3://bucket/clip.mp4: fetched before a dub, stored behind it.

fsspec knows how; it and what it needs for a kind of address come with the extra `remote`, or by themselves.
"""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, in_a_line
from ..unfinished import UNFINISHED

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://?(?=[^/])")  # two letters at least: C: is a drive
# Stores in which a file appears when it is whole, and where renaming would copy it
WHOLE_AT_ONCE = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "http", "https")


def is_address(name: str) -> bool:
    """Whether a name is an address, no path."""
    return ADDRESS.match(name) is not None


def as_address(name: str) -> str:
    """An address as it is written: what a path has made of it, s3:/bucket, is put right."""
    found = ADDRESS.match(name)
    return name if found is None else f"{found[1]}://{name[found.end() :]}"


@functools.cache
def check_kind(kind: str) -> None:
    """Raise InputError where nothing here knows a kind of address, such as s3."""
    fsspec = _fsspec(kind)
    try:
        fsspec.get_filesystem_class(kind)
    except ValueError:
        raise InputError(
            f"{kind}:// is no kind of address that fsspec knows: use s3, gs, or a path."
        ) from None
    except ImportError as error:
        raise InputError(f"{kind}:// needs more than is installed here: {error}.") from None


def kind_of(address: str) -> str:
    """What stands before the colon."""
    found = ADDRESS.match(address)
    if found is None:
        raise ValueError(f"{address} is no address")
    return found[1].lower()


def is_stored(address: str) -> bool:
    """Whether there is something at an address. Raises InputError."""
    with _told(address, "looked for"):
        return bool(_system(address).exists(address))


def fetch_file(address: str, folder: Path) -> Path:
    """Copy a file into a folder, under its own name. Raises InputError."""
    # Two files of a job may have one name.
    place = folder / hashlib.sha256(address.encode()).hexdigest()[:8]
    place.mkdir(exist_ok=True)
    target = place / (PurePosixPath(address.partition("://")[2]).name or "file")
    with _told(address, "fetched"):
        _system(address).get_file(address, str(target))
    return target


def store_at(path: Path, address: str) -> None:
    """Copy a file to an address, where it appears whole or not at all. Raises InputError."""
    with _told(address, "stored"):
        system = _system(address)
        if kind_of(address) in WHOLE_AT_ONCE:
            system.put_file(str(path), address)
            return
        folder, _, name = address.rpartition("/")
        system.makedirs(folder, exist_ok=True)
        part = f"{folder}/{UNFINISHED}{secrets.token_hex(6)}{PurePosixPath(name).suffix}"
        try:
            system.put_file(str(path), part)
            system.mv(part, address)
        except BaseException:
            if system.exists(part):
                system.rm_file(part)
            raise


def _system(address: str) -> Any:  # noqa: ANN401 - fsspec has no types
    kind = kind_of(address)
    check_kind(kind)
    return _fsspec(kind).filesystem(kind)


def _fsspec(kind: str) -> Any:  # noqa: ANN401
    try:
        import fsspec
    except ImportError:
        raise InputError(f"{kind}:// needs the package fsspec: `pip install fsspec`.") from None
    return fsspec


class _told:  # noqa: N801 - reads as a function
    """Says in a sentence what went wrong with an address."""

    def __init__(self, address: str, what: str) -> None:
        self._address, self._what = address, what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, InputError) or not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise InputError(f"There is nothing at {self._address}.") from error
        raise InputError(f"{self._address} can't be {self._what} ({in_a_line(error)}).") from error
