"""What a person looks like: the colours at the points of a face's mesh, whatever its pose, size and light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...images import white_of
from ...types import Pixels
from ..canonical import load_mouth_model

_SIDE = 48  # pixels across the face in the picture that colours are read off; finer detail doesn't count
_BLACK = 0.05  # added to colours before their logarithm: noise in the dark says nothing
PATTERN_UNIT, TINT_UNIT = 0.3, 0.05  # of what tells two faces apart
# In those units. Between frames of three talking clips, up to four seconds apart, one person's looks differed
# by at most 0.73, those of two people by 0.98 and more, in like light; with several looks remembered, by 0.42
# at most and by 1.18 and more.
LIKE, UNLIKE = 0.75, 1.0
MOST_LOOKS = 8  # that are remembered of a person
NEW_LOOK = 0.3  # one that is less unlike those that are remembered adds nothing
LEAST_POINTS = 40  # that both looks must show
# A face has changed where so large a share of its points has another colour by so much. On three talking
# clips, blinks and turns of the head included, 0.12 was the largest share.
CHANGED, CHANGE = 0.14, 0.3


@dataclass(frozen=True, eq=False)
class Looks:
    """A face in one frame."""

    colours: np.ndarray  # (468, 3) logarithm of red, green and blue
    seen: np.ndarray  # (468,) bool; False beyond the picture's edge


class Person:
    """What is remembered of a person: a few looks that differ."""

    def __init__(self, look: Looks) -> None:
        self._looks = [look]
        self.usual = look.colours.copy()  # (468, 3) a running mean
        self.frames = 1  # that it was learnt from

    def learn(self, look: Looks) -> None:
        """Remember a look, if it is a new one."""
        self.frames += 1
        share = max(1 / self.frames, 0.1)
        self.usual[look.seen] += share * (look.colours - self.usual)[look.seen]
        if NEW_LOOK < self.unlikeness(look) < float("inf"):
            self._looks = [self._looks[0], *self._looks[1:][-(MOST_LOOKS - 2) :], look]

    def unlikeness(self, look: Looks) -> float:
        """How unlike this person a look is; below `LIKE` it is the same one, above `UNLIKE` another."""
        return min(unlikeness(known, look) for known in self._looks)

    def is_like(self, other: Person) -> bool:
        """Whether two people are one."""
        return min(self.unlikeness(look) for look in other._looks) < LIKE

    def changes(self, look: Looks) -> np.ndarray:
        """How much each point's colour differs from the usual one, (468,); not-a-number where it isn't seen.

        The face's light as a whole doesn't count.
        """
        off = look.colours - self.usual
        off = off - np.median(off[look.seen & ~_MOVING], axis=0) if look.seen.any() else off
        return np.where(look.seen, np.abs(off).max(axis=1), np.nan)


def look_at(pixels: Pixels, points: np.ndarray) -> Looks:
    """See what a face looks like.

    pixels: (H, W, 3) uint8 or uint16; points: (468, 2 or 3) the face in it
    """
    places = points[:, :2]
    size = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(places.min(axis=0)) - 1, 0, size - 1).astype(int)
    high = np.clip(np.ceil(places.max(axis=0)) + 2, low + 1, size).astype(int)
    span = max(float(np.ptp(places, axis=0).max()), 1.0)
    stride = max(int(span) // (2 * _SIDE), 1)  # to average all of a large face would cost more
    part = pixels[low[1] : high[1] : stride, low[0] : high[0] : stride]
    scale = min(_SIDE / span, 1.0)
    shrunk = tuple(max(round(length * scale), 1) for length in (high - low).tolist())
    small = cv2.resize(part, shrunk, interpolation=cv2.INTER_AREA).astype(np.float32) / white_of(pixels)
    there = (places - low) * (np.array(shrunk) / (high - low)) - 0.5
    colours = cv2.remap(
        small, there[None].astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )[0]
    inside = (places >= 0) & (places <= size)
    return Looks(np.log(colours + _BLACK), inside[:, 0] & inside[:, 1])


def has_changed(person: Person, look: Looks) -> bool:
    """Whether part of a face looks otherwise than usual: another's, or something before it."""
    still = look.seen & ~_MOVING
    return bool(still.any()) and float((person.changes(look)[still] > CHANGE).mean()) > CHANGED


def unlikeness(one: Looks, other: Looks) -> float:
    """How unlike two looks are, by the pattern of light and dark and by the tint; 0: not at all.

    Infinite where both show too little of the face in common to say.
    """
    both = one.seen & other.seen & ~_MOVING
    if both.sum() < LEAST_POINTS:
        return float("inf")
    first, second = one.colours[both], other.colours[both]
    tints = [colours.mean(axis=0) - colours.mean() for colours in (first, second)]
    tint = float(np.abs(tints[0] - tints[1]).max())
    patterns = [(colours.mean(axis=1) - colours.mean()) for colours in (first, second)]
    norms = max(float(np.linalg.norm(patterns[0]) * np.linalg.norm(patterns[1])), 1e-9)
    return (1 - float(patterns[0] @ patterns[1]) / norms) / PATTERN_UNIT / 2 + tint / TINT_UNIT / 2


def _moving() -> np.ndarray:
    """The points (468,) bool around the lips and below: speech changes what they show."""
    reference = load_mouth_model().reference
    mouth = reference[[13, 14]].mean(axis=0)
    near = np.linalg.norm((reference - mouth)[:, :2] * (1.0, 1.3), axis=1) < 0.42
    return near


_MOVING = _moving()
