"""Networks for an engine's stages: each with the number of pictures it may see, its seconds noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
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
        with self.using_all([key], stage) as (networks, size):
            yield networks[key], size

    @contextmanager
    def using_all(self, keys: Iterable[str], stage: str) -> Iterator[tuple[dict[str, nn.Module], int]]:
        """Networks that compute together, by key, and how many pictures they may see at a time."""
        with self.timed(stage), ExitStack() as stack:
            networks = {key: stack.enter_context(self._networks.borrow(key)) for key in keys}
            size = min(self._size(key, network) for key, network in networks.items())
            noted = self._batches
            noted.chosen.update(dict.fromkeys(networks, size))

            def note(fewer: int) -> None:
                for key in networks:
                    noted.fewest[key] = min(fewer, noted.fewest.get(key, fewer))

            with telling_of_smaller_batches(note):
                yield networks, size

    def _size(self, key: str, network: nn.Module) -> int:
        """How many pictures suit a network on its device, or as many as were asked for."""
        device = device_of(network)
        return self._batch or batch_size_for(key, total_memory(device), device)
