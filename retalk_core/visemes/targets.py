"""What each speech sound wants of the lips, and how sounds colour their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .signal import RATE

_OPENING_REACH = 0.04  # seconds over which a sound's opening colours its neighbours
_WIDTH_REACH = 0.08  # the same for its width: lips round early and stay round


class Target(NamedTuple):
    """What the lips want during one speech sound."""

    opening: float
    width: float
    opening_weight: float = 1.0  # against the sounds before and after it
    width_weight: float = 1.0
    ceiling: float = 1.0  # however loud the voice, no wider


# fmt: off
TARGETS: dict[str, tuple[Target, ...]] = {  # diphthongs go from one target to another
    "AA": (Target(1, .1),), "AE": (Target(.9, .5),), "AH": (Target(.6, 0),),
    "AO": (Target(.8, -.5, 1, 1.5),), "EH": (Target(.7, .4),), "ER": (Target(.4, -.4),),
    "IH": (Target(.45, .4),), "IY": (Target(.4, .8),), "UH": (Target(.4, -.6, 1, 1.5, .8),),
    "UW": (Target(.3, -1, 1.5, 3, .45),),
    "AW": (Target(.95, .2), Target(.4, -.8, 1, 2, .7)), "AY": (Target(.95, .1), Target(.4, .6)),
    "EY": (Target(.6, .5), Target(.4, .7)),
    "OW": (Target(.6, -.7, 1, 2, .85), Target(.35, -.95, 1.5, 2.5, .65)),
    "OY": (Target(.65, -.7, 1, 2), Target(.45, .5)),
    "B": (Target(0, 0, 4, .5),), "P": (Target(0, 0, 4, .5),), "M": (Target(0, 0, 4, .5),),
    "F": (Target(.08, .15, 2.5, 1, .25),), "V": (Target(.08, .15, 2.5, 1, .25),),
    "S": (Target(.2, .4),), "Z": (Target(.2, .4),),
    "SH": (Target(.27, -.45),), "ZH": (Target(.27, -.45),),
    "CH": (Target(.27, -.45),), "JH": (Target(.27, -.45),),
    "TH": (Target(.28, .1),), "DH": (Target(.28, .1),),
    "T": (Target(.26, .1, .6, .6),), "D": (Target(.26, .1, .6, .6),), "N": (Target(.26, .1, .6, .6),),
    "L": (Target(.4, .1),), "K": (Target(.3, 0, .4, .4),), "G": (Target(.3, 0, .4, .4),),
    "NG": (Target(.3, 0, .4, .4),), "R": (Target(.3, -.5),), "W": (Target(.15, -1, 1.5, 3, .45),),
    "Y": (Target(.3, .6),), "HH": (Target(.4, 0, .2, .1),), "SIL": (Target(0, 0),),
}
# fmt: on


_ALIKE = (
    "SIL", "P B M", "F V", "AA AE AH AO AW AY", "EH EY ER IH IY Y", "UW UH OW OY W",
    "S Z SH ZH CH JH T D TH DH", "N NG L R K G HH",
)  # fmt: skip
SOUNDS_LIKE = {
    sound: kind for kind, sounds in enumerate(_ALIKE) for sound in sounds.split()
}  # what sounds alike; 0: nothing


VOWELS = frozenset(" ".join(_ALIKE[3:6]).split()) - {"Y", "W"}


class Phone(NamedTuple):
    """A speech sound that was heard."""

    name: str  # a key of TARGETS
    start: float  # seconds
    stop: float


class Blend(NamedTuple):
    """What speech sounds together want of the lips in each of N steps."""

    opening: np.ndarray  # (N,) 0..1
    width: np.ndarray  # (N,) -1..1
    ceiling: np.ndarray  # (N,) 0..1
    known: np.ndarray  # (N,) 0..1; 0 where nothing was recognised nearby


def blend_targets(heard: Sequence[Phone], steps: int) -> Blend:
    """Each sound pulls at the lips, hardest while it lasts and ever less before and after."""
    pull = np.zeros((2, steps))  # on opening and on width
    pulled = np.zeros((3, steps))  # opening, width and what is taken off the ceiling
    for phone in heard:
        targets = TARGETS[phone.name]
        half = (phone.stop - phone.start) / len(targets) / 2
        for index, target in enumerate(targets):
            middle = phone.start + (2 * index + 1) * half
            first = max(int((middle - half - 0.4) * RATE), 0)
            last = min(int((middle + half + 0.4) * RATE) + 1, steps)
            time = (np.arange(first, last) + 0.5) / RATE
            distance = np.maximum(np.abs(time - middle) - 0.6 * half, 0)
            on_opening = target.opening_weight * np.exp(-distance / _OPENING_REACH)
            on_width = target.width_weight * np.exp(-distance / _WIDTH_REACH)
            pull[:, first:last] += on_opening, on_width
            pulled[0, first:last] += on_opening * target.opening
            pulled[1, first:last] += on_width * target.width
            pulled[2, first:last] += on_opening * (1 - target.ceiling)
    opening, width, lowered = pulled / np.maximum(pull[[0, 1, 0]], 1e-3)
    return Blend(opening, width, 1 - lowered, pull[0].clip(0, 1))
