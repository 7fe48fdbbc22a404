"""Networks for an engine's stages: each with the number of pictures it may see, its seconds noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import nn

from ..compute.batches import device_of
from ..compute.memory import batch_size_for, free_memory
from ..compute.provider import NetworkProvider

Timed = Callable[[str], AbstractContextManager[None]]  # notes the seconds spent in a stage


def untimed(stage: str) -> AbstractContextManager[None]:
    """Note nothing."""
    return nullcontext()


class Lender:
    """Lends networks by their key in the catalogue, for one stage at a time."""

    def __init__(
        self, networks: NetworkProvider, *, batch: int | None = None, timed: Timed = untimed
    ) -> None:
        """batch: pictures that a network sees at a time; None: as memory allows"""
        self._networks, self._batch, self.timed = networks, batch, timed

    @contextmanager
    def using(self, key: str, stage: str) -> Iterator[tuple[nn.Module, int]]:
        """A network for a stage, and how many pictures it may see at a time."""
        with self.timed(stage), self._networks.borrow(key) as network:
            device = device_of(network)
            yield network, self._batch or batch_size_for(key, free_memory(device), device)
