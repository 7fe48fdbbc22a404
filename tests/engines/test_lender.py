"""How many pictures a network sees follows the machine, not the moment, and is noted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from retalk_nodes.retalk_core.compute import memory
from retalk_nodes.retalk_core.compute.batches import in_batches
from retalk_nodes.retalk_core.engines.lender import Batches, Lender
from torch import Tensor, nn


class Networks:
    """Lends a network without weights."""

    @contextmanager
    def borrow(self, key: str) -> Iterator[nn.Module]:
        yield nn.Identity()


def test_a_batch_is_the_same_however_much_memory_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = set()
    for free in (0, 10**8, 10**9, 10**10, 10**12):
        monkeypatch.setattr(memory, "_free_in_system", lambda root, free=free: free)
        with Lender(Networks()).using("gpen", "restore") as (_, size):  # type: ignore[arg-type]
            sizes.add(size)
    assert len(sizes) == 1


def test_what_was_chosen_is_noted() -> None:
    noted = Batches()
    lender = Lender(Networks(), batch=3, batches=noted)  # type: ignore[arg-type]
    with lender.using("lnet", "sync"), lender.using("enet", "enhance"):
        pass
    assert noted.chosen == {"lnet": 3, "enet": 3}
    assert noted.fewest == {}


def test_batches_that_memory_made_smaller_are_noted() -> None:
    def draw(pictures: slice) -> Tensor:
        if pictures.stop - pictures.start > 2:
            raise MemoryError
        return torch.zeros(pictures.stop - pictures.start)

    noted = Batches()
    with Lender(Networks(), batch=8, batches=noted).using("lnet", "sync") as (_, size):  # type: ignore[arg-type]
        assert len(in_batches(draw, 8, size)) == 8
    assert noted.fewest == {"lnet": 2}
    assert len(in_batches(draw, 8, 8)) == 8  # outside the block nobody is told
    assert noted.fewest == {"lnet": 2}
