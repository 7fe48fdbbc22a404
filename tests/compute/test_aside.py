"""Long arrays may leave memory, and come back as they were."""

from __future__ import annotations

import gc
import mmap
import os
import re
import tempfile
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.compute import aside
from retalk_nodes.retalk_core.compute.aside import (
    LEAST,
    ROWS_AT_HAND,
    Rows,
    change_in_parts,
    long_array,
    put_aside,
)

LARGE = (LEAST // 4, 1)
needs_a_file = pytest.mark.skipif(
    not hasattr(os, "posix_fallocate") or not hasattr(mmap, "MADV_DONTNEED"), reason="not on this system"
)


def resident() -> float:
    """MB of this process that are in memory."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux tells what is in memory")
    return int(re.findall(r"VmRSS:\s+(\d+)", status.read_text())[0]) / 1024


@needs_a_file
def test_an_array_that_was_put_aside_takes_no_memory_and_keeps_its_numbers() -> None:
    array = long_array(LARGE)
    assert not array.any()
    tensor = torch.from_numpy(array)
    array[:] = np.arange(LARGE[0], dtype=np.float32)[:, None]
    before = resident()
    put_aside(tensor.numpy())
    assert before - resident() > 0.9 * LEAST / 2**20
    np.testing.assert_array_equal(tensor[:, 0].numpy(), np.arange(LARGE[0], dtype=np.float32))


@pytest.mark.parametrize("count", [0, 3, LARGE[0]])
def test_parts_and_arrays_of_others_stay_as_they_are(count: int) -> None:
    array = long_array((count, 1))
    array[:] = 7
    other = np.full(9, 3.0, np.float32)
    for each in (array[1:], array, other):
        put_aside(each)
    assert (array == 7).all() and (other == 3).all()
    assert array.dtype == np.float32 and array.shape == (count, 1)


@needs_a_file
def test_a_forgotten_array_takes_its_file_along() -> None:
    array = long_array(LARGE)
    held = set(aside._pages)
    del array
    gc.collect()
    assert len(held - set(aside._pages)) == 1


def test_a_full_disk_leaves_the_array_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    array = long_array(LARGE)
    array[:] = 5
    put_aside(array)
    assert (array == 5).all()


# In parts


@pytest.mark.parametrize(
    "count", [1, ROWS_AT_HAND - 1, ROWS_AT_HAND + 1, ROWS_AT_HAND + 3, 2 * ROWS_AT_HAND, 2 * ROWS_AT_HAND + 1]
)
@pytest.mark.parametrize("reach", [0, 2])
def test_what_is_changed_in_parts_is_as_if_it_were_changed_at_once(count: int, reach: int) -> None:
    rng = np.random.default_rng(count)
    array = long_array((count + 5, 3))
    array[:] = rng.normal(size=array.shape)
    seen = []

    def change(rows: np.ndarray) -> None:
        seen.append(len(rows))
        before = np.pad(rows, ((reach, reach), (0, 0)), "reflect" if reach < len(rows) else "edge")
        rows[:] = np.mean([before[i : i + len(rows)] for i in range(2 * reach + 1)], axis=0)

    wanted = array.copy()
    change(wanted[2 : count + 2])
    change_in_parts(array, slice(2, count + 2), change, reach)
    np.testing.assert_array_equal(array, wanted)
    assert max(seen[1:]) <= ROWS_AT_HAND + 2 * reach


def test_rows_are_kept_as_they_are_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "ROWS_AT_HAND", 10)
    width = 1 + LEAST // (4 * 100)  # so that a block holds a hundred
    rows, given = Rows(), np.arange(width, dtype=np.float32)
    kept = [rows.keep(given + i) for i in range(250)]
    for i, each in enumerate(kept):
        np.testing.assert_array_equal(each, given + i)
    assert len({id(each.base) for each in kept[10:]}) == 3
