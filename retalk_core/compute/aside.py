"""Arrays of long clips: their pages may leave memory for the disk, and come back when they are looked at."""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

LEAST = 32 << 20  # bytes; smaller arrays stay in memory
ROWS_AT_HAND = 1000  # of a long array that are in memory together

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


def in_parts(array: np.ndarray, rows: slice) -> Iterator[slice]:
    """Parts of consecutive rows of a whole array, one after the other; what is done with is put aside."""
    for start in range(rows.start, rows.stop, ROWS_AT_HAND):
        yield slice(start, min(start + ROWS_AT_HAND, rows.stop))
        put_aside(array)


def change_in_parts(array: np.ndarray, rows: slice, change: Callable[[np.ndarray], None], reach: int) -> None:
    """Let a function change consecutive rows of a whole array in place, in parts where they are many.

    reach: rows on either side, as they were, that a row's change depends on
    """
    if rows.stop - rows.start <= ROWS_AT_HAND + reach:
        change(array[rows])
        return
    before = array[rows.start : rows.start].copy()  # what stood before a part, unchanged
    for part in in_parts(array, rows):
        work = np.concatenate([before, array[part.start : min(part.stop + reach, rows.stop)]])
        skipped = len(before)
        before = array[max(part.stop - reach, rows.start) : part.stop].copy()
        change(work)
        array[part] = work[skipped : skipped + part.stop - part.start]


class Rows:
    """Keeps arrays of one shape in long arrays: small ones that stay would be spread all over the memory."""

    def __init__(self) -> None:
        self._kept = 0
        self._block = np.zeros((0,), np.float32)
        self._used = 0

    def keep(self, array: np.ndarray) -> np.ndarray:
        """The same numbers, in fp32, where they don't stand in the way; the first few stay as they are."""
        self._kept += 1
        if self._kept <= ROWS_AT_HAND:
            return array
        if self._used == len(self._block):
            put_aside(self._block)
            count = -(-LEAST // (4 * array.size))
            self._block, self._used = long_array((count, *array.shape)), 0
        kept: np.ndarray = self._block[self._used]
        kept[:] = array
        self._used += 1
        return kept


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
