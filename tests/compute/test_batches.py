"""Pictures go through a network some at a time, and fewer at a time where memory runs out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from retalk_nodes.retalk_core.compute.batches import device_of, in_batches, lacks_memory
from torch import Tensor, nn


def counting(most: int = 1000) -> tuple[Callable[[slice], Tensor], list[tuple[int, int]]]:
    """What gives each picture's number and notes each batch, in a memory that holds `most` pictures."""
    asked: list[tuple[int, int]] = []

    def run(rows: slice) -> Tensor:
        asked.append((rows.start, rows.stop))
        if rows.stop - rows.start > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GB")
        return torch.arange(rows.start, rows.stop)

    return run, asked


@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_results_are_joined_in_order_and_progress_is_told(batch_size: int) -> None:
    run, asked = counting()
    told: list[tuple[int, int | None]] = []

    joined = in_batches(run, 10, batch_size, lambda done, total: told.append((done, total)))

    assert torch.equal(joined, torch.arange(10))
    assert told == [(stop, 10) for _, stop in asked]
    assert max(stop - start for start, stop in asked) == min(batch_size, 10)


def test_where_memory_runs_out_a_batch_is_halved_and_stays_so() -> None:
    run, asked = counting(most=3)

    assert torch.equal(in_batches(run, 10, 8), torch.arange(10))
    assert asked == [(0, 8), (0, 4), (0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]


def test_where_one_picture_is_too_much_the_lack_of_memory_is_told() -> None:
    run, asked = counting(most=0)

    with pytest.raises(RuntimeError, match="out of memory"):
        in_batches(run, 4, 4)
    assert asked[-1] == (0, 1)


def test_other_errors_are_not_tried_again() -> None:
    asked = []

    def run(rows: slice) -> Tensor:
        asked.append(rows)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        in_batches(run, 4, 4)
    assert len(asked) == 1


@pytest.mark.parametrize(("count", "batch_size"), [(0, 4), (4, 0), (-1, 4)])
def test_nothing_to_do_is_a_mistake(count: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        in_batches(counting()[0], count, batch_size)


def test_no_gradient_is_kept() -> None:
    weight = nn.Parameter(torch.ones(1))
    assert not in_batches(lambda rows: weight * torch.ones(rows.stop - rows.start), 4, 2).requires_grad


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (torch.cuda.OutOfMemoryError("anything"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("not enough memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_the_lack_of_memory_is_told_from_other_errors(error: Exception, lacks: bool) -> None:
    assert lacks_memory(error) == lacks


def test_a_network_computes_where_its_weights_are_or_on_the_cpu() -> None:
    assert device_of(nn.Linear(1, 1, device="meta")).type == "meta"
    assert device_of(nn.ReLU()).type == "cpu"
