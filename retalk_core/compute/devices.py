"""On which device networks compute, and how exactly."""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from ...models.catalog import NETWORKS
from ...models.layers import InOrder, full_precision
from ..errors import OptionError
from .options import Precision

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
CPU = torch.device("cpu")
# Places in the catalogue whose networks answer with numbers, not pictures: always in fp32
MEASURING = frozenset(row.place_key for row in NETWORKS.values() if row.measures)

_threads_lock = threading.Lock()
_threads_users = 0
_threads_before = 1


def choose_device(wanted: str | torch.device) -> torch.device:
    """The device that is meant, with its number where there are several. Raises OptionError."""
    if wanted == "auto":
        kind = next((kind for kind in ("cuda", "xpu", "mps") if _count(kind)), "cpu")
        wanted = torch.device(kind)
    try:
        device = torch.device(wanted)
    except (RuntimeError, TypeError):
        raise OptionError(f"{wanted!r} is no device. Choose auto, {', '.join(_present())}.") from None
    count = _count(device.type)
    if count == 0 or (device.index or 0) >= count:
        raise OptionError(f"There is no device {device} here. Choose auto, {', '.join(_present())}.")
    if device.type == "cpu":
        return CPU
    return torch.device(device.type, device.index or 0)  # as tensors name it, so that both compare equal


def device_name(device: torch.device) -> str:
    """A device as people know it, such as CPU (x86_64) or NVIDIA GeForce RTX 3060 (cuda:0)."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    return f"CPU ({platform.machine()})" if device.type == "cpu" else str(device)


def choose_precision(wanted: Precision, device: torch.device) -> str:
    """The precision that is meant, one that the device has. Raises OptionError.

    On CUDA `auto` is fp16: its 11 bits keep 50 (L-Net), 75 (GPEN) and 80 dB (E-Net) of the picture in fp32,
    while in bf16's 8 bits L-Net would have to compute in fp32 anyway. A CPU that multiplies in bf16 takes
    0.5 (E-Net) to 0.75 (GPEN) of fp32's time for a picture of 48 dB (GFPGAN) or more, so there it is bf16.
    Devices where nothing was measured compute in fp32. See benchmarks/README.md.
    """
    if wanted == "auto":
        if device.type == "cuda" and _is_made_for_fp16(device):
            return "fp16"
        return "bf16" if device.type == "cpu" and _is_made_for_bf16() else "fp32"
    if wanted == "fp16" and device.type == "cpu":
        raise OptionError("A CPU takes ten times as long in fp16. Choose bf16 or fp32, or auto.")
    if wanted != "fp32":
        try:
            with ExitStack() as stack:
                stack.enter_context(torch.autocast(device.type, DTYPES[wanted]))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise OptionError(
                f"{device_name(device)} has no {wanted} ({error}). Choose fp32, or auto."
            ) from None
    return wanted


@contextmanager
def arithmetic(device: torch.device, precision: str) -> Iterator[None]:
    """Compute on a device in fp32, bf16 or fp16, and as it was meant where the device has its own ways."""
    with ExitStack() as stack:
        if device.type == "mps":
            stack.enter_context(InOrder())
        if precision == "fp32":
            stack.enter_context(full_precision(device))
        else:
            stack.enter_context(torch.autocast(device.type, DTYPES[precision]))
        yield


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let torch use this many CPU threads for a while, then as many as before.

    These networks take a few milliseconds: sharing that out costs more than it gains. The number belongs to
    the whole process, so it is put back whatever happens, and spans that overlap in several threads leave
    what the first of them found.
    """
    global _threads_users, _threads_before
    with _threads_lock:
        if _threads_users == 0:
            _threads_before = torch.get_num_threads()
        _threads_users += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _threads_lock:
            _threads_users -= 1
            torch.set_num_threads(_threads_before)


def _count(kind: str) -> int:
    """How many devices of a kind torch can use here."""
    if kind == "cpu":
        return 1
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    backend: Any = getattr(torch, kind, None)  # torch.xpu is not in every release
    if not hasattr(backend, "is_available") or not hasattr(backend, "device_count"):
        return 0
    return int(backend.device_count()) if backend.is_available() else 0


def _present() -> list[str]:
    return [kind for kind in ("cpu", "cuda", "xpu", "mps") if _count(kind)]


def _is_made_for_fp16(device: torch.device) -> bool:
    """Volta and later; not the 16 series, whose convolutions are known to give NaN in fp16."""
    return torch.cuda.get_device_capability(device) >= (7, 0) and (
        "GTX 16" not in torch.cuda.get_device_name(device)
    )


def _is_made_for_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies in bf16, all its cores do, and torch uses it; known on Linux only.

    Processors with AMX have these instructions too; others would only emulate them.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    with suppress(OSError):
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")]
        return bool(lines) and all("avx512_bf16" in line.split() for line in lines)
    return False
