"""The line of the inner lips, and where pixels lie between them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from ...boxes import Box
from ...faces.canonical import LIP_PAIRS, eye_distance
from ...images import white_of

UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
# For each pair of `LIP_PAIRS`, the outer lip's points above and below it.
OUTER_PAIRS = (
    (0, 17),
    (37, 84),
    (267, 314),
    (39, 181),
    (269, 405),
    (40, 91),
    (270, 321),
    (185, 146),
    (409, 375),
)
_SAMPLED, RIM_STEPS = 0.8, 21  # how far into a lip its colours are looked at, and in how many steps
DEEPEST = 0.6  # how far into it its edge may lie; beyond that all is lip
STRETCH = 4  # steps of lip that are more than a speck between teeth
LIKE_LIP = 0.10  # a colour nearer to the lip's than this is lip, whatever else is there
# Columns: lightness, redness and the rest of the hue; dim teeth are as light as lips, but never as red.
REDNESS = ((0.33, 2.0, 0.0), (0.33, -2.0, 0.5), (0.33, 0.0, -0.5))
LEAST_RIM = 0.1
TOUCHING = (0.01, 0.04)  # openings, in mouth widths, of which no rim is left out, and all of it
FINER = 4  # points of the smooth line for each of the mesh's
_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_COLUMNS, _LINES = 39, 41  # of the grid from corner to corner and from outline to outline
_UPPER_MIDDLE, _LOWER_MIDDLE = slice(7, 14), slice(27, 34)  # lines of it that lie on the lips' middles
_DARK = 0.55  # of the lips' lightness; darker is the gap
_WIDEST = 6  # columns of the gap that count


@dataclass(frozen=True, eq=False)
class Between:
    """Where positions (h, w) lie in a mouth."""

    below: np.ndarray  # (h, w) pixels below the upper lip's edge
    above: np.ndarray  # (h, w) pixels above the lower lip's edge
    across: np.ndarray  # (h, w) −1 at one corner, 1 at the other

    @property
    def gap(self) -> np.ndarray:
        """How far the lips are apart there (h, w), in pixels."""
        return self.below + self.above

    def mask(self, softness: float) -> np.ndarray:
        """1 between the lips, 0 on them; the step is that many pixels wide."""
        ramp = np.minimum(self.below, self.above) / np.float32(softness) + np.float32(0.5)
        return np.clip(ramp, 0, 1)


def between_lips(points: np.ndarray, positions: np.ndarray) -> Between:
    """Find positions (h, w, 2) among the inner lips of a face (468, 2), in the same pixels.

    Beyond the corners the lips' edges run on as one line, so that nothing lies between them.
    """
    axis, half, away = _axes(points, positions)
    across = away[..., 0] * axis[0] + away[..., 1] * axis[1]
    down = away[..., 1] * axis[0] - away[..., 0] * axis[1]
    upper, lower = (_edge(points[list(line)], axis, across) for line in (UPPER_INNER, LOWER_INNER))
    return Between(down - upper, np.maximum(lower, upper) - down, across / np.float32(half))


class LipRims(NamedTuple):
    """How far behind a mesh's inner edge lip is seen, in shares of its thickness; 0 where lips touch."""

    begins: np.ndarray  # (2, 9) where lip begins, for the upper and the lower lips of `LIP_PAIRS`
    last: np.ndarray  # (2, 9) where the last of what isn't lip, or gleams, ends


def lip_rims(picture: np.ndarray, points: np.ndarray) -> LipRims:
    """Where the lips themselves begin.

    picture: (h, w, 3); points: (468, 2) in its pixels

    A mesh lies a pixel or two beside the lips, and the pixels between are teeth or throat: what differs from
    the lip's own colour, which is seen in its middle.
    """
    inner = points[np.array(LIP_PAIRS).T]  # (2, 9, 2)
    outer = points[np.array(OUTER_PAIRS).T]
    steps = np.linspace(0, _SAMPLED, RIM_STEPS, dtype=np.float32)
    places = (inner[:, :, None] + steps[:, None] * (outer - inner)[:, :, None]).astype(np.float32) - 0.5
    seen = cv2.remap(
        picture, places.reshape(18, RIM_STEPS, 2), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    seen = seen.reshape(2, 9, RIM_STEPS, 3).astype(np.float32) / white_of(picture)
    seen = seen @ np.array(REDNESS, np.float32)
    own = seen[:, :, steps > DEEPEST - 0.1].mean(axis=(1, 2), keepdims=True)  # of each lip as a whole
    off = np.sqrt(np.square(seen[:, :, steps <= DEEPEST] - own).sum(axis=3))
    off = off > np.maximum(0.5 * off.max(axis=2, keepdims=True), LIKE_LIP)
    width = max(float(np.linalg.norm(points[308] - points[78])), 1e-3)
    apart = np.linalg.norm(inner[1] - inner[0], axis=1) / width
    shown = np.clip((apart - TOUCHING[0]) / (TOUCHING[1] - TOUCHING[0]), 0, 1)
    begins, last = (
        (LEAST_RIM + np.minimum(_calmed(each * float(steps[1])), DEEPEST)) * shown for each in _lip_steps(off)
    )
    return LipRims(begins, last)


def _lip_steps(off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps (2, 9) at which a lip begins, and after the last that isn't lip.

    off: (2, 9, n) whether a step's colour isn't the lip's

    A gleam farther in is on the lip: it begins with the first stretch of its own colour, where there is one.
    """
    lip = np.asarray(np.lib.stride_tricks.sliding_window_view(~off, STRETCH, axis=2).all(axis=3))
    last = np.where(off.any(axis=2), off.shape[2] - off[:, :, ::-1].argmax(axis=2), 0)
    return np.where(lip.any(axis=2), lip.argmax(axis=2), last), last


def _calmed(values: np.ndarray) -> np.ndarray:
    """Medians of neighbours along the lips: `LIP_PAIRS` go from the middle to both sides."""
    order = np.array([7, 5, 3, 1, 0, 2, 4, 6, 8])
    along = values[:, order]
    low, high = np.minimum(along[:, :-1], along[:, 1:]), np.maximum(along[:, :-1], along[:, 1:])
    result = values.copy()
    result[:, order[1:-1]] = np.maximum(low[:, :-1], np.minimum(high[:, :-1], along[:, 2:]))
    return result


class SeenLips(NamedTuple):
    """What a picture shows of a mouth, whatever the mesh says of it."""

    gap: float  # eye distances of dark between the lips, at its widest
    extent: float  # the share of the mesh's width in which there is lip
    contrast: float  # how much the lips differ from the skin in hue


def seen_lips(picture: np.ndarray, points: np.ndarray, skin: np.ndarray) -> SeenLips:
    """Look at the lips in a picture (h, w, 3) with a face's points (468, 2) in its pixels.

    skin: (3,) the colour of the skin about the mouth, in the picture's numbers

    A mesh closes lips that are a little apart, and keeps the width of lips that are drawn in.
    """
    at = np.linspace(0, 10, _COLUMNS + 2)[1:-1]
    upper, lower = (
        np.stack([np.interp(at, np.arange(11), points[list(line), axis]) for axis in (0, 1)], axis=-1)
        for line in (_UPPER_OUTER, _LOWER_OUTER)
    )
    down = np.linspace(0, 1, _LINES)[:, None, None]
    places = (upper + down * (lower - upper) - 0.5).astype(np.float32)
    seen = cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mixed = np.array(REDNESS, np.float32) / white_of(picture)
    seen, bare = seen.astype(np.float32) @ mixed, np.asarray(skin, np.float32) @ mixed
    middle = slice(_COLUMNS // 3, -(_COLUMNS // 3))
    lip = np.median(
        np.concatenate([seen[part, middle].reshape(-1, 3) for part in (_UPPER_MIDDLE, _LOWER_MIDDLE)]), axis=0
    )
    hue = (lip - bare)[1:]
    like = (seen[..., 1:] - bare[1:]) @ hue / max(float(hue @ hue), 1e-6)  # 0 is skin, 1 lip
    has_lip = [np.median(like[part], axis=0) > 0.5 for part in (_UPPER_MIDDLE, _LOWER_MIDDLE)]
    dark = (seen[..., 0] < _DARK * lip[0]).mean(axis=0) * np.linalg.norm(lower - upper, axis=1)
    dark /= eye_distance(points, 1.0)
    return SeenLips(
        gap=float(np.sort(dark[_COLUMNS // 5 : -(_COLUMNS // 5)])[-_WIDEST:].mean()),
        extent=float((has_lip[0] | has_lip[1]).mean()),
        contrast=float(np.linalg.norm(hue)),
    )


def upper_side(points: np.ndarray, positions: np.ndarray, softness: float) -> np.ndarray:
    """1 above the line on which the lips of a face (468, 2) meet, 0 below it, (h, w).

    The step is sharp between the corners, and `softness` pixels wide beyond them.
    """
    axis, half, away = _axes(points, positions)
    across = away[..., 0] * axis[0] + away[..., 1] * axis[1]
    middle = (points[list(UPPER_INNER)] + points[list(LOWER_INNER)]) / 2
    above = _edge(middle, axis, across) - (away[..., 1] * axis[0] - away[..., 0] * axis[1])
    inside = np.clip((half - np.abs(across)) / np.float32(0.15 * half), 0, 1)
    width = np.maximum(np.float32(softness) * (1 - inside), np.float32(1e-3))
    return np.clip(above / width + np.float32(0.5), 0, 1)


def pixel_centres(box: Box) -> np.ndarray:
    """The positions (h, w, 2) of a box's pixels."""
    y, x = np.mgrid[box.top : box.bottom, box.left : box.right].astype(np.float32) + np.float32(0.5)
    return np.stack([x, y], axis=-1)


def _axes(points: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """From the mouth's left to its right (2,), half its width, and positions (h, w, 2) about its middle."""
    left, right = points[UPPER_INNER[0]], points[UPPER_INNER[-1]]
    axis = (right - left) / 2
    half = max(float(np.linalg.norm(axis)), 1e-3)
    return (axis / half).astype(np.float32), half, positions - ((left + right) / 2).astype(np.float32)


def _edge(line: np.ndarray, axis: np.ndarray, across: np.ndarray) -> np.ndarray:
    """How far down a line of points (11, 2) lies across the mouth, both in pixels about its middle."""
    smooth = _smoother(len(line)) @ (line - (line[0] + line[-1]) / 2)
    along = np.maximum.accumulate(smooth @ axis)
    return np.interp(across, along, smooth[:, 1] * axis[0] - smooth[:, 0] * axis[1]).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _smoother(count: int) -> np.ndarray:
    """Points on a Catmull-Rom spline, as weights (N, count) of those that it meets."""
    identity = np.eye(count)
    padded = np.concatenate([identity[:1], identity, identity[-1:]])
    rows = []
    for i in range(count - 1):
        p = padded[i : i + 4]
        for t in np.arange(FINER) / FINER:
            rows.append(
                p[1]
                + 0.5 * t * (p[2] - p[0])
                + t**2 * (p[0] - 2.5 * p[1] + 2 * p[2] - 0.5 * p[3])
                + t**3 * (1.5 * (p[1] - p[2]) + 0.5 * (p[3] - p[0]))
            )
    return np.array([*rows, identity[-1]])
