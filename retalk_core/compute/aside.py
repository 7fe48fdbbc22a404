"""Arrays of long clips: their pages may leave memory for the disk, and come back when they are looked at."""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
import weakref
from contextlib import suppress

import numpy as np

LEAST = 32 << 20  # bytes; smaller arrays stay in memory

_pages: dict[int, weakref.ref[mmap.mmap]] = {}  # by the address of the array that lies in them


def long_array(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros in fp32. A large array lies in a file without a name, where there is a disk with room for it."""
    size = 4 * math.prod(shape)
    if size >= LEAST:
        with suppress(OSError):
            return _on_disk(shape, size)
    return np.zeros(shape, np.float32)


def put_aside(array: np.ndarray) -> None:
    """Let the memory of a whole array from `long_array` go until it is looked at again; of others nothing."""
    found = _pages.get(array.ctypes.data)
    pages = found() if found is not None else None
    if pages is not None and sys.platform != "win32":
        pages.madvise(mmap.MADV_DONTNEED)


def _on_disk(shape: tuple[int, ...], size: int) -> np.ndarray:
    if not hasattr(os, "posix_fallocate") or not hasattr(mmap, "MADV_DONTNEED"):
        return np.zeros(shape, np.float32)
    with tempfile.TemporaryFile(prefix="retalk-") as file:
        os.posix_fallocate(file.fileno(), 0, size)  # later, a page without room would end the process
        pages = mmap.mmap(file.fileno(), size)
    array: np.ndarray = np.frombuffer(pages, np.float32).reshape(shape)
    address = array.ctypes.data
    _pages[address] = weakref.ref(pages, lambda gone: _forget(address, gone))
    return array


def _forget(address: int, gone: weakref.ref[mmap.mmap]) -> None:
    if _pages.get(address) is gone:  # another one may lie there already
        del _pages[address]
