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
from retalk_nodes.retalk_core.compute.aside import LEAST, long_array, put_aside

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
