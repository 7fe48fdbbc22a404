"""Networks for an engine's stages: each with the number of pictures it may see, its seconds noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from torch import nn

from ..compute.batches import device_of, telling_of_smaller_batches
from ..compute.memory import batch_size_for, total_memory
from ..compute.provider import NetworkProvider

Timed = Callable[[str], AbstractContextManager[None]]  # notes the seconds spent in a stage


def untimed(stage: str) -> AbstractContextManager[None]:
    """Note nothing."""
    return nullcontext()


@dataclass(frozen=True, eq=False)
class Batches:
    """How many pictures each network saw at a time, by its key in the catalogue."""

    chosen: dict[str, int] = field(default_factory=dict)
    fewest: dict[str, int] = field(default_factory=dict)  # where memory ran out and fewer had to do


class Lender:
    """Lends networks by their key in the catalogue, for one stage at a time."""

    def __init__(
        self,
        networks: NetworkProvider,
        *,
        batch: int | None = None,
        timed: Timed = untimed,
        batches: Batches | None = None,
    ) -> None:
        """Get ready.

        batch:   pictures that a network sees at a time; None: as many as suit this machine
        batches: where to note how many they were
        """
        self._networks, self._batch, self.timed = networks, batch, timed
        self._batches = Batches() if batches is None else batches

    @contextmanager
    def using(self, key: str, stage: str) -> Iterator[tuple[nn.Module, int]]:
        """A network for a stage, and how many pictures it may see at a time."""
        with self.timed(stage), self._networks.borrow(key) as network:
            device, noted = device_of(network), self._batches
            size = self._batch or batch_size_for(key, total_memory(device), device)
            noted.chosen[key] = size

            def note(fewer: int) -> None:
                noted.fewest[key] = min(fewer, noted.fewest.get(key, fewer))

            with telling_of_smaller_batches(note):
                yield network, size
