"""Start a run: from its settings to its end, in the places that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...models.catalog import catalog
from ...models.containers import find_tensors
from ...models.reading import read_tensors
from ..errors import CheckpointError, OptionError
from ..types import Progress, silent
from ..weights.files import ModelFiles
from .checkpoints import saved_steps
from .data.cartoons import cartoon_set
from .data.sets import open_set
from .data.talks import TalkSet
from .engine import open_engine
from .export import NETWORKS
from .judges import JudgeFiles
from .loop import Learnt, learn
from .settings import read_run, to_plain, told_knobs
from .tasks import dnet, enet, lnet, sync
from .tasks.base import TrainingTask

CARTOONS = "cartoons"


@dataclass(frozen=True)
class Training:
    """One of the things that can be trained."""

    presets: Mapping[str, Any]
    make: Callable[..., TrainingTask]
    judged: bool = True  # whether others judge it


TRAININGS: Mapping[str, Training] = {
    "sync": Training(sync.SYNC_PRESETS, sync.SyncTask, judged=False),
    "dnet": Training(dnet.DNET_PRESETS, dnet.DNetTask),
    "lnet": Training(lnet.LNET_PRESETS, lnet.LNetTask),
    "enet": Training(enet.ENET_PRESETS, enet.ENetTask),
}


def read_settings(kind: str, file: Path | None, words: Sequence[str]) -> Any:  # noqa: ANN401 - a run
    """The settings of a run, from a file and words. Raises OptionError."""
    presets = TRAININGS[kind].presets
    return read_run(presets["full"], presets, file, words)


def knob_lines(kind: str, words: Sequence[str] = ()) -> Iterator[str]:
    """Every knob: its value, why it is there, and who says so."""
    for name, value, why, source in told_knobs(read_settings(kind, None, words)):
        yield f"{name} = {value}"
        if why:
            yield f"    {why} [{source}]"


def start(
    kind: str,
    run: Any,  # noqa: ANN401 - of that kind
    *,
    models: Path | None = None,
    talks: TalkSet | None = None,
    progress: Progress = silent,
    tell: Callable[[str], None] = lambda words: None,
) -> Learnt:
    """Train, or go on where the run's folder holds a state.

    models: where weights of judges lie; None: where they usually do
    talks:  to learn from; None: what the settings name
    raises: OptionError for settings, InputError for data, CheckpointError for weights that can't be used
    """
    if not run.out:
        raise OptionError("Nothing says where checkpoints shall go: name a folder, as in out=runs/first.")
    engine = open_engine(run.pace.device, run.pace.precision)
    torch.manual_seed(run.pace.seed)
    judges = JudgeFiles(None if models is None else ModelFiles([models]))
    chosen = talks or open_talks(run.data)
    task = TRAININGS[kind].make(run, chosen, *([judges] if TRAININGS[kind].judged else []))
    folder = Path(run.out)
    if run.init_from and not saved_steps(folder):
        begin_with(task, Path(run.init_from))
    if engine.leads:
        tell(f"{kind}: {_size(task)}, {len(chosen.train)} clips to learn from, {len(chosen.held)} kept back")
    settings = to_plain(replace(run, out="", init_from=""))
    return learn(task, engine, folder, settings, progress=progress if engine.leads else silent, tell=tell)


def open_talks(data: str) -> TalkSet:
    """The set that settings name. Raises InputError or OptionError."""
    if data == CARTOONS:
        return cartoon_set()
    if not data:
        raise OptionError("Nothing says what to learn from: name a prepared set, as in data=sets/first.")
    return open_set(Path(data))


def begin_with(task: TrainingTask, path: Path) -> None:
    """Give the network of a task the weights in a file. Raises CheckpointError where they aren't its own."""
    network = task.networks[task.draws]
    layout = catalog[NETWORKS[task.kind]].networks[0].build.find_layout()
    held = find_tensors(read_tensors(path), layout.containers)
    tensors = {key.replace("module.", ""): value for key, value in held.items() if isinstance(value, Tensor)}
    wanted = network.state_dict()
    known = {key: value for key, value in tensors.items() if key in wanted}
    wrong = [key for key, value in wanted.items() if key not in known or known[key].shape != value.shape]
    if wrong:
        raise CheckpointError(
            f"{path} can't be begun with: {len(wrong)} of {len(wanted)} tensors are missing or of another "
            f"shape, such as {wrong[0]}. Choose another file, or the shape that it was made with."
        )
    network.load_state_dict(known, strict=True)


def _size(task: TrainingTask) -> str:
    weights = task.networks[task.draws].parameters()
    return f"{sum(weight.numel() for weight in weights) / 1e6:.2f} million weights"
