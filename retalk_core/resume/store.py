"""Remembers how far a dub came, so that one that was stopped goes on instead of beginning again.

A work folder holds one store for each dub: a folder named by the dub's key. Only folders with a store's
marker, and in them only a store's own files, are ever removed.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from ..crops.patch import Patch
from ..errors import InputError, OptionError
from ..files import write_file, written_whole
from ..unfinished import UNFINISHED
from .files import read_arrays, read_patches, write_arrays, write_patches
from .lock import take_lock

LIMIT = 20_000_000_000  # bytes, of all stores in a folder together
MARKER, LOCK = "retalk_job.json", "lock"
OURS = re.compile(rf"chunk_\d{{6,}}\.zip|state_\w+\.npz|{re.escape(UNFINISHED)}\w+\.(?:zip|npz|json)")
KEY = re.compile(r"[0-9a-f]{32}")
GB = 1e9


# Working on one


class Store:
    """One dub's store in a work folder: finished chunks of the result, and what the first pass found.

    Reading needs nothing. Writing needs the store to be open, in this process and in no other.
    """

    def __init__(self, folder: Path, key: str, limit: int = LIMIT) -> None:
        """Name a store; nothing is touched yet.

        folder: the work folder; made when the store is opened
        key:    from `key.store_key`
        limit:  bytes that all stores in the folder may take together
        """
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a store")
        self.folder = folder
        self.key = key
        self.path = folder / key
        self._limit = limit
        self._open = False

    @contextmanager
    def open(self) -> Iterator[Store]:
        """Keep the store for this process while it works on it. Raises OptionError where another one does.

        A process that ended, however it did, keeps nothing.
        """
        lock = self._claimed()
        self._open = True
        try:
            with suppress(OSError):  # what a process that was killed left half written
                _sweep(self.path, only=UNFINISHED)
            self._mark()
            yield self
        finally:
            self._open = False
            os.close(lock)

    def read(self, chunk: int) -> list[Patch | None] | None:
        """The edits of a chunk, one for each output frame; None where it is not finished."""
        return read_patches(self._chunk(chunk), self._owner(chunk))

    def write(self, chunk: int, patches: Sequence[Patch | None]) -> None:
        """Store a chunk, whole or not at all. Raises OptionError at the limit, InputError for a full disk."""
        with self._written(self._chunk(chunk)) as path:
            write_patches(path, self._owner(chunk), patches)

    def read_state(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays that were stored under a name; None where there are none."""
        return read_arrays(self._state(name), self._owner(name))

    def write_state(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store arrays under a name of letters, digits and underscores. Raises as `write` does."""
        with self._written(self._state(name)) as path:
            write_arrays(path, self._owner(name), arrays)

    def _chunk(self, chunk: int) -> Path:
        return self.path / f"chunk_{chunk:06}.zip"

    def _state(self, name: str) -> Path:
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ValueError(f"{name!r} is no name of a state")
        return self.path / f"state_{name}.npz"

    def _owner(self, part: int | str) -> str:
        return f"{self.key}/{part}"

    @contextmanager
    def _written(self, path: Path) -> Iterator[Path]:
        if not self._open:
            raise ValueError("a store must be open to be written to")
        with written_whole(path) as temporary:
            yield temporary
            self._make_room()
        self._mark()

    def _claimed(self) -> int:
        """Make the store's folder and lock it; returns the lock's file descriptor."""
        try:
            for _ in range(10):  # another process may be removing the folder right now
                self.path.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    return self._locked()
        except OSError as error:
            raise InputError(
                f"The work folder {self.folder} can't be used ({error.strerror}). Choose another one."
            ) from error
        raise InputError(f"The work folder {self.folder} is being cleared. Try again.")

    def _locked(self) -> int:
        foreign = [path.name for path in self.path.iterdir() if not _is_ours(path.name)]
        if foreign and not _is_store(self.path):
            raise InputError(f"{self.path} holds {foreign[0]}, which is no work of ours. Move it away.")
        lock = take_lock(self.path / LOCK)
        if lock is None:
            raise OptionError(
                f"Another process is working on the same dub, in {self.path}. Wait for it, or stop it."
            )
        return lock

    def _mark(self) -> None:
        """Say that this is a store, and that it was used just now."""
        marker = self.path / MARKER
        if not _is_store(self.path):
            write_file(marker, json.dumps({"made_by": "retalk", "key": self.key}).encode())
        with suppress(OSError):
            os.utime(marker)

    def _make_room(self) -> None:
        """Remove what was not used for longest until all fits; what is being written is there already."""
        stored = list_work(self.folder)
        total = sum(kept.size for kept in stored)
        own = sum(kept.size for kept in stored if kept.key == self.key)
        if own > self._limit:
            raise OptionError(
                f"This dub alone needs more than the {self._limit / GB:g} GB that work files in "
                f"{self.folder} may take. Allow more, or dub a shorter part at a time."
            )
        for kept in stored:
            if total > self._limit and kept.key != self.key and _remove(kept.path):
                total -= kept.size
        if total > self._limit:
            raise OptionError(
                f"The work files of dubs that are running fill the {self._limit / GB:g} GB that those in "
                f"{self.folder} may take. Allow more, choose another folder, or wait for the others."
            )


# All of them


@dataclass(frozen=True)
class StoredWork:
    """What a work folder keeps of one dub."""

    key: str
    path: Path
    size: int  # bytes
    chunks: int
    used: float  # seconds since 1970, when it was last written to or opened


def list_work(folder: Path) -> list[StoredWork]:
    """Every store in a work folder, the one that was not used for longest first."""
    try:
        paths = [path for path in folder.iterdir() if _is_store(path)]
    except OSError:
        return []
    found = []
    for path in paths:
        with suppress(OSError):  # it is being removed
            found.append(_stored(path))
    return sorted(found, key=lambda kept: (kept.used, kept.key))


def clear_work(folder: Path, older_than: timedelta | None = None) -> list[StoredWork]:
    """Remove the stores in a work folder that no process is working on.

    older_than: only those that were not used for so long; None: all
    returns:    what was removed
    """
    before = time.time() - (older_than.total_seconds() if older_than is not None else 0)
    return [
        kept
        for kept in list_work(folder)
        if (older_than is None or kept.used < before) and _remove(kept.path)
    ]


def _stored(path: Path) -> StoredWork:
    with os.scandir(path) as entries:
        sizes = {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries}
    chunks = sum(name.startswith("chunk_") for name in sizes)
    return StoredWork(path.name, path, sum(sizes.values()), chunks, (path / MARKER).stat().st_mtime)


def _is_store(path: Path) -> bool:
    """Whether a folder is a store, by its marker. A link to one is none: it leads out of the work folder."""
    if path.is_symlink() or not KEY.fullmatch(path.name):
        return False
    try:
        marker = json.loads((path / MARKER).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return marker == {"made_by": "retalk", "key": path.name}


def _is_ours(name: str) -> bool:
    return name in (MARKER, LOCK) or OURS.fullmatch(name) is not None


def _remove(path: Path) -> bool:
    """Remove a store unless a process works on it; False where it stays."""
    try:
        lock = take_lock(path / LOCK)
    except OSError:
        return False
    return lock is not None and _remove_locked(path, lock)


def _remove_locked(path: Path, lock: int) -> bool:
    """Remove a store's own files and its folder, which stays where something else is in it; unlocks it."""
    try:
        _sweep(path)
        (path / MARKER).unlink(missing_ok=True)
    except OSError:
        os.close(lock)
        return False
    with suppress(OSError):  # while it is held, so that nobody can hold what isn't there any more
        (path / LOCK).unlink()
    os.close(lock)
    with suppress(OSError):
        if os.name == "nt":  # an open file can't be removed there
            (path / LOCK).unlink()
        path.rmdir()
    return True


def _sweep(path: Path, only: str = "") -> None:
    """Remove a store's chunks and states, or those of its files whose names begin with something."""
    for file in path.iterdir():
        if OURS.fullmatch(file.name) and file.name.startswith(only):
            file.unlink(missing_ok=True)
