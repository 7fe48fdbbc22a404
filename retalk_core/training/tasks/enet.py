"""E-Net: learns to redraw L-Net's coarse face sharply; first at half the size, then whole, then to fool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from ..data.augment import Augment, as_shown, augmented
from ..data.pairs import pair_to_learn
from ..data.talks import Talk, TalkSet, draw_talk, far_row, first_rows, long_enough, spread_rows
from ..judges import NO_JUDGE, Features, JudgeFiles, Perception
from ..losses import BEFORE_LAST, align_identities, compare_identities, in_sync, probably, signed
from ..rivals import Rivalry, fooling, steepness, telling_apart
from ..settings import Pace, knob
from .base import LearntBatch, Player, Stage, TrainingTask, to_strip

_LOOKED_AT = 2  # stretches of a clip that is kept back
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
    steep_weight: float = knob(
        0.0,
        "of how steeply the one who tells changes with real pictures (R1); 10 in the ancestor, beside "
        "wgan_softplus, see preset=ancestor; the paper's pix2pix has none",
        "paper",
    )
    steep_every: int = knob(16, "steps between two looks at that; it counts so many times more", "ancestor")
    identity: Literal["arcface", "none"] = knob("arcface", "who tells whether it is the same person", "paper")
    identity_weight: float = knob(1.0, "of identity", "ancestor")
    expert: str = knob("official", "the sync expert: official, a checkpoint's path, or none", "paper")
    sync_weight: float = knob(0.03, "of the expert's loss", "ancestor")
    most_lost: float = knob(
        0.5,
        "by how much less the expert may find L-Net's face in sync than the sharp one; other samples teach "
        "to overlook the mouth, and are left out; 1: none",
    )
    noise: bool = knob(True, "whether noise is put in, as the released network does", "ancestor")
    rate: float = knob(1e-4, "of Adam, of both", "ancestor")
    momentum: float = knob(0.0, "of Adam, its first beta; rivals want none", "ancestor")
    augment: Augment = field(default_factory=Augment)
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
ENET_PRESETS = {
    "full": ENetRun(),
    "tiny": ENET_TINY,
    "ancestor": ENetRun(rivalry="wgan_softplus", steep_weight=10.0),
}


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
        talk = augmented(draw_talk(self.talks, chance), self.run.augment, chance)
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
        faces, points = talk.faces(rows, side), talk.points(rows)
        looks = talk.faces([other], side).expand(self.run.frames, -1, -1, -1)
        return {
            "wanted": bgr(to_network(faces)),
            "looks": bgr(to_network(looks)),
            "pairs": pair_to_learn(as_shown(talk, faces), as_shown(talk, looks), self.run.side),
            "speech": talk.mels(rows),
            "points": points,
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
        batch, coarse, follows = self._followed(batch, self.coarse(batch))
        wanted, looks = batch["wanted"].flatten(0, 1), batch["looks"].flatten(0, 1)
        noise = [batch[f"noise{i}"].flatten(0, 1) for i in range(4)] if "noise0" in batch else None
        network: Any = self.networks["enet"]
        if player == "rival":
            with torch.no_grad():
                drawn = network.redraw(coarse, looks, noise).picture.float()
            terms = self._told_apart(wanted * 2 - 1, drawn * 2 - 1, step)
        else:
            redrawn = network.redraw(coarse, looks, noise)
            if stage == "half":
                terms = self._likeness(redrawn.half.float(), F.avg_pool2d(wanted, 2))
            else:
                picture = redrawn.picture.float()
                terms = self._likeness(picture, wanted)
                terms |= self._lively(picture, wanted, batch) if stage == "all" else {}
        if follows is None:
            return terms
        # Where nothing is left, all is computed, and counts nothing.
        taught = follows.any().float()
        return {name: taught * term for name, term in terms.items()} | {"followed": follows.float().mean()}

    def _followed(self, batch: LearntBatch, coarse: Tensor) -> tuple[LearntBatch, Tensor, Tensor | None]:
        """The samples whose mouths L-Net drew as the sharp faces have them, their coarse faces, and which.

        All of them, where none does, and where nobody tells: then it is None.
        """
        if "expert" not in self.judges or self.run.most_lost >= 1:
            return batch, coarse, None
        with torch.no_grad():
            drawn, wanted = (self._likely(each, batch) for each in (coarse, batch["wanted"].flatten(0, 1)))
        follows = wanted - drawn <= self.run.most_lost
        if follows.all() or not follows.any():
            return batch, coarse, follows
        rows = coarse.unflatten(0, batch["speech"].shape[:2])[follows]
        return {name: value[follows] for name, value in batch.items()}, rows.flatten(0, 1), follows

    def _likely(self, faces: Tensor, batch: LearntBatch) -> Tensor:
        """How likely the expert finds faces (B T, 3, S, S) with the batch's speech, (B,)."""
        expert: Any = self.judges["expert"]
        size = (expert.shape.side,) * 2
        frames = F.interpolate(faces, size, mode="bilinear", align_corners=False)
        return in_sync(expert, batch["speech"][:, 0], frames.unflatten(0, batch["speech"].shape[:2]))

    def _told_apart(self, real: Tensor, drawn: Tensor, step: int) -> dict[str, Tensor]:
        rival, looks_at = self.networks["rival"], self.run.steep_weight and step % self.run.steep_every == 0
        if looks_at:
            real = real.detach().requires_grad_()
        scores = rival(real)
        terms = {"telling": telling_apart(self.run.rivalry, scores, rival(drawn))}
        if looks_at:
            terms["steepness"] = steepness(scores.float().mean(dim=(1, 2, 3)), real)
        return terms

    def _likeness(self, drawn: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        return {"pixels": F.l1_loss(drawn, wanted)} | self.perception.terms(drawn, wanted)

    def _lively(self, drawn: Tensor, wanted: Tensor, batch: LearntBatch) -> dict[str, Tensor]:
        """What comes in last: fooling, sync, identity."""
        terms = {}
        if "rival" in self.networks:
            terms["fooling"] = fooling(self.run.rivalry, self.networks["rival"](drawn * 2 - 1))
        if "expert" in self.judges:
            terms["sync"] = probably(self._likely(drawn, batch), 1.0)
        if "arcface" in self.judges:
            points = batch["points"].flatten(0, 1)
            small = [align_identities(signed(each), points) for each in (drawn, wanted)]
            terms["identity"] = compare_identities(self.judges["arcface"], *small)
        return terms

    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        run = self.run
        return {
            **{"pixels": run.pixel_weight, "features": run.feature_weight, "telling": 1.0},
            **{"fooling": run.fool_weight, "sync": run.sync_weight, "identity": run.identity_weight},
            "steepness": run.steep_weight / 2 * run.steep_every,
            "followed": 0.0,  # it is only told
        }

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean distance on clips that are kept back, that of the coarse face enlarged, and how much other
        looks change."""
        found = []
        for talk in self.held:
            for batch in self._held_batches(talk):
                coarse = self.coarse(batch)
                wanted, looks = batch["wanted"].flatten(0, 1), batch["looks"].flatten(0, 1)
                drawn = network(coarse, looks)
                larger = F.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False)
                other = network(coarse, looks.flip(1))  # in other colours
                pairs = ((drawn, wanted), (larger, wanted), (drawn, other))
                found.append([float(F.l1_loss(*pair)) for pair in pairs])
        names = ("distance", "bicubic", "looks")
        return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))

    def _held_batches(self, talk: Talk) -> Iterator[dict[str, Tensor]]:
        """The stretches of a clip that are looked at, each with the looks of another."""
        starts = spread_rows(first_rows(talk), _LOOKED_AT)
        device = device_of(self.networks["enet"])
        for start, other in zip(starts.tolist(), np.roll(starts, 1).tolist(), strict=True):
            sample = self._sample(talk, start, other)
            yield {name: value[None].to(device) for name, value in sample.items()}

    def strip(self, network: nn.Module) -> np.ndarray:
        batch = next(self._held_batches(self.held[0]))
        coarse, looks = self.coarse(batch), batch["looks"].flatten(0, 1)
        larger = F.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False)
        rows = (larger, looks, network(coarse, looks), batch["wanted"].flatten(0, 1))
        return to_strip([to_images(bgr(each)) for each in rows])
