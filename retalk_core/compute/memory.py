"""How much memory there is and is free, and how many pictures at a time to compute."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...models.catalog import catalog
from ...models.network import Cost

if TYPE_CHECKING:
    import torch

MB = 1_000_000
UNKNOWN = 2_000 * MB  # assumed where a device doesn't say what it has: less than nearly every one has
SHARE = 0.5  # of what is free may go into computing: frames, encoders and other programs need theirs
BATCH_SHARE = 0.25  # of all there is may go into one batch: weights, frames and other programs need theirs
FREED_FRAMES = 250  # after which memory goes back to the system
ROOT = Path("/")
_T = TypeVar("_T")


def free_memory(device: torch.device) -> int:
    """Bytes that this process may still take on a device.

    CPU:    what the system could hand out, less where a control group (a container) allows less
    CUDA:   what the driver has, and what torch holds of it without using it
    MPS:    half of the CPU's, with which it shares its memory
    others: UNKNOWN, since they don't say
    """
    if device.type == "cpu":
        return free_on_cpu()
    if device.type == "cuda":
        import torch  # here: who only asks for the CPU's memory doesn't wait for it

        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free_on_cpu() // 2 if device.type == "mps" else UNKNOWN


def total_memory(device: torch.device) -> int:
    """Bytes that a device has, whatever is in use of them: the same in every run on one machine.

    CPU:    the system's memory, less where a control group (a container) allows less
    CUDA:   the card's memory
    MPS:    half of the CPU's, with which it shares its memory
    others: UNKNOWN, since they don't say
    """
    if device.type == "cpu":
        return _all_on_cpu()
    if device.type == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    return _all_on_cpu() // 2 if device.type == "mps" else UNKNOWN


def return_freed() -> None:
    """Return to the system what was freed, where the C library (glibc) would keep it for later."""
    with suppress(OSError, AttributeError, TypeError):  # no such library, or function, or naming
        ctypes.CDLL(None).malloc_trim(0)


def tidied(frames: Iterable[_T]) -> Iterator[_T]:
    """The same frames; now and then what the work on them freed is returned to the system.

    Several threads take and free memory while a long clip passes, and the C library would keep more and more
    of it in pieces.
    """
    for count, frame in enumerate(frames, start=1):
        yield frame
        if count % FREED_FRAMES == 0:
            return_freed()


# The CPU's


def free_on_cpu(root: Path = ROOT) -> int:
    """Bytes that this process may still take of the system's memory."""
    return max(min([_free_in_system(root), *(group.left for group in _limited_groups(root))]), 0)


def _all_on_cpu(root: Path = ROOT) -> int:
    return min([_all_in_system(root), *(group.limit for group in _limited_groups(root))])


def _all_in_system(root: Path) -> int:
    with suppress(AttributeError, ValueError, OSError):  # Windows has no such name
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(ImportError):
        import psutil

        return int(psutil.virtual_memory().total)
    return UNKNOWN


def _free_in_system(root: Path) -> int:
    """What all programs together could still take, by the first source that this system has."""
    with suppress(ImportError):
        import psutil  # ComfyUI brings it

        return int(psutil.virtual_memory().available)
    with suppress(OSError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return UNKNOWN


@dataclass(frozen=True)
class _Groups:
    """The files in which one version of Linux's control groups keeps a limit."""

    folder: str
    limit: str
    used: str
    cache: str  # in memory.stat: file pages that would be given up before anything else


_FIRST = _Groups(
    "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
)
_SECOND = _Groups("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


@dataclass(frozen=True)
class _Group:
    """One limited control group."""

    limit: int  # bytes
    left: int  # bytes that it doesn't use


def _limited_groups(root: Path) -> Iterator[_Group]:
    """The control groups around this process that have a limit."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                yield from _upwards(root, _FIRST, path)
            elif not controllers:
                yield from _upwards(root, _SECOND, path)


def _upwards(root: Path, files: _Groups, path: str) -> Iterator[_Group]:
    """A group and those around it; inside a container only some of them can be seen."""
    top = root / files.folder
    group = top / path.lstrip("/")
    for folder in (group, *group.parents):
        with suppress(OSError, ValueError):  # no such file, or the limit reads "max"
            limit, used = (int((folder / name).read_text()) for name in (files.limit, files.used))
            yield _Group(limit, limit - used + _cached(folder / "memory.stat", files.cache))
        if folder == top:
            return


def _cached(statistics: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in statistics.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


# What networks need


COSTS = {key: place.cost for key, place in catalog.items() if place.cost}  # by place in the catalogue
ON_ACCELERATORS = 4  # times as many pictures before a batch gains nothing more: assumed, not measured


def working_memory(key: str, pictures: int = 1) -> int:
    """Bytes that a network takes beyond its weights for so many pictures at a time; 0 if not known."""
    cost = COSTS.get(key, Cost(0, 0, 1))
    return (cost.once + cost.picture * pictures) * MB


def batch_size_for(key: str, memory: int, device: torch.device | None = None) -> int:
    """How many pictures at a time to give a network.

    key:     a place in the catalogue; ValueError where its cost isn't known
    memory:  bytes, from `total_memory`. Not what is free at the moment: in reduced precision pixels depend on
             the batch by a few levels, and the same work must give the same pixels
    device:  where it computes; None: the CPU. In half precision a batch takes less than is reckoned here
    returns: at least 1; at most what was measured to be faster than less
    """
    if key not in COSTS:
        raise ValueError(f"what {key} costs is not known; known are {', '.join(COSTS)}")
    cost = COSTS[key]
    most = cost.most if device is None or device.type == "cpu" else cost.most * ON_ACCELERATORS
    room = int(memory * BATCH_SHARE) // MB - cost.once
    return min(max(room // cost.picture, 1), most)
