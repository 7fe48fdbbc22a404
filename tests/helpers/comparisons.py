"""Pairs of tiny clips, and stand-ins that count who asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from retalk_nodes.retalk_core.comparing.compare import Comparison
from retalk_nodes.retalk_core.comparing.pairs import ClipAndVoice, write_pairs
from retalk_nodes.retalk_core.comparing.work import CompareQuestion
from retalk_nodes.retalk_core.compute.provider import FACE_NETWORKS, LocalNetworks
from retalk_nodes.retalk_core.weights.files import ModelFiles
from scenes import talking
from standins import stand_ins
from torch import nn
from videos import speaking_clip

FRAMES = 12
STRETCH = Fraction(9, 25)  # seconds of each pair


class Counting(LocalNetworks):
    """Has stand-ins for all networks that draw, and none that judges."""

    def __init__(self, folder: Path, without: Sequence[str] = (), **others: nn.Module) -> None:
        lent = {key: each for key, each in stand_ins(**others).items() if key not in without}
        super().__init__(ModelFiles([folder]), device="cpu", precision="fp32", lent=lent)
        self.asked: Counter[str] = Counter()

    @contextmanager
    def borrow(self, key: str) -> Iterator[Any]:
        self.asked[key] += key not in FACE_NETWORKS
        with super().borrow(key) as network:
            yield network


def written_pairs(folder: Path, names: Sequence[str], given: Mapping[int, Path] | None = None) -> Path:
    """A table in which each clip speaks with the voice of the next one, a few frames in.

    given: finished videos of a system called Elsewhere, by the pair's place
    """
    clips = [speaking_clip(folder / f"{name}.mkv", talking(FRAMES)) for name in names]
    pairs = [
        ClipAndVoice(
            clip,
            clips[(place + 1) % len(clips)],
            start=Fraction(2, 25),
            voice_start=Fraction(1, 25),
            seconds=STRETCH,
            finished={"Elsewhere": given[place]} if given and place in given else {},
        )
        for place, clip in enumerate(clips)
    ]
    write_pairs(folder / "pairs.csv", pairs)
    return folder / "pairs.csv"


class Small(NamedTuple):
    """A small comparison that was made once."""

    question: CompareQuestion
    networks: Counting
    comparison: Comparison
