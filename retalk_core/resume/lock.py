"""Lets one process at a time work in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def locked(path: Path, otherwise: str) -> Iterator[None]:
    """Keep others out for as long as the block lasts. A disk that has no locks lets everybody in.

    path:      of the lock's own file, which is made and stays
    otherwise: the sentence of the InputError that is raised where another process has it
    """
    with ExitStack() as stack:
        with suppress(OSError):
            lock = take_lock(path)
            if lock is None:
                raise InputError(otherwise)
            stack.callback(os.close, lock)
        yield


def take_lock(path: Path) -> int | None:
    """Lock a file for this process and give its descriptor, None where another has it. Raises OSError.

    The system unlocks what a process held when it ends, so no lock outlives its owner.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if not _is_lockable(lock):
            os.close(lock)
            return None
        if os.fstat(lock).st_ino != path.stat().st_ino:  # removed before it was locked, and made anew
            raise FileNotFoundError(path)
    except OSError:
        os.close(lock)
        raise
    return lock


def _is_lockable(lock: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
