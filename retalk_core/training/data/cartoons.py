"""Cartoon heads that talk: everything about them is known, so a few seconds show whether a trainer learns.

A head is an ellipse with eyes; its mouth opens as the sound is loud. The sound is a tone with overtones. It
can show that gradients reach every part, that sound moves the mouth, and that looks come from the reference.
It says nothing about speech, sync or realism.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...stages.coefficients import BEFORE
from ...stages.speech import SAMPLE_RATE, cut_windows, log_mel
from .talks import LEARNT_AFTER, LEARNT_RATE, Talk, TalkSet

_PARTIALS = 11
_SECONDS = 4
_POINTS = ((0.37, 0.42), (0.63, 0.42), (0.5, 0.58), (0.36, 0.75), (0.64, 0.75))  # eyes, nose, mouth
_LEFT, _TOP, _RIGHT, _BOTTOM = 0.3, 0.55, 0.7, 0.95  # around every mouth, in parts of the picture


@dataclass(frozen=True, eq=False)
class Cartoon:
    """One of them, with its sound; see `talks.Talk`."""

    number: int  # says everything about it

    @property
    def name(self) -> str:
        return f"cartoon {self.number}"

    speaker = voice = name

    @cached_property
    def opening(self) -> np.ndarray:
        """How far the mouth is open in each frame, (T,) in [0, 1]."""
        chance = np.random.default_rng((12, self.number))
        knots = chance.uniform(0, 1, _SECONDS * 6 + 2) * (chance.uniform(0, 1, _SECONDS * 6 + 2) > 0.25)
        at = np.arange(_SECONDS * LEARNT_RATE) / LEARNT_RATE * 6
        return np.interp(at, np.arange(len(knots)), knots)

    @cached_property
    def pose(self) -> np.ndarray:
        """Where the head is in each frame, x, y in parts of the picture, and how it is tilted, (T, 3)."""
        chance = np.random.default_rng((13, self.number))
        phase, speed = chance.uniform(0, 2 * math.pi, 3), chance.uniform(0.5, 1.5, 3)
        at = np.arange(_SECONDS * LEARNT_RATE)[:, None] / LEARNT_RATE
        swing: np.ndarray = np.sin(phase + speed * at * 2) * np.array([0.06, 0.05, 0.2])
        return swing

    @cached_property
    def usable(self) -> np.ndarray:
        return np.ones(_SECONDS * LEARNT_RATE, bool)

    @cached_property
    def shot(self) -> np.ndarray:
        return np.zeros(_SECONDS * LEARNT_RATE, int)

    @cached_property
    def looks(self) -> dict[str, np.ndarray]:
        """Colours of skin, background, eyes; the palette is narrow, since there is little time to learn."""
        chance = np.random.default_rng((14, self.number))
        return {
            "skin": np.array([0.85, 0.66, 0.55]) + chance.uniform(-0.08, 0.08, 3),
            "behind": np.array([0.4, 0.45, 0.5]) + chance.uniform(-0.1, 0.1, 3),
            "eyes": np.array([0.15, 0.2, 0.25]) + chance.uniform(-0.1, 0.1, 3),
            "width": np.array([0.34 + chance.uniform(-0.03, 0.03), 0.42 + chance.uniform(-0.03, 0.03)]),
            "mark": chance.uniform(-1, 1, 4),
        }

    @cached_property
    def waveform(self) -> Tensor:
        """Its sound, (samples,) at 16 kHz."""
        chance = np.random.default_rng((15, self.number))
        at = np.arange(_SECONDS * SAMPLE_RATE) / SAMPLE_RATE
        pitch = chance.uniform(90, 220)
        tone = sum(np.sin(2 * math.pi * pitch * k * at + k) / k for k in range(1, _PARTIALS + 1))
        level = np.interp(at * LEARNT_RATE, np.arange(len(self.opening)), self.opening)
        sound = 0.2 * level * tone + 1e-4 * chance.standard_normal(len(at))
        return torch.from_numpy(sound.astype(np.float32))

    @cached_property
    def _mel(self) -> Tensor:
        return log_mel(self.waveform)

    def mels(self, rows: Sequence[int]) -> Tensor:
        return cut_windows(self._mel, [Fraction(row, LEARNT_RATE) for row in rows])

    def faces(self, rows: Sequence[int], side: int) -> Tensor:
        return torch.stack([self.draw(row, side) for row in rows])

    def references(self, rows: Sequence[int], side: int) -> Tensor:
        return torch.stack([self.draw(row, side, opening=0.0) for row in rows])

    def portraits(self, rows: Sequence[int], side: int) -> Tensor:
        return torch.stack([self.draw(row, side, moves=True) for row in rows])

    def points(self, rows: Sequence[int]) -> Tensor:
        return torch.tensor([_POINTS] * len(rows))

    def draw(self, row: int, side: int, *, opening: float | None = None, moves: bool = False) -> Tensor:
        """One picture (side, side, 3) RGB in [0, 1].

        opening: of the mouth; None: what the frame says
        moves:   the head moves in the picture, as in a portrait; faces are cut out around it
        """
        wide = self.opening[row] if opening is None else opening
        x, y, tilt = self.pose[row] if moves else (0.0, 0.0, 0.0)
        grid = (np.arange(side) + 0.5) / side
        right, down = np.meshgrid(grid - 0.5 - x, grid - 0.5 - y)
        across, along = (
            right * math.cos(tilt) + down * math.sin(tilt),
            down * math.cos(tilt) - right * math.sin(tilt),
        )
        looks = self.looks
        picture = np.broadcast_to(looks["behind"], (side, side, 3)).copy()
        w, h = looks["width"]
        eyes = [(sign * 0.13, -0.08, 0.05, 0.03, looks["eyes"]) for sign in (-1, 1)]
        mark = looks["mark"]
        spots = [(0.2 * mark[0], -0.25 + 0.05 * mark[1], 0.03, 0.03, looks["skin"] * (0.8 + 0.1 * mark[2]))]
        mouth = (0.0, 0.25, 0.14, 0.012 + 0.085 * wide, np.array([0.25, 0.08, 0.1]))
        for cx, cy, rx, ry, colour in ((0.0, 0.0, w, h, looks["skin"]), *spots, *eyes, mouth):
            reach = 1 - np.hypot((across - cx) / rx, (along - cy) / ry)
            inside = np.clip(reach * side * min(rx, ry) + 0.5, 0, 1)[..., None]
            picture = picture * (1 - inside) + np.asarray(colour) * inside
        return torch.from_numpy(picture.clip(0, 1).astype(np.float32))

    def windows(self, rows: Sequence[int]) -> Tensor:
        """Opening and pose, spread over 73 numbers by a fixed matrix."""
        known = np.column_stack([self.opening, 10 * self.pose, np.ones(len(self.opening))])
        spread = np.random.default_rng(7).standard_normal((known.shape[1], 73)) / math.sqrt(known.shape[1])
        coefficients = torch.from_numpy((known @ spread).astype(np.float32))
        around = torch.tensor(list(rows))[:, None] + torch.arange(-BEFORE, LEARNT_AFTER + 1)
        return coefficients[around.clamp(0, len(coefficients) - 1)].mT.contiguous()


def cartoon_set(train: int = 24, held: int = 6) -> TalkSet:
    """Cartoons to learn from, and others."""
    every: list[Talk] = [Cartoon(number) for number in range(train + held)]
    about = {"sets": ["cartoons"], "licences": ["drawn by this program"], "clips": train, "held": held}
    return TalkSet(tuple(every[:train]), tuple(every[train:]), about)


def mouth_box(side: int) -> tuple[slice, slice]:
    """Rows and columns around every mouth, open or not."""
    top, bottom, left, right = (round(part * side) for part in (_TOP, _BOTTOM, _LEFT, _RIGHT))
    return slice(top, bottom), slice(left, right)


def dark_area(pictures: Tensor) -> np.ndarray:
    """How much of the mouths is dark, (n,) in [0, 1], of pictures (n, S, S, 3) in [0, 1]."""
    rows, columns = mouth_box(pictures.shape[1])
    light = pictures[:, rows, columns].mean(dim=3)
    return ((0.5 - light).clamp(0, 0.2) / 0.2).mean(dim=(1, 2)).numpy()
