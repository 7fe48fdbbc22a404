"""Networks of a few lines in the places of the paper's: what goes in comes out, with a mark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from retalk_nodes.models.catalog import lips
from retalk_nodes.models.expression.dnet import Portrait
from retalk_nodes.models.expression.ganimation import Animated
from retalk_nodes.models.faces.parsing import FaceParser
from retalk_nodes.models.faces.s3fd import Level
from retalk_nodes.models.lips.enet import WHOLE as ENET_WHOLE
from retalk_nodes.models.lips.pcavs_faces import IDENTITY, Identity
from retalk_nodes.models.lips.pcavs_speech import HEARD
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.retalk_core.faces.s3fd import STRIDES
from retalk_nodes.retalk_core.stages.restore import WHOLE
from torch import Tensor, nn


def part_of(picture: Tensor, area: Area) -> Tensor:
    """An area of pictures (B, C, H, W)."""
    return picture[(..., *area.slices)]


class StandIn(nn.Module):
    """Keeps what it was given, so that a test can look at it, and counts pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.seen: list[tuple[Tensor, ...]] = []
        self.made: list[Tensor] = []

    @property
    def pictures(self) -> int:
        """How many pictures it has seen."""
        return sum(len(given[0]) for given in self.seen)

    def note(self, made: Tensor, *given: Tensor) -> Tensor:
        self.seen.append(tuple(each.clone() for each in given))
        self.made.append(made.clone())
        return made

    @property
    def inputs(self) -> list[Tensor]:
        """All that was given as the first argument, second argument, … each joined over the calls."""
        return [torch.cat(parts) for parts in zip(*self.seen, strict=True)]

    @property
    def outputs(self) -> Tensor:
        return torch.cat(self.made)


class Face3DStandIn(StandIn):
    """Coefficients that depend on the picture."""

    def forward(self, picture: Tensor) -> Tensor:
        mean = picture.mean(dim=(1, 2, 3))[:, None]
        return self.note(mean * torch.linspace(-1, 1, 257), picture)


class DNetStandIn(StandIn):
    """Gives the portrait back."""

    def forward(self, picture: Tensor, coefficients: Tensor) -> Portrait:
        made = self.note(picture.clone(), picture, coefficients)
        return Portrait(made, made, made)


class LNetStandIn(StandIn):
    """Gives the reference back, its lower half shifted in brightness by the speech."""

    def __init__(self, reach: float = 0.0) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        made = face[:, 3:].clone()
        made[:, :, made.shape[2] // 2 :] += (
            self.reach * mel.mean(dim=(1, 2, 3), keepdim=False)[:, None, None, None]
        )
        return self.note(made.clamp(0, 1), mel, face)


class LipGANStandIn(StandIn):
    """The same for pictures in the other order."""

    def __init__(self, reach: float = 0.0) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        made = face[:, :3].clone()
        made[:, :, 48:] += self.reach * mel.mean(dim=(1, 2, 3))[:, None, None, None]
        return self.note(made.clamp(0, 1), mel, face)


class IdentityStandIn(StandIn):
    """Sees a picture of 84 pixels, which the map carries to the generator."""

    def forward(self, picture: Tensor) -> Identity:
        small = nn.functional.interpolate(picture, size=(84, 84), mode="area")
        carried = torch.zeros(len(picture), 512, 7, 7)
        carried[:, :432] = nn.functional.pixel_unshuffle(small, 12)
        self.note(carried, picture)
        return Identity(torch.zeros(len(picture), IDENTITY), carried)


class PoseStandIn(StandIn):
    """Codes that hold what was heard."""

    def forward(self, picture: Tensor, heard: Tensor) -> Tensor:
        return self.note(heard.clone(), picture, heard)


class ListeningStandIn(StandIn):
    """How loud it is, again and again."""

    def forward(self, mel: Tensor) -> Tensor:
        return self.note(mel.mean(dim=(1, 2, 3))[:, None].expand(-1, HEARD).clone(), mel)


class HeadStandIn(StandIn):
    """The picture in the map, shifted in brightness by the speech."""

    def __init__(self, reach: float = 0.0) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, style: Tensor, begin: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        small = nn.functional.pixel_shuffle(begin[:, :432], 12)
        made = nn.functional.interpolate(small, size=(224, 224), mode="bilinear")
        made = made + self.reach * style[:, IDENTITY, None, None, None]
        if noise is not None:
            made = made + 0.1 * noise[-1]
        return self.note(made.clamp(-1, 1), style, begin)


class ENetStandIn(StandIn):
    """Gives the looks back, with the brightness of L-Net's lower half. A style is all of the looks."""

    def encoder(self, looks: Tensor) -> Tensor:
        return looks.flatten(1)

    def forward(
        self, mouth: Tensor, style: Tensor, noise: Sequence[Tensor] | None = None, area: Area = ENET_WHOLE
    ) -> Tensor:
        looks = style.view(-1, 3, 384, 384)
        made = looks.clone()
        small = nn.functional.interpolate(looks, size=(96, 96), mode="bilinear")
        change = (mouth - small)[:, :, 48:].mean(dim=(1, 2, 3))
        made[:, :, 192:] += change[:, None, None, None]
        return part_of(self.note(made, mouth, looks), area)


class RestorerStandIn(StandIn):
    """Gives the face back."""

    def forward(self, picture: Tensor, area: Area = WHOLE) -> Tensor:
        return part_of(self.note(picture.clone(), picture), area)


class GanimationStandIn(StandIn):
    """Reddens the face by the action units' sum."""

    def forward(self, picture: Tensor, action_units: Tensor) -> Animated:
        colour = picture.clone()
        colour[:, 0] += action_units.sum(dim=1)[:, None, None] + 0.2
        mask = torch.zeros_like(picture[:, :1])
        self.note(colour, picture, action_units)
        return Animated(colour, colour, mask)


class ParserStandIn(FaceParser):
    """Sees a mouth where aligned faces have theirs."""

    classes = ("background", "skin", "mouth", "upper lip", "lower lip")

    def __init__(self) -> None:
        super().__init__()
        self.pictures = 0

    def forward(self, picture: Tensor) -> Tensor:
        self.pictures += len(picture)
        side = picture.shape[-1]
        at = (torch.arange(side) + 0.5) / side
        inside = ((at[None] - 0.5) / 0.14) ** 2 + ((at[:, None] - 0.75) / 0.07) ** 2 < 1
        logits = torch.zeros(len(picture), len(self.classes), side, side)
        logits[:, 0] = 5.0
        logits[:, 2] = torch.where(inside, 9.0, -9.0)
        return logits


class DarkeningRestorer(StandIn):
    """Gives the face back darker, so that what it restored can be seen."""

    def forward(self, picture: Tensor, area: Area = WHOLE) -> Tensor:
        return part_of(self.note(picture * 0.8 - 0.2, picture), area)


class PulsingParser(ParserStandIn):
    """Sees a mouth that is larger or smaller in each picture, for no reason but what is in it."""

    def forward(self, picture: Tensor) -> Tensor:
        logits = super().forward(picture)
        at = (torch.arange(picture.shape[-1]) + 0.5) / picture.shape[-1]
        size = 0.03 + 0.1 * (97 * picture.mean(dim=(1, 2, 3))).frac().abs()
        far = ((at[None] - 0.5) ** 2 + (at[:, None] - 0.75) ** 2).sqrt()
        logits[:, 2] = torch.where(far < size[:, None, None], 9.0, -9.0)
        return logits


Sighting = tuple[float, Sequence[float]]  # logit, 0 for a score of 0.5; left, top, right, bottom


class S3FDStandIn(StandIn):
    """Sees in each picture after the other what it was told, and the last of that from then on."""

    def __init__(self, *sightings: Sequence[Sighting]) -> None:
        super().__init__()
        self.sightings = list(sightings)

    def forward(self, picture: Tensor) -> list[Level]:
        self.note(picture, picture)
        levels = []
        for stride in STRIDES:
            height, width = (max(1, side // stride) for side in picture.shape[2:])
            scores = torch.tensor([0.0, -9.0]).view(1, 2, 1, 1).repeat(1, 1, height, width)
            levels.append(Level(scores, torch.zeros(1, 4, height, width)))
        for sighting in self.sightings.pop(0) if len(self.sightings) > 1 else self.sightings[0]:
            self._draw(levels[0], *sighting)
        return levels

    def _draw(self, level: Level, score: float, box: Sequence[float]) -> None:
        """At the anchor in the box's middle, 16 pixels wide, one every four pixels."""
        x, y, width, height = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]
        row, column = int(y) // 4, int(x) // 4
        level.scores[0, 1, row, column] = score
        centre = [(x - 4 * (column + 0.5)) / 1.6, (y - 4 * (row + 0.5)) / 1.6]
        size = [math.log(side / 16) / 0.2 for side in (width, height)]
        level.boxes[0, :, row, column] = torch.tensor([*centre, *size])


def stand_ins(**others: nn.Module) -> dict[str, nn.Module]:
    """One for every place; `others` replace some. What else draws lips does it as L-Net."""
    networks: Mapping[str, nn.Module] = {
        **{key: LNetStandIn() for keys in lips().values() for key in keys},
        "face3d": Face3DStandIn(),
        "dnet": DNetStandIn(),
        "lipgan": LipGANStandIn(),
        "pcavs_v": IdentityStandIn(),
        "pcavs_e": PoseStandIn(),
        "pcavs_a_sync": ListeningStandIn(),
        "pcavs_g": HeadStandIn(),
        "enet": ENetStandIn(),
        "ganimation": GanimationStandIn(),
        "parser": ParserStandIn(),
        "gfpgan": RestorerStandIn(),
        "gpen": RestorerStandIn(),
    }
    return {**networks, **others}
