"""The sync expert: learns whether five frames of a mouth and 0.2 s of speech belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....models.training.sync_expert import SyncExpert, SyncShape
from ..data.augment import Augment, augmented
from ..data.offsets import judge_sync
from ..data.talks import LEAST_STARTS, TalkSet, draw_talk, far_row, first_rows, five_in_a_row, long_enough
from ..losses import lower_halves, probably
from ..settings import Pace, knob
from .base import LearntBatch, Player, Stage, TrainingTask, check_portion


@dataclass(frozen=True)
class SyncRun:
    """Every knob of a run, with its reason; saved in its checkpoints."""

    data: str = knob("", "the folder of a prepared set, or cartoons")
    out: str = knob("", "the folder for checkpoints, log and strips")
    init_from: str = knob("", "a checkpoint to begin with")
    loss: Literal["pairs", "contrast"] = knob(
        "pairs",
        "pairs: is it this speech or another of the clip; contrast: which of some; learns in fewer steps",
        "ancestor",
    )
    windows: int = knob(1, "places of one clip in a sample; contrast compares them with one another")
    heat: float = knob(0.1, "of contrast: how sharply the best is told from the others")
    rate: float = knob(1e-4, "of Adam, without a schedule", "ancestor")
    augment: Augment = field(default_factory=Augment)
    shape: SyncShape = field(default_factory=SyncShape)
    pace: Pace = field(
        default_factory=lambda: Pace(batch=64, average=0.0, validate_every=2000, steps=400_000)
    )


SYNC_TINY = SyncRun(
    loss="contrast",
    windows=48,
    rate=2e-3,
    shape=SyncShape(width=8, side=48),
    pace=Pace(
        batch=1, average=0.0, steps=400, validate_every=50, save_every=100, tell_every=20, draw_every=10**9
    ),
)
SYNC_PRESETS = {"full": SyncRun(), "tiny": SYNC_TINY}


class SyncTask(TrainingTask):
    """See the module."""

    kind: ClassVar[str] = "sync"
    better: ClassVar[str] = "higher"
    score: ClassVar[str] = "auc"

    def __init__(self, run: SyncRun, talks: TalkSet) -> None:
        """Raises InputError where no clip is long enough, OptionError for a portion of one."""
        self.run, self.pace, self.draws = run, run.pace, "expert"
        self.talks = long_enough(talks.train, LEAST_STARTS, "learn from")
        self.held = long_enough(talks.held, LEAST_STARTS, "be judged by")
        check_portion("windows", run.windows, run.pace)
        self.networks: dict[str, nn.Module] = {"expert": SyncExpert(run.shape)}
        self.judges: dict[str, nn.Module] = {}
        self.memory: dict[str, float] = {}
        self.stages = (Stage("sync", None, (Player("expert", run.rate),)),)
        self.about = talks.about

    def draw(self, chance: np.random.Generator) -> dict[str, Tensor]:
        """Places of one clip: their lips, their speech, and for pairs whether these belong together."""
        talk = augmented(draw_talk(self.talks, chance), self.run.augment, chance)
        rows = first_rows(talk)
        starts = chance.choice(rows, self.run.windows, replace=len(rows) < self.run.windows)
        heard = starts.copy()
        if self.run.loss == "pairs":
            wrong = chance.uniform(size=len(starts)) < 0.5
            heard[wrong] = [far_row(rows, row, chance, 1) for row in starts[wrong]]
        return {
            "lips": lower_halves(five_in_a_row(talk, starts.tolist(), self.run.shape.side)),
            "speech": talk.mels(heard.tolist()),
            "starts": torch.from_numpy(starts),
            "right": torch.from_numpy((heard == starts).astype(np.float32)),
        }

    def losses(self, player: str, batch: LearntBatch, stage: str, step: int) -> dict[str, Tensor]:
        """One term, and how sure it is where it should be and where not."""
        speech, lips = self.networks["expert"](batch["speech"].flatten(0, 1), batch["lips"].flatten(0, 1))
        size = batch["lips"].shape[:2]
        speech, lips = speech.unflatten(0, size), lips.unflatten(0, size)
        if self.run.loss == "pairs":
            return {"sync": probably(F.cosine_similarity(speech, lips, dim=2).clamp(0, 1), batch["right"])}
        starts = batch["starts"]
        near = (starts[:, :, None] - starts[:, None, :]).abs() <= 2
        near &= ~torch.eye(size[1], dtype=torch.bool, device=near.device)
        alike = (lips @ speech.mT / self.run.heat).masked_fill(near, -1e4)
        wanted = torch.arange(size[1], device=alike.device).expand(size[0], -1)
        both = (F.cross_entropy(each.flatten(0, 1), wanted.flatten()) for each in (alike, alike.mT))
        return {"sync": sum(both, start=torch.zeros((), device=alike.device)) / 2}

    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        return {"sync": 1.0}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """On clips that are kept back: see `judge_sync`."""
        found = [judge_sync(network, talk, self.run.shape.side) for talk in self.held]  # type: ignore[arg-type]
        return {name: float(np.mean([each[name] for each in found])) for name in found[0]}
