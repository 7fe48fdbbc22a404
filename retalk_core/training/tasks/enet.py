"""E-Net: learns to redraw L-Net's coarse face sharply; first at half the size, then whole, then to fool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....models.training.discriminators import PatchDiscriminator
from ....models.training.enet import ENetInTraining, ENetShape
from ....models.training.sync_expert import FRAMES
from ...compute.batches import device_of
from ...images import bgr, to_images, to_network
from ..data.pairs import pair_to_learn
from ..data.talks import Talk, TalkSet, draw_talk, far_row, first_rows, long_enough, spread_rows
from ..judges import NO_JUDGE, Features, JudgeFiles, Perception
from ..losses import BEFORE_LAST, compare_identities, in_sync, probably, signed
from ..rivals import Rivalry, fooling, telling_apart
from ..settings import Pace, knob
from .base import LearntBatch, Player, Stage, TrainingTask, to_strip

_LOOKED_AT = 1  # stretch of a clip that is kept back
IDENTITY_SIDE = 112
SHRUNK = "small"


@dataclass(frozen=True)
class ENetRun:
    """Every knob of a run, with its reason; saved in its checkpoints."""

    data: str = knob("", "the folder of a set of sharp faces, or cartoons")
    out: str = knob("", "the folder for checkpoints, log and strips")
    init_from: str = knob("", "a checkpoint of E-Net to begin with")
    side: int = knob(96, "pixels of L-Net's faces; E-Net's have four times as many", "paper")
    frames: int = knob(5, "in a row of one sample; the expert looks at five", "ancestor")
    lnet: str = knob(
        "official", "L-Net, frozen: official, a checkpoint's path, or small: sharp faces made small", "paper"
    )
    half_steps: int = knob(50_000, "steps at half the size; the paper says progressive")
    whole_steps: int = knob(150_000, "the step at which fooling, sync and identity come in")
    pixel_weight: float = knob(1.0, "of plain distances, the paper's main term", "paper")
    features: Features = knob("vgg19", "what pictures are compared by", "paper")
    feature_weight: float = knob(1.0, "of features", "ancestor")
    rivalry: Rivalry = knob("hinge", "of the two who fool and tell: calm at any size")
    fool_weight: float = knob(0.1, "of fooling; 0: none", "ancestor")
    rival_width: int = knob(64, "channels of the first layer of the one who tells", "paper")
    identity: Literal["arcface", "none"] = knob("arcface", "who tells whether it is the same person", "paper")
    identity_weight: float = knob(1.0, "of identity", "ancestor")
    expert: str = knob("official", "the sync expert: official, a checkpoint's path, or none", "paper")
    sync_weight: float = knob(0.03, "of the expert's loss", "ancestor")
    noise: bool = knob(True, "whether noise is put in, as the released network does", "ancestor")
    rate: float = knob(1e-4, "of Adam, of both", "ancestor")
    momentum: float = knob(0.0, "of Adam, its first beta; rivals want none", "ancestor")
    shape: ENetShape = field(default_factory=ENetShape)
    pace: Pace = field(default_factory=lambda: Pace(batch=2, steps=300_000))


ENET_TINY = ENetRun(
    side=24,
    frames=1,
    lnet=SHRUNK,
    half_steps=30,
    whole_steps=200,
    features="pyramid",
    fool_weight=0.01,
    rival_width=8,
    identity="none",
    expert=NO_JUDGE,
    rate=3e-3,
    momentum=0.9,
    noise=False,
    shape=ENetShape(looks=(8, 16, 32, 32), looks_side=32, style=32, features=(32, 16)),
    pace=Pace(
        steps=220, batch=4, average=0.95, tell_every=20, save_every=50, validate_every=40, draw_every=40
    ),
)
ENET_PRESETS = {"full": ENetRun(), "tiny": ENET_TINY}


class ENetTask(TrainingTask):
    """See the module."""

    kind: ClassVar[str] = "enet"
    score: ClassVar[str] = "distance"

    def __init__(self, run: ENetRun, talks: TalkSet, judges: JudgeFiles | None = None) -> None:
        """Raises InputError where no clip is long enough or a file is missing."""
        self.run, self.pace, self.draws = run, run.pace, "enet"
        self.talks = long_enough(talks.train, 2, "learn from")
        self.held = long_enough(talks.held, 2, "be judged by")
        judges = judges or JudgeFiles()
        self.judges = judges.load_expert(run.expert, run.frames)
        self.perception = Perception(run.features, judges, BEFORE_LAST)
        self.judges |= self.perception.networks
        if run.lnet != SHRUNK:
            self.judges["lnet"] = judges.load("lnet", run.lnet, "What E-Net redraws (or lnet=small)")
        if run.identity != "none":
            self.judges["arcface"] = judges.load(
                "arcface", "official", "The identity loss (or identity=none)"
            )
        self.networks: dict[str, nn.Module] = {"enet": ENetInTraining(run.shape)}
        if run.fool_weight:
            self.networks["rival"] = PatchDiscriminator(run.rival_width)
        self.memory: dict[str, float] = {}
        self.stages = self._planned()
        names = ("features", "lnet", "expert", "identity")
        self.about = {**talks.about, **{name: getattr(run, name) for name in names}}

    def _planned(self) -> tuple[Stage, ...]:
        run = self.run
        betas = (run.momentum, 0.99)
        drawing = Player("enet", run.rate, betas)
        reads = ("conv_body", "final_", "style_convs.0", "style_convs.1", "to_rgbs.0")
        half = Player("enet", run.rate, betas, reads)
        rivals = (Player("rival", run.rate, betas),) if run.fool_weight else ()
        return (
            Stage("half", run.half_steps, (half,)),
            Stage("whole", run.whole_steps, (drawing,)),
            Stage("all", None, (*rivals, drawing)),
        )

    def draw(self, chance: np.random.Generator) -> dict[str, Tensor]:
        """Five sharp faces in a row, another moment's for the looks, the speech of each, and noise."""
        talk = draw_talk(self.talks, chance)
        starts = first_rows(talk)
        start = int(starts[chance.integers(len(starts))])
        sample = self._sample(talk, start, far_row(starts, start, chance, 3 * FRAMES))
        if self.run.noise:
            for i, large in enumerate((2, 2, 4, 4)):
                side = large * (self.run.side + 4)
                noise = chance.standard_normal((self.run.frames, 1, side, side), np.float32)
                sample[f"noise{i}"] = torch.from_numpy(noise)
        return sample

    def _sample(self, talk: Talk, start: int, other: int) -> dict[str, Tensor]:
        rows, side = list(range(start, start + self.run.frames)), 4 * self.run.side
        faces, looks = talk.faces(rows, side), talk.faces([other], side).expand(self.run.frames, -1, -1, -1)
        return {
            "wanted": bgr(to_network(faces)),
            "looks": bgr(to_network(looks)),
            "pairs": pair_to_learn(faces, looks, self.run.side),
            "speech": talk.mels(rows),
        }

    def coarse(self, batch: LearntBatch) -> Tensor:
        """L-Net's faces (B T, 3, S, S) BGR of sharp ones, said with their own speech."""
        wanted = batch["wanted"].flatten(0, 1)
        with torch.no_grad():
            if "lnet" in self.judges:
                drawn: Tensor = self.judges["lnet"](
                    batch["speech"].flatten(0, 1), batch["pairs"].flatten(0, 1)
                )
                return drawn.float()
            return F.avg_pool2d(wanted, 4)

    def losses(self, player: str, batch: LearntBatch, stage: str, step: int) -> dict[str, Tensor]:
        wanted, looks = batch["wanted"].flatten(0, 1), batch["looks"].flatten(0, 1)
        noise = [batch[f"noise{i}"].flatten(0, 1) for i in range(4)] if "noise0" in batch else None
        network: Any = self.networks["enet"]
        if player == "rival":
            with torch.no_grad():
                drawn = network.redraw(self.coarse(batch), looks, noise).picture.float()
            rival = self.networks["rival"]
            return {"telling": telling_apart(self.run.rivalry, rival(wanted * 2 - 1), rival(drawn * 2 - 1))}
        redrawn = network.redraw(self.coarse(batch), looks, noise)
        if stage == "half":
            return self._likeness(redrawn.half.float(), F.avg_pool2d(wanted, 2))
        picture = redrawn.picture.float()
        terms = self._likeness(picture, wanted)
        return terms | (self._lively(picture, wanted, batch) if stage == "all" else {})

    def _likeness(self, drawn: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        return {"pixels": F.l1_loss(drawn, wanted)} | self.perception.terms(drawn, wanted)

    def _lively(self, drawn: Tensor, wanted: Tensor, batch: LearntBatch) -> dict[str, Tensor]:
        """What comes in last: fooling, sync, identity."""
        terms = {}
        if "rival" in self.networks:
            terms["fooling"] = fooling(self.run.rivalry, self.networks["rival"](drawn * 2 - 1))
        if "expert" in self.judges:
            expert: Any = self.judges["expert"]
            size, shape = expert.shape.side, batch["speech"].shape[:2]
            frames = F.interpolate(drawn, (size, size), mode="bilinear", align_corners=False)
            likely = in_sync(expert, batch["speech"][:, 0], frames.unflatten(0, shape))
            terms["sync"] = probably(likely, 1.0)
        if "arcface" in self.judges:
            small = [
                F.interpolate(signed(each), (IDENTITY_SIDE, IDENTITY_SIDE), mode="bilinear")
                for each in (drawn, wanted)
            ]
            terms["identity"] = compare_identities(self.judges["arcface"], *small)
        return terms

    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        run = self.run
        return {
            **{"pixels": run.pixel_weight, "features": run.feature_weight, "telling": 1.0},
            **{"fooling": run.fool_weight, "sync": run.sync_weight, "identity": run.identity_weight},
        }

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean distance on clips that are kept back, that of the coarse face enlarged, and how much other
        looks change."""
        sums = np.zeros(3)
        for talk in self.held:
            batch = self._held_batch(talk)
            coarse = self.coarse(batch)
            wanted, looks = batch["wanted"].flatten(0, 1), batch["looks"].flatten(0, 1)
            drawn = network(coarse, looks)
            larger = F.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False)
            other = network(coarse, looks.flip(1))  # in other colours
            sums += [float(F.l1_loss(*pair)) for pair in ((drawn, wanted), (larger, wanted), (drawn, other))]
        names = ("distance", "bicubic", "looks")
        return dict(zip(names, (sums / len(self.held)).tolist(), strict=True))

    def _held_batch(self, talk: Talk) -> dict[str, Tensor]:
        starts = spread_rows(first_rows(talk), max(_LOOKED_AT, 2))
        sample = self._sample(talk, int(starts[0]), int(starts[-1]))
        device = device_of(self.networks["enet"])
        return {name: value[None].to(device) for name, value in sample.items()}

    def strip(self, network: nn.Module) -> np.ndarray:
        batch = self._held_batch(self.held[0])
        coarse, looks = self.coarse(batch), batch["looks"].flatten(0, 1)
        larger = F.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False)
        rows = (larger, looks, network(coarse, looks), batch["wanted"].flatten(0, 1))
        return to_strip([to_images(bgr(each)) for each in rows])
