"""Where a run computes: in one process, or in several that Accelerate joins.

Gradients are averaged in one piece once a step, not by a wrapper around each network: stages switch networks
on and off and rivals take turns, and such wrappers wait for every weight of every network.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ..compute.devices import choose_device
from ..errors import OptionError

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingEngine:
    """One process."""

    rank, world = 0, 1

    def __init__(self, device: str = "auto", precision: str = "fp32") -> None:
        """Raises OptionError for a device or a precision that isn't there."""
        if precision not in PRECISIONS:
            raise OptionError(f"precision is {precision!r}, but must be one of {', '.join(PRECISIONS)}.")
        self.device = choose_device(device)
        self._kind = PRECISIONS[precision]
        halves = precision == "fp16" and self.device.type == "cuda"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=halves)

    @property
    def leads(self) -> bool:
        """Whether this process writes and tells."""
        return self.rank == 0

    def lower(self) -> AbstractContextManager[object]:
        """A context in which networks compute in the precision that was asked for."""
        if self._kind is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._kind)

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Put the mean over all processes in the place of each gradient."""

    def mean(self, values: Tensor) -> Tensor:
        """The mean of some numbers over all processes."""
        return values

    def wait(self) -> None:
        """Until all processes are here."""


class JoinedEngine(TrainingEngine):
    """Several processes, on one machine or more, started by torchrun or `accelerate launch`."""

    def __init__(self, device: str = "auto", precision: str = "fp32") -> None:
        """Raises OptionError where Accelerate isn't installed."""
        try:
            from accelerate import Accelerator
        except ImportError:
            raise OptionError(
                "Several processes were started, but accelerate isn't installed, which joins them: install "
                "the extra `train`, or start one process."
            ) from None
        on_cpu = device == "cpu" or not torch.cuda.is_available()
        self._joined = Accelerator(cpu=on_cpu)
        super().__init__(str(self._joined.device), precision)
        self.rank, self.world = self._joined.process_index, self._joined.num_processes

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Put the mean over all processes in the place of each gradient."""
        for kind in {each.dtype for each in gradients}:
            same = [each for each in gradients if each.dtype == kind]
            flat = self._joined.reduce(torch.cat([each.flatten() for each in same]), "mean")
            parts: Iterable[Tensor] = flat.split([each.numel() for each in same])
            for each, part in zip(same, parts, strict=True):
                each.copy_(part.view_as(each))

    def mean(self, values: Tensor) -> Tensor:
        """The mean of some numbers over all processes."""
        found: Tensor = self._joined.reduce(values.clone(), "mean")
        return found

    def wait(self) -> None:
        """Until all processes are here."""
        self._joined.wait_for_everyone()


def open_engine(device: str, precision: str) -> TrainingEngine:
    """The engine that suits how this process was started. Raises OptionError."""
    joined = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return (JoinedEngine if joined else TrainingEngine)(device, precision)


class StepBuffers:
    """What networks note of what they see, such as batch norm's statistics: once a step.

    Each portion begins with what was noted before the step, and the mean over all portions and processes is
    what stays. So one process that takes twice as many portions notes what two processes do; a step of one
    portion in one process is left as it is.
    """

    def __init__(self, networks: Iterable[nn.Module], engine: TrainingEngine, portions: int) -> None:
        """Look at the networks before the step."""
        self._engine, self._portions = engine, portions
        several = portions * engine.world > 1
        self._all = [buffer for each in networks for buffer in each.buffers()] if several else []
        self._before = [buffer.clone() for buffer in self._all]
        self._means = [buffer for buffer in self._all if buffer.is_floating_point()]  # the others are counts
        self._sums: list[Tensor] = []

    def begin(self) -> None:
        """Before each portion."""
        for buffer, before in zip(self._all, self._before, strict=True):
            buffer.copy_(before)

    def end(self) -> None:
        """After each portion."""
        parts = [buffer / self._portions for buffer in self._means]
        sums = self._sums or [torch.zeros_like(each) for each in parts]
        self._sums = [one + other for one, other in zip(sums, parts, strict=True)]

    def keep(self) -> None:
        """After the last one."""
        if self._sums:
            self._engine.average(self._sums)
            for buffer, noted in zip(self._means, self._sums, strict=True):
                buffer.copy_(noted)
