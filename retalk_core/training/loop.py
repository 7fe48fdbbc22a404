"""The loop of every training: portions, gradients, optimisers, the weights' mean, checkpoints, a journal.

Each sample is a function of seed, step and place in the step alone. So a run that goes on is the run that was
never stopped, and two processes see what one sees that takes twice as many portions.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from ..errors import CheckpointError, InputError, OptionError
from ..types import Progress, silent
from .checkpoints import BEST, RunState, fill, keep_latest, load_state, save_state, saved_steps, state_path
from .engine import StepBuffers, TrainingEngine
from .journal import RunJournal
from .settings import differences_between
from .tasks.base import LearntBatch, Player, Stage, TrainingTask, collate

MOST_LOST = 10  # steps in a row with a loss that is no number, after which a run ends


@dataclass(frozen=True)
class Learnt:
    """What became of a run."""

    steps: int
    begun: int  # steps that were done before it went on
    seconds: float  # of this part
    losses: dict[str, float]  # of the last interval
    best: float | None  # the best validation's score


def learn(
    task: TrainingTask,
    engine: TrainingEngine,
    folder: Path,
    settings: dict[str, Any],
    *,
    progress: Progress = silent,
    tell: Callable[[str], None] = lambda words: None,
) -> Learnt:
    """Train a task to its end, or go on with it where the folder holds its state.

    folder:   for checkpoints, log and strips
    settings: the run's, saved with it; a state that was left under others is refused
    raises:   InputError where a loss stops being a number or the disk is full, OptionError for other settings
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(task, engine, folder, settings, tell)
    return run.go(progress)


class _Run:
    def __init__(
        self,
        task: TrainingTask,
        engine: TrainingEngine,
        folder: Path,
        settings: dict[str, Any],
        tell: Callable[[str], None],
    ) -> None:
        self.task, self.engine, self.folder = task, engine, folder
        self.settings, self.tell, self.pace = settings, tell, task.pace
        drawing = task.networks[task.draws]
        self.mean = AveragedModel(drawing, multi_avg_fn=get_ema_multi_avg_fn(task.pace.average))
        self.step, self.best, self.waited, self.lost = 0, math.nan, 0, 0
        self.stage: Stage | None = None
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        task.place(engine.device)
        self.mean.to(engine.device)
        self._take_up()
        self.begun = self.step

    # Going on

    def _take_up(self) -> None:
        for _, path in reversed(saved_steps(self.folder)):
            try:
                state = load_state(path)
            except CheckpointError as error:
                self.tell(str(error))
                continue
            self._check(state)
            for name, network in self.task.networks.items():
                fill(network, state.networks[name], str(path))
            fill(self.mean.module, state.mean, str(path))
            self.step, self.task.memory = state.step, dict(state.memory)
            self.best = self.task.memory.pop("best", math.nan)
            self.waited = int(self.task.memory.pop("waited", 0))
            self.mean.n_averaged.fill_(self.step)
            self._begin(next(each for each in self.task.stages if each.name == state.stage))
            for name, optimiser in self.optimisers.items():
                optimiser.load_state_dict(state.optimisers[name])
            return

    def _check(self, state: RunState) -> None:
        stages = {stage.name for stage in self.task.stages}
        if not set(self.task.networks) <= set(state.networks) or state.stage not in stages:
            raise OptionError(
                f"{self.folder} holds a run of another kind ({state.kind}, {state.stage}): choose another "
                "folder with out=."
            )
        if found := differences_between(state.settings, self.settings):
            raise OptionError(
                f"{self.folder} holds a run with other settings ({', '.join(found[:3])}): choose another "
                "folder with out=, or the settings of then."
            )

    def _save(self) -> None:
        if self.engine.leads:
            save_state(state_path(self.folder, self.step), self._state())
            keep_latest(self.folder, self.pace.keep)
        self.engine.wait()

    def _state(self) -> RunState:
        assert self.stage is not None
        memory = {**self.task.memory, "waited": float(self.waited)}
        if math.isfinite(self.best):
            memory["best"] = self.best
        return RunState(
            step=self.step,
            stage=self.stage.name,
            kind=self.task.kind,
            settings=self.settings,
            networks={name: network.state_dict() for name, network in self.task.networks.items()},
            mean=self.mean.module.state_dict(),
            optimisers={name: each.state_dict() for name, each in self.optimisers.items()},
            memory=memory,
            about=dict(self.task.about),
        )

    # Learning

    def go(self, progress: Progress) -> Learnt:
        """All steps that are left."""
        begun = time.monotonic()
        journal = RunJournal(self.folder, self.step) if self.engine.leads else None
        interval = _Interval(self.step)
        try:
            for portions in self._portions():
                stage = self.task.stage_at(self.step)
                if self.stage is None or self.stage.name != stage.name:
                    self._begin(stage)
                interval.add(self._learn(portions, stage))
                self.step += 1
                progress(self.step - self.begun, self.pace.steps - self.begun)
                last = self.step == self.pace.steps
                if last or self.step % self.pace.tell_every == 0:
                    self._note(journal, stage, interval.end(self.step))
                ended = self._look(journal, last) or self._is_late(begun)
                if last or ended or self.step % self.pace.save_every == 0:
                    self._save()
                if ended:
                    break
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._where()) from None
        finally:
            if journal is not None:
                journal.close()
        best = self.best if math.isfinite(self.best) else None
        return Learnt(self.step, self.begun, time.monotonic() - begun, interval.losses, best)

    def _where(self) -> str:
        saved = saved_steps(self.folder)
        done = f"it goes on from step {saved[-1][0]}" if saved else "it begins anew"
        return f"{done} when the same command is given again"

    def _is_late(self, begun: float) -> bool:
        if not self.pace.minutes:
            return False
        late = 0 < 60 * self.pace.minutes <= time.monotonic() - begun
        return bool(self.engine.mean(torch.tensor([float(late)], device=self.engine.device)) > 0)

    def _begin(self, stage: Stage) -> None:
        """Wake up the networks of a stage; their optimisers begin anew."""
        self.stage = stage
        for network in self.task.networks.values():
            network.eval()
        self.optimisers = {}
        for player in stage.players:
            weights = list(_awake(self.task.networks[player.network].train(), player))
            self.optimisers[player.network] = torch.optim.Adam(weights, lr=player.rate, betas=player.betas)

    def _learn(self, portions: Sequence[LearntBatch], stage: Stage) -> dict[str, float]:
        """One step of every network whose turn it is; gives each term's mean over the portions."""
        told: dict[str, float] = {}
        for player in stage.players:
            values = self._slope(player, portions, stage)
            terms = {name: float(value) for name, value in values.items()}
            told |= {f"{player.network}.{name}": value for name, value in terms.items()}
            broken = [name for name, value in terms.items() if not math.isfinite(value)]
            if broken:
                self._lose(broken[0])
                return {}
            self._turn(player)
        self.lost = 0
        self.mean.update_parameters(self.task.networks[self.task.draws])
        return told

    def _slope(self, player: Player, portions: Sequence[LearntBatch], stage: Stage) -> dict[str, Tensor]:
        """Gradients over all portions and processes, and each term's mean."""
        weights = self.task.weights(player.network, stage.name)
        self.optimisers[player.network].zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        buffers = StepBuffers(self.task.networks.values(), self.engine, len(portions))
        for batch in portions:
            buffers.begin()
            placed = {name: value.to(self.engine.device) for name, value in batch.items()}
            with self.engine.lower():
                terms = self.task.losses(player.network, placed, stage.name, self.step)
            total = sum((weights[name] * term for name, term in terms.items()), start=torch.zeros(()))
            self.engine.scaler.scale(total / len(portions)).backward()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + term.detach().float() / len(portions)
            buffers.end()
        buffers.keep()
        names = list(sums)
        means = self.engine.mean(torch.stack([sums[name] for name in names]))
        return dict(zip(names, means, strict=True))

    def _turn(self, player: Player) -> None:
        """Move a network's weights along its gradients."""
        optimiser, scaler = self.optimisers[player.network], self.engine.scaler
        for group in optimiser.param_groups:
            group["lr"] = player.rate_at(self.step)
        weights = [each for group in optimiser.param_groups for each in group["params"]]
        self.engine.average([each.grad for each in weights if each.grad is not None])
        if self.pace.clip:
            scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(weights, self.pace.clip)
        scaler.step(optimiser)
        scaler.update()

    def _lose(self, name: str) -> None:
        """A step whose loss is no number teaches nothing; after some in a row the run ends."""
        self.lost += 1
        if self.lost >= MOST_LOST:
            raise InputError(
                f"The loss {name} was no number in {MOST_LOST} steps in a row, at step {self.step}: lower "
                f"the rate, or look at the data; {self._where()}."
            )

    # Telling

    def _note(self, journal: RunJournal | None, stage: Stage, interval: _Interval) -> None:
        if journal is None:
            return
        size = self.pace.batch * self.pace.accumulate * self.engine.world
        rate = interval.rate
        journal.note(
            self.step,
            stage=stage.name,
            losses=interval.losses,
            weights={p.network: dict(self.task.weights(p.network, stage.name)) for p in stage.players},
            steps_per_second=round(rate, 4),
            samples_per_second=round(rate * size, 3),
            seconds_left=round((self.pace.steps - self.step) / max(rate, 1e-9)),
        )

    def _look(self, journal: RunJournal | None, last: bool) -> bool:
        """Validate and draw where it is time to; whether the run ends because nothing became better."""
        pace, network = self.pace, self.mean.module
        if journal is not None and (last or self.step % pace.draw_every == 0):
            strip = self._resting(network, self.task.strip)
            if strip is not None:
                journal.show(self.step, strip)
        if not last and self.step % pace.validate_every != 0:
            return False
        found = self._resting(network, self.task.validate)
        if journal is not None:
            journal.note(self.step, validation=found)
        score = found[self.task.score]
        is_better = score < self.best if self.task.better == "lower" else score > self.best
        if math.isnan(self.best) or is_better:
            self.best, self.waited = score, 0
            if self.engine.leads:
                save_state(self.folder / BEST, self._state())
            return False
        self.waited += 1
        return 0 < pace.patience <= self.waited

    def _resting(self, network: nn.Module, look: Callable[[nn.Module], Any]) -> Any:  # noqa: ANN401
        network.eval()
        with torch.no_grad():
            return look(network)

    # Samples

    def _portions(self) -> Iterator[list[LearntBatch]]:
        """For every step that is left the portions of this process."""
        pace = self.pace
        loader = DataLoader(
            _Samples(self.task, pace.seed),
            batch_sampler=_Order(self.step, pace.steps, pace.batch, pace.accumulate, self.engine),
            collate_fn=collate,
            num_workers=pace.workers,
        )
        portions: list[LearntBatch] = []
        for batch in loader:
            portions.append(batch)
            if len(portions) == pace.accumulate:
                yield portions
                portions = []


class _Order:
    """Which samples a process takes: portion after portion, the processes side by side."""

    def __init__(self, first: int, last: int, batch: int, portions: int, engine: TrainingEngine) -> None:
        self.first, self.last, self.batch = first, last, batch
        self.portions, self.rank, self.world = portions, engine.rank, engine.world

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.first, self.last):
            for portion in range(self.portions):
                begin = (portion * self.world + self.rank) * self.batch
                yield [(step, begin + i) for i in range(self.batch)]

    def __len__(self) -> int:
        return (self.last - self.first) * self.portions


class _Samples(Dataset[dict[str, Tensor]]):
    """Samples by step and place."""

    def __init__(self, task: TrainingTask, seed: int) -> None:
        self._draw, self._seed = task.draw, seed

    def __getitem__(self, at: tuple[int, int]) -> dict[str, Tensor]:
        return self._draw(np.random.default_rng((self._seed, *at)))


def _awake(network: nn.Module, player: Player) -> Iterator[nn.Parameter]:
    """The weights that learn; gradients reach no others."""
    for name, weight in network.named_parameters():
        learns = name.startswith(player.parts) and not any(re.search(each, name) for each in player.dead)
        weight.requires_grad_(learns)
        if learns:
            yield weight


class _Interval:
    """What happened since the last line in the log."""

    def __init__(self, step: int) -> None:
        self._since, self._begun = step, time.monotonic()
        self._terms: dict[str, list[float]] = {}
        self.losses: dict[str, float] = {}  # of the interval before
        self.rate = 0.0  # steps in a second, in the interval before

    def add(self, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            self._terms.setdefault(name, []).append(value)

    def end(self, step: int) -> _Interval:
        now = time.monotonic()
        self.rate = (step - self._since) / max(now - self._begun, 1e-9)
        self.losses = {name: float(np.mean(values)) for name, values in self._terms.items()}
        self._since, self._begun, self._terms = step, now, {}
        return self
