"""Fit E-Net or L-Net to one speaker's clip, judged by stretches of it that were kept back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...models.training.shapes import released_shape, told_shape
from ..errors import CheckpointError, InputError
from ..faces.detect import load_face_networks
from ..files import write_picture
from ..places import check_place
from ..types import Progress, silent
from ..weights.files import ModelFiles
from .checkpoints import BEST, load_state, saved_steps
from .data.kept import KeptTalk
from .data.layouts import Video
from .data.prepare import Filters, prepare_video
from .data.talks import LEARNT_RATE, LEAST_STARTS, Talk, TalkSet, long_enough
from .engine import open_engine
from .export import export_state
from .judges import JudgeFiles
from .loop import learn
from .runs import TRAININGS, begin_with
from .settings import from_plain, read_run, to_plain
from .tasks.base import TrainingTask

LEAST_SECONDS, WANTED_SECONDS = 3, 60
_HELD_SHARE = 0.2  # of the clip, kept back in stretches
_LEAST_HELD = 15  # frames of each
_STRETCHES, _MORE_STRETCHES = 2, 4
_LONG = 500  # usable frames from which on there are more
GAP = 5  # frames beside them that are in neither
_ADVICE = (
    "Give a longer clip, a lower rate (rate=1e-5) or other weights to begin with, or keep it all the same: "
    "--keep-worse."
)


@dataclass(frozen=True)
class Personal:
    """What is fitted, and how long."""

    network: Literal["enet", "lnet"] = "enet"
    begin: Path | None = None  # weights to begin with; None: the installed ones
    lnet: str = "official"  # for E-Net: L-Net's file, or small
    minutes: float = 30.0
    words: Sequence[str] = ()  # settings of the run
    keep_worse: bool = False  # write it although it became no better
    models: Path | None = None


class PartOfTalk:
    """Some frames of a clip; see `talks.Talk`."""

    def __init__(self, talk: Talk, usable: np.ndarray, name: str) -> None:
        self._talk, self.usable, self.shot, self.name = talk, usable, talk.shot, name
        self.speaker = self.voice = talk.speaker

    def faces(self, rows: Sequence[int], side: int) -> Tensor:
        return self._talk.faces(rows, side)

    def references(self, rows: Sequence[int], side: int) -> Tensor:
        return self._talk.references(rows, side)

    def portraits(self, rows: Sequence[int], side: int) -> Tensor:
        return self._talk.portraits(rows, side)

    def points(self, rows: Sequence[int]) -> Tensor:
        return self._talk.points(rows)

    def mels(self, rows: Sequence[int]) -> Tensor:
        return self._talk.mels(rows)

    def windows(self, rows: Sequence[int]) -> Tensor:
        return self._talk.windows(rows)


def personalise(
    clip: Path,
    output: Path,
    rights: str,
    wanted: Personal,
    strip: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Fit a network to one person and write it.

    clip:    of that person, who speaks in it
    output:  ends in .safetensors
    rights:  the licence, or whose consent there is
    strip:   a picture to write: before, after, and what should be
    returns: scores before and after on stretches by which nothing was chosen, seconds, frames, doubts
    raises:  InputError for a clip that is too short or that nothing allows, and where the network became no
             better, CheckpointError without weights
    """
    check_place(output, "the weights", (".safetensors",))
    if not rights.strip():
        raise InputError(
            f"Nothing says that {clip} may be learnt from: state whose consent there is: --rights."
        )
    begin = wanted.begin or _installed(wanted)
    with tempfile.TemporaryDirectory(prefix="retalk-personal-") as folder:
        talk = _followed(clip, Path(folder), rights)
        talks, judged = _parted(talk, rights)
        task = _task(wanted, begin, talks)
        begin_with(task, begin)
        engine = open_engine(task.pace.device, task.pace.precision)
        task.place(engine.device)
        network = task.networks[task.draws]
        before, first = _looked_at(task, network, judged, strip is not None)
        learnt = learn(task, engine, Path(folder) / "run", to_plain(task.run), progress=progress)
        state = load_state(_best(Path(folder) / "run"))
        network.load_state_dict(state.mean)
        after, last = _looked_at(task, network, judged, strip is not None)
        shown = [each for each in (first, last) if each is not None]
        if strip is not None and shown:
            write_picture(strip, np.concatenate(shown))
        doubts = _doubts(task.score, before, after)
        if doubts and not after[task.score] < before[task.score] and not wanted.keep_worse:
            raise InputError(f"{doubts[0]}: nothing was written. {_ADVICE}")
        about = {"personalised_from": begin.name, "clip": clip.name, "before": before, "after": after}
        export_state(state, output, more={**about, "doubts": doubts})
    return {
        "file": str(output),
        "before": before,
        "after": after,
        "better": after[task.score] < before[task.score],
        "doubts": doubts,
        "steps": learnt.steps,
        "seconds": round(learnt.seconds, 1),
        "frames": int(talk.usable.sum()),
    }


def _doubts(score: str, before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Why the result may not be worth using, the weightiest first."""
    found = []
    if not after[score] < before[score]:
        found.append(
            f"The network became no better on what was kept back ({score} {after[score]:.4g}, before "
            f"{before[score]:.4g})"
        )
    if "bicubic" in after and not after["distance"] < after["bicubic"]:
        found.append(
            f"It is no better than the coarse face plainly enlarged ({after['distance']:.4g} against "
            f"{after['bicubic']:.4g})"
        )
    return found


def _looked_at(
    task: TrainingTask, network: nn.Module, judged: tuple[Talk, ...], draws: bool
) -> tuple[dict[str, float], np.ndarray | None]:
    """Its scores on some stretches, and if that is wanted its pictures."""
    chosen_by, task.held = task.held, judged
    network.eval()
    with torch.no_grad():
        seen = task.validate(network), task.strip(network) if draws else None
    task.held = chosen_by
    return seen


def _best(folder: Path) -> Path:
    best = folder / BEST
    return best if best.exists() else saved_steps(folder)[-1][1]


def _installed(wanted: Personal) -> Path:
    files = ModelFiles(None if wanted.models is None else [wanted.models])
    return files.require(wanted.network)[0]


def _followed(clip: Path, folder: Path, rights: str) -> KeptTalk:
    """The clip, followed and cut. Raises InputError where it can't be or is too short."""
    video = Video(clip, clip.name, clip.stem, clip.stem)
    filters = Filters(least_frames=1, most_others=1.0)
    made = prepare_video(video, folder, load_face_networks(), filters, rights)
    if made.dropped:
        raise InputError(f"{clip} can't be learnt from: {made.dropped}")
    seconds = made.usable / LEARNT_RATE
    if seconds < LEAST_SECONDS:
        raise InputError(
            f"{clip} shows the face well for {seconds:.1f} s; {LEAST_SECONDS} s are needed, and "
            f"{WANTED_SECONDS} s are better: choose a longer clip."
        )
    return KeptTalk(folder / made.file, made.name, made.speaker, made.voice)


def _parted(talk: Talk, rights: str) -> tuple[TalkSet, tuple[Talk, ...]]:
    """What is learnt from with the stretches that the best step is chosen by, and those that judge it."""
    rows = np.flatnonzero(talk.usable)
    count = _STRETCHES if len(rows) < _LONG else _MORE_STRETCHES
    length = max(int(_HELD_SHARE / count * len(rows)), _LEAST_HELD)
    beside, stretches = np.zeros_like(talk.usable), []
    for part in range(count):
        held = np.zeros_like(talk.usable)
        first = round((part + 1) * len(rows) / (count + 1) - length / 2)
        held[rows[first : first + length]] = True
        beside[rows[max(first - GAP, 0) : first + length + GAP]] = True
        stretches.append(PartOfTalk(talk, held, f"{talk.name}, kept back {part + 1}"))
    about = {"sets": ["one person's clip"], "licences": [rights], "clips": 1, "held": count}
    learnt = PartOfTalk(talk, talk.usable & ~beside, f"{talk.name}, to learn from")
    judged = long_enough(stretches[1::2], LEAST_STARTS, "be judged by")
    return TalkSet((learnt,), tuple(stretches[::2]), about), judged


def _task(wanted: Personal, begin: Path, talks: TalkSet) -> TrainingTask:
    kind = TRAININGS[wanted.network]
    told = told_shape(begin)
    if told is not None and told[0] != wanted.network:
        raise CheckpointError(f"{begin} is no {wanted.network}: choose another file to begin with.")
    shape = told[1] if told is not None else released_shape(wanted.network)
    run = replace(kind.presets["full"], shape=shape)
    usual: dict[str, Any] = {"features": "pyramid", "expert": "none", "rate": 1e-4}
    if wanted.network == "enet":
        usual |= {"lnet": wanted.lnet, "half_steps": 0, "whole_steps": 10**9}
        usual |= {"fool_weight": 0.0, "identity": "none", "noise": False}
    pace = {
        "steps": 400,
        "batch": 1,
        "average": 0.95,
        "validate_every": 25,
        "patience": 6,
        "draw_every": 10**9,
    }
    pace |= {"minutes": wanted.minutes, "save_every": 100, "tell_every": 25}
    run = from_plain(run, {**usual, "pace": pace})
    run = read_run(run, {}, None, wanted.words)
    judges = JudgeFiles(None if wanted.models is None else ModelFiles([wanted.models]))
    return kind.make(run, talks, judges)
