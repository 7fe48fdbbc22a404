"""L-Net: learns to draw a face from its upper half, a picture of it, and 0.2 s of speech."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....models.training.discriminators import QualityDiscriminator
from ....models.training.lnet import LNetInTraining, LNetShape
from ....models.training.sync_expert import FRAMES
from ...compute.batches import device_of
from ...images import bgr, to_images
from ..data.augment import Augment, as_shown, augmented
from ..data.pairs import cut_side, pair_to_learn
from ..data.talks import (
    LEAST_STARTS,
    Talk,
    TalkSet,
    draw_talk,
    far_row,
    first_rows,
    long_enough,
    spread_rows,
)
from ..judges import NO_JUDGE, Features, JudgeFiles, Perception
from ..losses import in_sync, probably
from ..settings import Pace, knob
from .base import LearntBatch, Player, Stage, TrainingTask, check_portion, collate, to_strip

_LOOKED_AT = 4  # stretches of a clip that is kept back


@dataclass(frozen=True)
class LNetRun:
    """Every knob of a run, with its reason; saved in its checkpoints."""

    data: str = knob("", "the folder of a prepared set, or cartoons")
    out: str = knob("", "the folder for checkpoints, log and strips")
    init_from: str = knob("", "a checkpoint of L-Net to begin with")
    side: int = knob(96, "pixels of the faces", "paper")
    frames: int = knob(5, "in a row of one sample; the expert looks at five", "ancestor")
    reference: Literal["other", "neutral", "mixed"] = knob(
        "other",
        "other: another moment of the clip, never the target itself; neutral: the frame as D-Net calms "
        "it, as in a dub; mixed: each half of the time",
    )
    pixel_weight: float = knob(1.0, "of plain distances", "ancestor")
    lower_weight: float = knob(2.0, "how much more the lower half counts there: the upper one is shown")
    features: Features = knob("vgg19", "what pictures are compared by; the paper says perceptual", "paper")
    feature_weight: float = knob(0.1, "of features, so that both begin about equal")
    expert: str = knob("official", "the sync expert: official, a checkpoint's path, or none", "paper")
    sync_weight: float = knob(0.03, "of the expert's loss once it is switched on", "ancestor")
    sync_below: float = knob(0.75, "it is switched on when it is below that on clips kept back", "ancestor")
    quality_weight: float = knob(0.0, "of Wav2Lip's discriminator, 0.07 there; the paper has none", "paper")
    rate: float = knob(1e-4, "of Adam, without a schedule", "ancestor")
    augment: Augment = field(default_factory=Augment)
    shape: LNetShape = field(default_factory=LNetShape)
    pace: Pace = field(default_factory=lambda: Pace(batch=16, average=0.999, patience=10, steps=400_000))


LNET_TINY = LNetRun(
    side=48,
    frames=1,
    features="none",
    expert=NO_JUDGE,
    rate=2e-3,
    shape=LNetShape(
        first=8, most=32, levels=2, blocks=1, speech=64, listening=8, attention="concat", spectral=False
    ),
    pace=Pace(
        steps=160, batch=16, average=0.9, tell_every=20, save_every=40, validate_every=40, draw_every=40
    ),
)
LNET_PRESETS = {
    "full": LNetRun(),
    "tiny": LNET_TINY,
    "without-attention": LNetRun(shape=LNetShape(attention="concat")),
    "without-dnet": LNetRun(reference="other"),
    "with-dnet": LNetRun(reference="mixed"),
}


class LNetTask(TrainingTask):
    """See the module."""

    kind: ClassVar[str] = "lnet"

    def __init__(self, run: LNetRun, talks: TalkSet, judges: JudgeFiles | None = None) -> None:
        """Raises InputError for clips that are too short and a missing file, OptionError for few frames."""
        self.run, self.pace, self.draws = run, run.pace, "lnet"
        self.talks = long_enough(talks.train, LEAST_STARTS, "learn from")
        self.held = long_enough(talks.held, LEAST_STARTS, "be judged by")
        check_portion("frames", run.frames, run.pace)
        self.networks: dict[str, nn.Module] = {"lnet": LNetInTraining(run.shape)}
        judges = judges or JudgeFiles()
        self.judges = judges.load_expert(run.expert, run.frames)
        self.perception = Perception(run.features, judges, scales=2)
        self.judges |= self.perception.networks
        self.memory = {"sync_on": 0.0}
        drawing = Player("lnet", run.rate, (0.5, 0.999))
        players: tuple[Player, ...] = (drawing,)
        if run.quality_weight:
            self.networks["quality"] = QualityDiscriminator()
            players = (drawing, replace(drawing, network="quality"))
        self.stages = (Stage("lips", None, players),)
        self.about = {**talks.about, "features": run.features, "expert": run.expert}

    @property
    def score(self) -> str:  # type: ignore[override]
        """Sync tells best, where there is an expert."""
        return "sync" if "expert" in self.judges else "lower"

    def draw(self, chance: np.random.Generator) -> dict[str, Tensor]:
        """Five frames in a row, what is shown of them, and the speech of each."""
        talk = augmented(draw_talk(self.talks, chance), self.run.augment, chance)
        starts = first_rows(talk)
        start = int(starts[chance.integers(len(starts))])
        other = far_row(starts, start, chance, 3 * FRAMES)
        neutral = self.run.reference == "neutral" or (
            self.run.reference == "mixed" and chance.uniform() < 0.5
        )
        return self._sample(talk, start, other, neutral)

    def _sample(self, talk: Talk, start: int, other: int, neutral: bool) -> dict[str, Tensor]:
        rows, side = list(range(start, start + self.run.frames)), cut_side(self.run.side)
        faces = talk.faces(rows, side)
        shown = [row - start + other for row in rows]
        references = talk.references(rows, side) if neutral else talk.faces(shown, side)
        pairs = pair_to_learn(as_shown(talk, faces), as_shown(talk, references), self.run.side)
        whole = pair_to_learn(faces, faces, self.run.side)[:, 3:]  # whole, as references are
        return {
            "pairs": pairs,
            "wanted": whole.contiguous(),
            "speech": talk.mels(rows),
        }

    def losses(self, player: str, batch: LearntBatch, stage: str, step: int) -> dict[str, Tensor]:
        wanted = batch["wanted"].flatten(0, 1)
        if player == "quality":
            with torch.no_grad():
                drawn = self._drawn(self.networks["lnet"], batch)
            quality = self.networks["quality"]
            lower = drawn.shape[2] // 2
            told = (
                probably(quality(each[:, :, lower:]), real) for each, real in ((wanted, 1.0), (drawn, 0.0))
            )
            return {"telling": sum(told, start=torch.zeros((), device=wanted.device))}
        drawn = self._drawn(self.networks["lnet"], batch)
        terms = {"pixels": weighted_distance(drawn, wanted, self.run.lower_weight)}
        terms |= self.perception.terms(drawn, wanted)
        if self.memory["sync_on"] and "expert" in self.judges:
            terms["sync"] = self._sync(drawn, batch)
        if "quality" in self.networks:
            terms["quality"] = probably(self.networks["quality"](drawn[:, :, drawn.shape[2] // 2 :]), 1.0)
        return terms

    def _drawn(self, network: nn.Module, batch: LearntBatch) -> Tensor:
        """Faces (B T, 3, S, S) BGR."""
        drawn: Tensor = network(batch["speech"].flatten(0, 1), batch["pairs"].flatten(0, 1))
        return drawn.float()

    def _sync(self, drawn: Tensor, batch: LearntBatch) -> Tensor:
        frames = drawn.unflatten(0, batch["speech"].shape[:2])
        expert: Any = self.judges["expert"]
        return probably(in_sync(expert, batch["speech"][:, 0], frames), 1.0)

    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        run = self.run
        return {
            **{"pixels": run.pixel_weight, "features": run.feature_weight, "telling": 1.0},
            **{"sync": run.sync_weight * self.memory["sync_on"], "quality": run.quality_weight},
        }

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Distances on clips that are kept back, and by the expert's loss, which may switch it on."""
        found: dict[str, list[float]] = {}
        for talk in self.held:
            batch = self._held_batch(talk)
            drawn, wanted = self._drawn(network, batch), batch["wanted"].flatten(0, 1)
            lower = drawn.shape[2] // 2
            found.setdefault("whole", []).append(float(F.l1_loss(drawn, wanted)))
            found.setdefault("lower", []).append(float(F.l1_loss(drawn[:, :, lower:], wanted[:, :, lower:])))
            if "expert" in self.judges:
                found.setdefault("sync", []).append(float(self._sync(drawn, batch)))
        means = {name: float(np.mean(values)) for name, values in found.items()}
        if means.get("sync", np.inf) < self.run.sync_below:
            self.memory["sync_on"] = 1.0
        return means

    def _held_batch(self, talk: Talk) -> dict[str, Tensor]:
        starts = spread_rows(first_rows(talk), _LOOKED_AT)
        others = np.roll(starts, len(starts) // 2)
        neutral = self.run.reference == "neutral"
        pairs = zip(starts.tolist(), others.tolist(), strict=True)
        samples = [self._sample(talk, start, other, neutral) for start, other in pairs]
        device = device_of(self.networks["lnet"])
        return {name: values.to(device) for name, values in collate(samples).items()}

    def strip(self, network: nn.Module) -> np.ndarray:
        batch = self._held_batch(self.held[0])
        drawn = self._drawn(network, batch)
        pairs = batch["pairs"].flatten(0, 1)
        rows = (pairs[:, :3], pairs[:, 3:], drawn, batch["wanted"].flatten(0, 1))
        return to_strip([to_images(bgr(each)) for each in rows])


def weighted_distance(given: Tensor, wanted: Tensor, lower: float) -> Tensor:
    """Mean distance of pictures (B, 3, H, W), in which the lower half counts so many times."""
    rows = torch.ones(given.shape[2], 1, device=given.device)
    rows[given.shape[2] // 2 :] = lower
    return ((given - wanted).abs() * rows).mean() / rows.mean()
