"""What the loop asks of a task. The loop knows nothing of faces, a task nothing of devices and files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import OptionError
from ..data.talks import Talk
from ..settings import Pace

LearntBatch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Player:
    """One network that learns in a stage."""

    network: str  # its name in the task
    rate: float = 1e-4  # of Adam
    betas: tuple[float, float] = (0.9, 0.999)
    parts: tuple[str, ...] = ("",)  # its tensors learn whose names begin so; the others rest
    dead: tuple[str, ...] = ()  # regexes: those of them that nothing is computed with
    drop_at: int = 0  # step from which the rate is multiplied with `drop`; 0: never
    drop: float = 0.2

    def rate_at(self, step: int) -> float:
        """The rate in a step, counted from 0."""
        return self.rate * (self.drop if 0 < self.drop_at <= step else 1.0)


@dataclass(frozen=True)
class Stage:
    """Steps in which the same networks learn by the same losses; optimisers begin anew with each stage."""

    name: str
    until: int | None  # the step that is the next stage's first; None: to the end
    players: tuple[Player, ...]  # in the order of their turns


class TrainingTask(ABC):
    """Something to be learnt."""

    kind: ClassVar[str]  # sync, dnet, lnet or enet
    run: Any  # its settings
    about: Mapping[str, Any] = {}  # what it learns from, for the checkpoint: data, licences, weights
    networks: dict[str, nn.Module]  # those that learn
    judges: dict[str, nn.Module]  # those that don't
    held: tuple[Talk, ...]  # what `validate` and `strip` look at
    draws: str  # the network that is exported
    stages: tuple[Stage, ...]
    pace: Pace
    memory: dict[str, float]  # numbers that are saved with the run
    better: ClassVar[str] = "lower"  # of `score`
    score: ClassVar[str]  # the name of what tells in `validate` how good the network is

    @abstractmethod
    def draw(self, chance: np.random.Generator) -> dict[str, Tensor]:
        """One sample, the same for the same chance."""

    @abstractmethod
    def losses(self, player: str, batch: LearntBatch, stage: str, step: int) -> dict[str, Tensor]:
        """Terms for one network, each by itself and without its weight."""

    @abstractmethod
    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        """How much each term counts."""

    @abstractmethod
    def validate(self, network: nn.Module) -> dict[str, float]:
        """How good a network is on what it never saw; may write into `memory`."""

    def strip(self, network: nn.Module) -> np.ndarray | None:
        """Pictures side by side, (H, W, 3) uint8; None: there are none."""
        return None

    def stage_at(self, step: int) -> Stage:
        """The stage of a step, counted from 0."""
        return next(stage for stage in self.stages if stage.until is None or step < stage.until)

    def place(self, device: torch.device) -> None:
        """Move all networks to a device."""
        for network in (*self.networks.values(), *self.judges.values()):
            network.to(device)


def check_portion(name: str, each: int, pace: Pace) -> None:
    """Raise OptionError where a portion is one picture: batch norm compares several.

    name: of the setting that says how many each sample has
    """
    if each * pace.batch < 2:
        raise OptionError(
            f"Batch norm compares 2 pictures or more, but {name}={each} with pace.batch={pace.batch} makes "
            "one: choose pace.batch=2 or more."
        )


def collate(samples: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Samples as a batch."""
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def to_strip(rows: Sequence[Tensor]) -> np.ndarray:
    """Rows of pictures (n, H, W, 3) RGB in [0, 1], one below the other."""
    lines = [
        np.concatenate(list((row.detach().float().cpu().clamp(0, 1) * 255).round().numpy()), axis=1)
        for row in rows
    ]
    width = max(line.shape[1] for line in lines)
    padded = [np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0))) for line in lines]
    return np.concatenate(padded).astype(np.uint8)
