"""On which device networks compute and how exactly, and how many threads they take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from retalk_nodes.retalk_core.compute import devices
from retalk_nodes.retalk_core.compute.devices import (
    CPU,
    arithmetic,
    choose_device,
    choose_precision,
    cpu_threads,
)
from retalk_nodes.retalk_core.errors import OptionError
from torch.overrides import TorchFunctionMode

# Threads


def test_thread_count_is_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()

    with pytest.raises(KeyError), cpu_threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError

    assert torch.get_num_threads() == before


def test_overlapping_spans_leave_the_thread_count_as_it_was() -> None:
    before = torch.get_num_threads()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with cpu_threads(1):
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    with cpu_threads(1):
        thread.start()
        inside.wait(5)
    leave.set()
    thread.join()

    assert torch.get_num_threads() == before


# Precision


@pytest.mark.parametrize("native", [True, False])
def test_left_to_itself_a_cpu_computes_in_what_it_is_made_for(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setattr(devices, "_is_made_for_bf16", lambda: native)
    assert choose_precision("auto", CPU) == ("bf16" if native else "fp32")


@pytest.mark.parametrize(
    ("capability", "cores", "native"),
    [
        ("AVX512", ["fpu avx512f avx512_bf16", "fpu avx512f avx512_bf16"], True),
        ("AVX512", ["fpu avx512f avx512_bf16", "fpu avx512f"], False),
        ("AVX512", ["fpu avx512f no_avx512_bf16x"], False),
        ("AVX2", ["fpu avx512f avx512_bf16"], False),
        ("AVX512", [], False),
    ],
)
def test_a_cpu_is_made_for_bf16_when_all_its_cores_and_torch_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capability: str, cores: list[str], native: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("".join(f"processor\t: 0\nflags\t\t: {flags}\n\n" for flags in cores))
    assert devices._is_made_for_bf16(cpuinfo) == native
    assert not devices._is_made_for_bf16(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "capability"), [("Card 1080", (6, 1)), ("NVIDIA GeForce GTX 1660 Ti", (7, 5))]
)
def test_cards_that_are_bad_at_fp16_compute_in_fp32(
    gpu: SimpleNamespace, name: str, capability: tuple[int, int]
) -> None:
    gpu.name, gpu.capability = name, capability
    device = choose_device("auto")
    assert choose_precision("auto", device) == "fp32"
    assert choose_precision("fp16", device) == "fp16"


def test_a_precision_that_a_device_lacks_is_refused(
    gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("does not support bfloat16")

    monkeypatch.setattr(torch, "autocast", refuse)
    with pytest.raises(OptionError, match=r"Card 4000 \(cuda:0\) has no bf16 .* Choose fp32"):
        choose_precision("bf16", choose_device("cuda"))


@pytest.mark.parametrize(("kind", "ordered"), [("mps", True), ("cuda", False), ("cpu", False)])
def test_on_mps_tensors_lie_in_plain_order(kind: str, ordered: bool) -> None:
    filters = torch.ones(2, 3, 3, 3).contiguous(memory_format=torch.channels_last)
    seen: list[bool] = []

    class Watch(TorchFunctionMode):
        def __torch_function__(
            self,
            function: Callable[..., object],
            types: object,
            args: tuple[Any, ...] = (),
            kwargs: Mapping[str, object] | None = None,
        ) -> object:
            if function is torch.conv2d:
                seen.append(args[1].is_contiguous())
            return function(*args, **(kwargs or {}))

    with Watch(), arithmetic(torch.device(kind), "fp32"):
        torch.conv2d(torch.ones(1, 3, 5, 5), filters)
    assert seen == [ordered]
