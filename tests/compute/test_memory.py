"""Free memory is what this process may still take; batches follow what the machine has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.retalk_core.compute import memory
from retalk_nodes.retalk_core.compute.memory import (
    COSTS,
    MB,
    UNKNOWN,
    batch_size_for,
    free_memory,
    total_memory,
    working_memory,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
GB = 1000 * MB


@pytest.fixture(autouse=True)
def without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing it fails, as where it isn't installed."""
    monkeypatch.setitem(sys.modules, "psutil", None)


def system(root: Path, *, available: int = 8 * GB, groups: str = "0::/\n") -> Path:
    """Write what a system says of itself; available in bytes, a multiple of 1024."""
    write(root, "proc/meminfo", f"MemTotal: 99 kB\nMemAvailable:   {available // 1024} kB\n")
    write(root, "proc/self/cgroup", groups)
    return root


def write(root: Path, name: str, content: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content)


# Free memory


def test_this_machine_has_some_memory_free() -> None:
    assert 10 * MB < free_memory(CPU) < 100_000 * GB


def test_it_is_what_the_kernel_says(tmp_path: Path) -> None:
    assert memory.free_on_cpu(system(tmp_path, available=1024 * 5000)) == 1024 * 5000


def test_psutil_is_asked_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Psutil:
        @staticmethod
        def virtual_memory() -> object:
            return type("Memory", (), {"available": 12345})

    monkeypatch.setitem(sys.modules, "psutil", Psutil)
    assert memory.free_on_cpu(system(tmp_path)) == 12345


def test_half_of_all_memory_counts_where_nothing_says_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__)
    assert memory.free_on_cpu(tmp_path) == 4096 * 500


def test_a_system_that_says_nothing_is_assumed_to_have_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.free_on_cpu(tmp_path) == UNKNOWN


def test_a_containers_limit_counts_less_what_it_used(tmp_path: Path) -> None:
    root = system(tmp_path)
    write(root, "sys/fs/cgroup/memory.max", f"{2 * GB}\n")
    write(root, "sys/fs/cgroup/memory.current", f"{GB}\n")
    assert memory.free_on_cpu(root) == GB
    write(root, "sys/fs/cgroup/memory.stat", f"active_file 7\ninactive_file {100 * MB}\n")
    assert memory.free_on_cpu(root) == GB + 100 * MB  # files that were read are forgotten first


def test_the_narrowest_group_around_counts(tmp_path: Path) -> None:
    root = system(tmp_path, groups="0::/user/me\n")
    for name, limit in (("user/me", "max"), ("user", 3 * GB)):
        write(root, f"sys/fs/cgroup/{name}/memory.max", f"{limit}\n")
        write(root, f"sys/fs/cgroup/{name}/memory.current", f"{GB}\n")
    assert memory.free_on_cpu(root) == 2 * GB


def test_the_first_version_of_control_groups_is_understood(tmp_path: Path) -> None:
    root = system(tmp_path, groups="5:cpu,cpuacct:/\n4:memory:/seen/from/outside/only\n")
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", f"{2 * GB}\n")
    write(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", f"{GB}\n")
    write(root, "sys/fs/cgroup/memory/memory.stat", f"inactive_file 5\ntotal_inactive_file {MB}\n")
    assert memory.free_on_cpu(root) == GB + MB


@pytest.mark.parametrize("limit", [2**63 - 4096, 100 * GB])
def test_a_wide_limit_changes_nothing(tmp_path: Path, limit: int) -> None:
    root = system(tmp_path, available=1024 * 5000)
    write(root, "sys/fs/cgroup/memory.max", f"{limit}\n")
    write(root, "sys/fs/cgroup/memory.current", "0\n")
    assert memory.free_on_cpu(root) == 1024 * 5000


def test_an_overdrawn_limit_leaves_nothing(tmp_path: Path) -> None:
    root = system(tmp_path)
    write(root, "sys/fs/cgroup/memory.max", f"{GB}\n")
    write(root, "sys/fs/cgroup/memory.current", f"{2 * GB}\n")
    assert memory.free_on_cpu(root) == 0


def test_what_torch_holds_unused_on_cuda_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    assert free_memory(CUDA) == 1300


def test_devices_that_do_not_say_are_reckoned_low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_on_cpu", lambda: 1000)
    assert free_memory(torch.device("mps")) == 500
    assert free_memory(torch.device("meta")) == UNKNOWN


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says what a process holds")
def test_freed_memory_is_returned() -> None:
    parts = [bytes(100_000) for _ in range(1000)]  # small enough for the C library to keep them
    for part in range(0, len(parts), 2):
        parts[part] = b""
    before = _held()
    memory.return_freed()
    assert _held() < before - 20 * MB


def _held() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


# All memory


def test_all_memory_is_more_than_what_is_free() -> None:
    assert free_memory(CPU) <= total_memory(CPU) < 100_000 * GB


def test_all_memory_is_the_same_whatever_is_in_use(tmp_path: Path) -> None:
    root = system(tmp_path, groups="0::/user\n")
    write(root, "sys/fs/cgroup/user/memory.max", f"{3 * MB}\n")
    for used in (0, MB, 3 * MB):
        write(root, "sys/fs/cgroup/user/memory.current", f"{used}\n")
        assert memory._all_on_cpu(root) == 3 * MB


def test_all_memory_of_a_card_is_the_drivers_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: type("Card", (), {"total_memory": 9000})
    )
    assert total_memory(CUDA) == 9000
    monkeypatch.setattr(memory, "_all_on_cpu", lambda: 1000)
    assert total_memory(torch.device("mps")) == 500
    assert total_memory(torch.device("meta")) == UNKNOWN


# Batches


@pytest.mark.parametrize("key", COSTS)
def test_a_batch_is_between_one_and_what_still_gains(key: str) -> None:
    assert key in catalog
    assert batch_size_for(key, 0) == 1
    assert batch_size_for(key, 1000 * GB) == COSTS[key].most
    assert batch_size_for(key, 1000 * GB, CUDA) > COSTS[key].most


@pytest.mark.parametrize("key", COSTS)
@pytest.mark.parametrize("there", [GB, 2 * GB, 4 * GB, 6 * GB, 16 * GB])
def test_a_batch_of_more_than_one_takes_a_quarter_of_the_memory_at_most(key: str, there: int) -> None:
    size = batch_size_for(key, there, CUDA)
    assert size == 1 or working_memory(key, size) <= there / 4
    assert size == 4 * COSTS[key].most or working_memory(key, size + 1) > there / 4


def test_costs_that_are_not_known_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="nonet"):
        batch_size_for("nonet", GB)
    assert working_memory("nonet") == 0


def test_frames_pass_unchanged_while_memory_goes_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    returned: list[int] = []
    passed: list[int] = []
    monkeypatch.setattr(memory, "return_freed", lambda: returned.append(len(passed)))
    for frame in memory.tidied(range(3 * memory.FREED_FRAMES + 7)):
        passed.append(frame)
    assert passed == list(range(3 * memory.FREED_FRAMES + 7))
    assert returned == [memory.FREED_FRAMES * times for times in (1, 2, 3)]
