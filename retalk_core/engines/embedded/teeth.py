"""Two rows of teeth for a shot, out of the clip's own pictures: the upper on the skull, the lower on the jaw.

They are gathered once, so that no frame's teeth differ from the next one's. Light shades of one picture are
teeth (or a tongue), its darkest the throat; a seam from side to side parts what hangs from what stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...faces.canonical import Pose
from .face import Jaws
from .lips import Between, between_lips
from .warp import carry

ARCH = 2.2  # how fast rows of teeth fall back to the sides, per eye distance
BEHIND = 0.03  # eye distances from the lips' edge back to the teeth
_REACH = (
    0.32,
    0.16,
    0.26,
)  # eye distances that a row reaches to the side, above the resting lip and below it
FINENESS = 1.0  # samples of a row for each of its picture's pixels
MOST_SAMPLES = 640  # for an eye distance
LIGHT_POINTS = (164, 167, 393, 165, 391, 92, 322, 216, 436, 212, 432, 18, 83, 313, 200, 204, 424)  # skin
SEEN_FROM = 0.06  # eye distances; a mouth must be that open to show its teeth
SEEN_PIXELS = 5  # likewise
AROUND = np.stack(np.meshgrid((-1, 0, 1), (-1, 0, 1)), axis=-1).reshape(9, 2)
STEPS = (-2, -1, 0, 1, 2)  # lines by which a seam may rise or fall from column to column
ROUGH = 0.5  # samples for a pixel where a picture is only judged
TALLEST = (0.1, 0.07, 0.02)  # eye distances of an upper and a lower row that show, and over which they end
PARTED = 0.08  # of the teeth's light: rows with less dark between them are one row
STANDING = 0.2  # likewise: a single row with more dark above it stands on the jaw, else it hangs
RIMS = (0.012, 0.02)  # eye distances under the upper and over the lower lip's edge whose pixels may show lip


@dataclass(frozen=True, eq=False)
class Teeth:
    """Both rows as pictures on the arch, and what is behind them."""

    upper: np.ndarray  # (h, w, 4) float32 in [0, 1]: colour times opacity, opacity
    lower: np.ndarray  # (h, w, 4)
    fineness: float  # samples for an eye distance
    throat: np.ndarray  # (3,) colour
    skin: np.ndarray  # (3,) mean colour about the mouth, in the light in which they were seen
    worth: float  # how well both rows are seen, in [0, 1]


def on_arch(jaws: Jaws, anchor: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where on the arch of teeth pixels lie, x and y (h, w) in eye distances from its anchor.

    positions: (h, w, 2) in frame pixels
    """
    matrix, constant = _projection(jaws.pose, anchor)
    inverse = np.linalg.inv(matrix[:, :2])
    flat = (positions - constant) @ inverse.T
    tilt = inverse @ matrix[:, 2]
    x = flat[..., 0]
    for _ in range(4):  # the arch is shallow: each round leaves half of the error or less
        x = flat[..., 0] - tilt[0] * (BEHIND + ARCH * np.square(np.clip(x, -0.3, 0.3)))
    depth = BEHIND + ARCH * np.square(np.clip(x, -0.3, 0.3))
    return x.astype(np.float32), (flat[..., 1] - tilt[1] * depth).astype(np.float32)


def from_arch(jaws: Jaws, anchor: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The reverse of `on_arch`: frame pixels (h, w, 2) of places on the arch."""
    matrix, constant = _projection(jaws.pose, anchor)
    depth = BEHIND + ARCH * np.square(np.clip(x, -0.3, 0.3))
    return np.stack([x, y, depth], axis=-1) @ matrix.T + constant


def _projection(pose: Pose, anchor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frame pixels of places about an anchor: matrix (2, 3) @ place + constant (2,)."""
    matrix = pose.rotation[0].T[:2] / pose.scale[0]
    return matrix, matrix @ (anchor - pose.shift[0])


def sample_row(row: np.ndarray, fineness: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A row's colour and opacity (h, w, 4) at places on the arch."""
    column = (x + np.float32(_REACH[0])) * np.float32(fineness)
    line = (y + np.float32(_REACH[1])) * np.float32(fineness)
    return cv2.remap(row, column, line, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def row_grid(fineness: float) -> tuple[np.ndarray, np.ndarray]:
    """The places on the arch (h, w) that a row's samples stand for."""
    side, above, below = _REACH
    x = np.arange(round(2 * side * fineness)) / fineness - side
    y = np.arange(round((above + below) * fineness)) / fineness - above
    grid = np.meshgrid(x, y)
    return grid[0].astype(np.float32), grid[1].astype(np.float32)


def light_about(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean colour (3,) of the skin about a mouth; points (468, 2) in the picture's own pixels."""
    low, high = np.zeros(2), np.array(picture.shape[1::-1]) - 1
    around = points[list(LIGHT_POINTS), None] + AROUND  # (n, 9, 2)
    place = np.clip(around, low, high).astype(int)
    return picture[place[..., 1], place[..., 0]].mean(axis=(0, 1)).astype(np.float32)


def seen_teeth(
    picture: np.ndarray,
    corner: np.ndarray,
    points: np.ndarray,
    jaws: Jaws,
    opening: float,
    per_pixel: float = FINENESS,
) -> Teeth | None:
    """Cut both rows out of one picture (h, w, 3), float32 in [0, 1]; None: it shows too little of them.

    corner:    (2,) the picture's left top in its frame
    points:    (468, 2) the face in that frame
    opening:   of its mouth, eye distances
    per_pixel: samples of the rows for each of the picture's pixels
    """
    eye_distance = 1 / float(jaws.pose.scale[0])
    if opening < SEEN_FROM or opening * eye_distance < SEEN_PIXELS:
        return None
    fineness = min(per_pixel * eye_distance, MOST_SAMPLES)
    x, y = row_grid(fineness)
    places = from_arch(jaws, jaws.upper, x, y).astype(np.float32)
    seen = carry(picture, places, corner)
    between = between_lips(points, places)
    rims = [max(rim * eye_distance, 1) for rim in RIMS]
    sure = (between.below >= rims[0]) & (between.above >= rims[1])
    if not sure.any():
        return None
    light = cv2.GaussianBlur(seen.mean(axis=2), (0, 0), max(0.006 * fineness, 0.5))
    seam = _beside_one_row(light, sure, _seam(light, sure, between))
    upper, lower, throat = _parted(np.clip(seen, 0, 1), light, sure, seam, fineness)
    for row, away, tallest in ((upper, between.below, TALLEST[0]), (lower, between.above, TALLEST[1])):
        row *= np.clip((tallest - away / eye_distance) / TALLEST[2] + 1, 0, 1)[..., None]  # beyond is tongue
    shift = (jaws.lower - jaws.upper)[:2] * fineness  # a row lies about its own anchor
    moved = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], np.float32)
    lower = cv2.warpAffine(lower, moved, lower.shape[1::-1], flags=cv2.INTER_LINEAR)
    return Teeth(
        upper, lower, fineness, throat, light_about(picture, points - corner), _worth(light, sure, seam)
    )


def _seam(light: np.ndarray, sure: np.ndarray, between: Between) -> np.ndarray:
    """For each column (w,) the line at which the upper row ends: the darkest path from side to side."""
    depth = between.below / np.maximum(between.gap, 1)
    contrast = max(float(np.ptp(light[sure])), 1e-3)
    cost = np.where(sure, (light - light[sure].min()) / contrast + 1.2 * np.square(depth - 0.55), 9.0)
    columns = np.flatnonzero(sure.any(axis=0))
    cost = cost[:, columns[0] : columns[-1] + 1].astype(np.float64)
    total, came = cost[:, 0], []
    for column in range(1, cost.shape[1]):
        padded = np.pad(total, 2, constant_values=np.inf)
        ways = np.stack([padded[2 + step : 2 + step + len(total)] + 0.02 * abs(step) for step in STEPS])
        best = ways.argmin(axis=0)
        came.append(best - 2)
        total = ways[best, np.arange(len(best))] + cost[:, column]
    path = [int(total.argmin())]
    for steps in reversed(came):
        path.append(path[-1] + int(steps[path[-1]]))
    inner = np.array(path[::-1], np.float64)
    return np.interp(np.arange(light.shape[1]), columns[0] + np.arange(len(inner)), inner)


def _beside_one_row(light: np.ndarray, sure: np.ndarray, seam: np.ndarray) -> np.ndarray:
    """The seam (w,), below all where nothing dark parts two rows and the one that is seen hangs.

    In a smile the upper row reaches the lower lip, and the darkest path through it leads nowhere.
    """
    upper, lower = _over_seam(light, sure, seam)
    tall = _tall(sure)
    bright = max(float(np.percentile(light[sure], 95)), 1e-3)
    above, below, between = (
        float(np.clip(rows, 0, 1)[tall].mean()) / bright for rows in (lower, upper, np.minimum(upper, lower))
    )
    if between >= PARTED or above >= max(STANDING, below):
        return seam
    return np.full_like(seam, len(light) - 1)


def _tall(sure: np.ndarray) -> np.ndarray:
    """The columns (w,) in which the mouth is open widely."""
    height = sure.sum(axis=0)
    return np.asarray(height > 0.6 * height.max())


def _over_seam(light: np.ndarray, sure: np.ndarray, seam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much lighter than the seam the rows above and below it are, (w,) each; below 0 without a row."""
    line = np.arange(len(light))[:, None]
    at_seam = light[np.round(seam).astype(int), np.arange(light.shape[1])]
    upper, lower = (np.where(sure & own, light, -1).max(axis=0) for own in (line <= seam, line > seam))
    return upper - at_seam, lower - at_seam


def _worth(light: np.ndarray, sure: np.ndarray, seam: np.ndarray) -> float:
    """How much darker than both rows the seam is, times how wide the upper row is seen."""
    line = np.arange(len(light))[:, None]
    parted = float(np.clip(np.minimum(*_over_seam(light, sure, seam)), 0, 1)[_tall(sure)].mean())
    dark, bright = np.percentile(light[sure], (5, 95))
    upper = np.where(sure & (line <= seam), light, -1).max(axis=0)
    wide = float(np.clip((upper - dark) / max(bright - dark, 1e-3), 0, 1)[sure.any(axis=0)].mean())
    return (parted + 0.05) * wide**2


def _parted(
    seen: np.ndarray, light: np.ndarray, sure: np.ndarray, seam: np.ndarray, fineness: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Upper row, lower row, throat."""
    dark, bright = np.percentile(light[sure], (4, 90))
    throat = seen[sure & (light <= dark + 1e-4)].mean(axis=0)
    throat = throat * min(1.0, 0.3 * bright / max(float(throat.mean()), 1e-3))
    ground = float(throat.mean())
    opacity = np.clip((light - ground) / max(0.45 * (bright - ground), 1e-3), 0, 1).astype(np.float32)
    line = np.arange(len(seen))[:, None]
    rows = []
    for own in (line <= seam, line > seam):
        mine = sure & own
        layer = np.concatenate([seen, opacity[..., None]], axis=2).astype(np.float32)
        layer = _run_on(layer, mine)
        inside = cv2.GaussianBlur(own.astype(np.float32), (0, 0), max(0.004 * fineness, 0.5))
        opaque = layer[..., 3] * inside * _between_columns(mine, fineness)
        colour = np.clip(layer[..., :3] - (1 - layer[..., 3:]) * throat, 0, 1) * inside[..., None]
        colour *= (opaque / np.maximum(layer[..., 3] * inside, 1e-6))[..., None]
        rows.append(np.concatenate([colour, opaque[..., None]], axis=2).astype(np.float32))
    return rows[0], rows[1], throat.astype(np.float32)


def _run_on(layer: np.ndarray, mine: np.ndarray) -> np.ndarray:
    """Carry the first and last pixels of each column's own part on, under the lips."""
    height = len(layer)
    known = mine.any(axis=0)
    if not known.any():
        return np.zeros_like(layer)
    first = np.where(known, mine.argmax(axis=0), 0)
    last = np.where(known, height - 1 - mine[::-1].argmax(axis=0), height - 1)
    line: np.ndarray = np.clip(np.arange(height)[:, None], first, last)
    return layer[line, np.arange(layer.shape[1])[None]]


def _between_columns(mine: np.ndarray, fineness: float) -> np.ndarray:
    """1 in the columns that have a part of their own, fading out at the sides."""
    known = np.asarray(mine.any(axis=0), np.float32)
    return cv2.GaussianBlur(known[None], (0, 0), max(0.008 * fineness, 0.5))
