"""Run a network over many pictures, some at a time, and over fewer at a time where memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from ...models.catalog import made_by
from ...models.errors import CheckpointError
from ..types import Progress, silent

_told: ContextVar[Callable[[int], None] | None] = ContextVar("told of smaller batches", default=None)


@contextmanager
def telling_of_smaller_batches(tell: Callable[[int], None]) -> Iterator[None]:
    """Tell of each batch inside the block that had to be made smaller, to how many pictures.

    In reduced precision pixels depend on the batch by a few levels, so that is worth knowing.
    """
    before = _told.set(tell)
    try:
        yield
    finally:
        _told.reset(before)


def in_batches(
    run: Callable[[slice], Tensor], count: int, batch_size: int, progress: Progress = silent
) -> Tensor:
    """Join what `run` gives for slices of `count` pictures.

    run:        computes the results (n, ...) of pictures [start, stop); it is called again with fewer where
                memory runs out, so it must not change anything
    batch_size: pictures at a time, at least 1; halved as often as memory asks for it
    progress:   told the pictures done, of `count`
    returns:    (count, ...)
    raises:     whatever `run` does; the lack of memory too where a single picture is too much
    """
    if count < 1 or batch_size < 1:
        raise ValueError(f"{count} pictures in batches of {batch_size}: both must be at least 1")
    parts: list[Tensor] = []
    done = 0
    while done < count:
        stop = min(done + batch_size, count)
        part = _unless_memory_lacks(run, slice(done, stop))
        if part is None:
            batch_size = max((stop - done) // 2, 1)
            tell = _told.get()
            if tell is not None:
                tell(batch_size)
            continue
        parts.append(part)
        done = stop
        progress(done, count)
    return torch.cat(parts)


def _unless_memory_lacks(run: Callable[[slice], Tensor], pictures: slice) -> Tensor | None:
    """The results, or None where fewer pictures might fit into memory."""
    try:
        with torch.no_grad():
            return run(pictures)
    except Exception as error:
        if pictures.stop - pictures.start == 1 or not lacks_memory(error):
            raise
    gc.collect()  # outside the handler: the error holds on to what the network had computed
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def only_numbers(drawn: Tensor, network: nn.Module) -> Tensor:
    """What a network made, of any shape, as it is. Raises CheckpointError where some of it is no number.

    To be asked before anything is clamped or compared: an infinite brightness would become white, and a mask
    of values that are no numbers empty.
    """
    if torch.isfinite(drawn).all():
        return drawn
    row = made_by(network)
    title = row.title if row else f"The network {type(network).__name__}"
    files = " or ".join(file.name for file in row.files) if row else "its file"
    raise CheckpointError(
        f"{title} gave values that are no numbers, so nothing can be drawn with it. Its file may be damaged: "
        f"download {files} again. Or its numbers were too large: choose another precision, such as fp32."
    )


def lacks_memory(error: Exception) -> bool:
    """Tell whether an error says that memory ran out, on any device."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "not enough memory", "can't allocate memory")
    )


def device_of(network: nn.Module) -> torch.device:
    """Where a network computes: with its first weight, or on the CPU if it has none."""
    first = next(network.parameters(), None)
    return torch.device("cpu") if first is None else first.device
