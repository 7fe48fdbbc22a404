"""D-Net: learns to give a portrait another frame's expression and pose; first to warp, then to repair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from ....models.expression.dnet import LAYOUT
from ....models.training.dnet import DNetInTraining, DNetShape
from ...compute.batches import device_of
from ...images import to_images, to_network
from ..data.talks import Talk, TalkSet, draw_talk, first_rows, long_enough, spread_rows
from ..judges import Features, JudgeFiles, Perception
from ..settings import Pace, knob
from .base import LearntBatch, Player, Stage, TrainingTask, to_strip

_LOOKED_AT = 8  # pairs of a clip that is kept back


@dataclass(frozen=True)
class DNetRun:
    """Every knob of a run, with its reason; saved in its checkpoints."""

    data: str = knob("", "the folder of a prepared set with coefficients, or cartoons")
    out: str = knob("", "the folder for checkpoints, log and strips")
    init_from: str = knob("", "a checkpoint of D-Net or PIRenderer to begin with: they have the same tensors")
    side: int = knob(256, "pixels of the portraits", "paper")
    warp_steps: int = knob(
        200_000, "steps in which only the warp learns; the paper says progressive", "ancestor"
    )
    features: Features = knob(
        "vgg19", "what pictures are compared by; pyramid and none need no weights", "ancestor"
    )
    scales: int = knob(4, "sizes at which they are compared", "ancestor")
    warp_weight: float = knob(2.5, "of the warped picture's contents", "ancestor")
    content_weight: float = knob(4.0, "of the repaired picture's contents", "ancestor")
    style_weight: float = knob(1000.0, "of its styles: 4 times 250", "ancestor")
    rate: float = knob(1e-4, "of Adam", "ancestor")
    drop_at: int = knob(300_000, "step from which the rate is a fifth", "ancestor")
    shape: DNetShape = field(default_factory=DNetShape)
    pace: Pace = field(default_factory=lambda: Pace(batch=5, accumulate=4))


DNET_TINY = DNetRun(
    side=64,
    warp_steps=200,
    features="pyramid",
    content_weight=1.0,
    rate=1e-3,
    drop_at=0,
    shape=DNetShape(style=64, first=12, most=48, repair=12),
    pace=Pace(
        steps=300, batch=6, average=0.95, tell_every=20, save_every=100, validate_every=100, draw_every=100
    ),
)
DNET_PRESETS = {"full": DNetRun(), "tiny": DNET_TINY}


class DNetTask(TrainingTask):
    """See the module."""

    kind: ClassVar[str] = "dnet"
    score: ClassVar[str] = "warp"

    def __init__(self, run: DNetRun, talks: TalkSet, judges: JudgeFiles | None = None) -> None:
        """Raises InputError where no clip is long enough or a file is missing."""
        self.run, self.pace, self.draws = run, run.pace, "dnet"
        self.talks = long_enough(talks.train, 2, "learn from")
        self.held = long_enough(talks.held, 2, "be judged by")
        self.networks: dict[str, nn.Module] = {"dnet": _begun(DNetInTraining(run.shape))}
        self.perception = Perception(run.features, judges or JudgeFiles(), scales=run.scales)
        self.judges = self.perception.networks
        self.memory: dict[str, float] = {}
        whole = Player("dnet", run.rate, (0.5, 0.999), dead=LAYOUT.dead, drop_at=run.drop_at)
        warping = replace(whole, parts=("mapping_net.", "warpping_net."))
        self.stages = (Stage("warp", run.warp_steps, (warping,)), Stage("gen", None, (whole,)))
        self.about = {**talks.about, "features": run.features}

    def draw(self, chance: np.random.Generator) -> dict[str, Tensor]:
        """Two frames of one clip, which may be the same, each to be made of the other."""
        talk = draw_talk(self.talks, chance)
        rows = chance.choice(np.flatnonzero(talk.usable), 2).tolist()
        return {
            "pictures": self._portraits(talk, rows),
            "windows": talk.windows(rows),
        }

    def _portraits(self, talk: Talk, rows: Sequence[int]) -> Tensor:
        """(n, 3, S, S) RGB in [-1, 1]."""
        return to_network(talk.portraits(rows, self.run.side)) * 2 - 1

    def losses(self, player: str, batch: LearntBatch, stage: str, step: int) -> dict[str, Tensor]:
        given, wanted = batch["pictures"].flatten(0, 1), batch["pictures"].flip(1).flatten(0, 1)
        drawn = self.networks["dnet"](given, batch["windows"].flip(1).flatten(0, 1), stage)
        terms = {"warp": self.perception(drawn.warped, wanted).content}
        if stage == "gen":
            terms["content"], terms["style"] = self.perception(drawn.picture, wanted)
        return terms

    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        run = self.run
        return {"warp": run.warp_weight, "content": run.content_weight, "style": run.style_weight}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean distances to the wanted picture: warped, repaired, of the given one as it is, and warped by
        coefficients of other frames."""
        sums = np.zeros(4)
        for talk in self.held:
            given, wanted, windows = self._pairs(talk)
            drawn = network(given, windows)
            other = network(given, windows.roll(len(windows) // 2, 0))
            pictures = (drawn.warped, drawn.picture, given, other.warped)
            sums += [float(F.l1_loss(each, wanted)) for each in pictures]
        names = ("warp", "picture", "copied", "shuffled")
        return dict(zip(names, (sums / len(self.held)).tolist(), strict=True))

    def strip(self, network: nn.Module) -> np.ndarray:
        given, wanted, windows = self._pairs(self.held[0])
        drawn = network(given, windows)
        rows = (given, drawn.warped, drawn.picture, wanted)
        return to_strip([(to_images(each) + 1) / 2 for each in rows])

    def _pairs(self, talk: Talk) -> tuple[Tensor, Tensor, Tensor]:
        rows = spread_rows(first_rows(talk, 1), _LOOKED_AT)
        others = np.roll(rows, len(rows) // 3 + 1)
        device = device_of(self.networks["dnet"])
        given, wanted = (self._portraits(talk, each.tolist()).to(device) for each in (rows, others))
        return given, wanted, talk.windows(others.tolist()).to(device)


def _begun(network: DNetInTraining) -> DNetInTraining:
    """Weights as PIRenderer begins with them: normal, spread 0.02."""
    for name, weight in network.named_parameters():
        if weight.dim() > 1 and name.endswith("weight") and weight.numel() > weight.shape[0]:
            nn.init.normal_(weight, std=0.02)
    nn.init.zeros_(network.get_parameter("warpping_net.flow_out.2.weight"))  # at first nothing moves
    return network
