"""Which of the clip's own mouth pictures lends its texture to each frame.

A bank holds pictures of distinct mouths of one shot, a bounded number however long the shot is. The path
through it is found by dynamic programming: near in lip shape, opening and pose, with few visible jumps.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ...boxes import Box
from ...crops.patch import box_around
from ...faces.canonical import INNER_LIP, OUTER_LIP
from ...metrics.mouth import lip_sharpness, mouth_thumb
from ...types import Frame
from .light import DARK, light_mismatch
from .lips import SeenLips, lip_rims, seen_lips
from .shape import ShotShapes
from .teeth import light_about
from .warp import mouth_patch

LIP_POINTS = (*OUTER_LIP, *INNER_LIP)
OWN = -1  # the shown frame's own picture
BANK_BYTES = 40 << 20
BANK_PICTURES = (16, 80)  # at least and at most
SHAPE_SHARE = 0.7
SHAPE_UNIT = 0.025  # eye distances, root mean square over the lips' points
POSE_UNIT = 0.15  # radians
FAR_APART = 0.1  # eye distances; such lips are drawn thin, and teeth lie along their edges
NARROW = 0.03  # eye distances; openings below this look alike: lips are shut and parted without a trace
RIM_UNIT = 0.15  # of a lip's thickness
EXTENT_UNIT = 0.1  # of a mouth's width
LEAST_HUE = 0.15  # on a scale where white is 1
VISIBLE = 1.2  # jumps beyond this many units are seen and cross-faded


@dataclass(frozen=True, eq=False)
class Mouths:
    """What the search compares: lips' shape, opening and pose of n mouths."""

    lips: np.ndarray  # (n, 80) canonical x, y of the lips' points about their mean
    opening: np.ndarray  # (n,) eye distances
    rotation: np.ndarray  # (n, 3, 3)
    light: np.ndarray | None = None  # (n, 3) the skin's colour; None: it doesn't count

    def __getitem__(self, item: np.ndarray) -> Mouths:
        light = None if self.light is None else self.light[item]
        return Mouths(self.lips[item], self.opening[item], self.rotation[item], light)

    def __len__(self) -> int:
        return len(self.opening)


@dataclass(frozen=True, eq=False)
class Bank:
    """Pictures of distinct mouths of one shot."""

    rows: np.ndarray  # (m,) rows of the shot
    pictures: tuple[np.ndarray, ...]  # (h, w, 3) each, as decoded
    corners: tuple[np.ndarray, ...]  # (2,) each: where its left top lies in the frame
    thumbs: np.ndarray  # (m, 768) small canonical pictures of the mouth, in [0, 1]
    sharpness: np.ndarray  # (m,) of the lips
    rims: np.ndarray  # (m, 2, 9) where its lips begin, from `lips.lip_rims`
    beside: np.ndarray  # (m,) how far beside them the mesh lies, in shares of their thickness
    seen: np.ndarray  # (m, 3) from `lips.seen_lips`

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class TextureChoice:
    """The texture of T frames: a mix of bank entries (or OWN)."""

    entries: np.ndarray  # (T, 3) of the frame before, this frame, the frame after
    shares: np.ndarray  # (T, 3) adding up to 1; the outer two are 0 where nothing jumps


def lip_shapes(canonical: np.ndarray) -> np.ndarray:
    """The lips' points of canonical meshes (n, 468, 3), about their mean: (n, 80)."""
    lips = canonical[:, list(LIP_POINTS), :2]
    return (lips - lips.mean(axis=1, keepdims=True)).reshape(len(lips), -1).astype(np.float32)


def distinct(mouths: Mouths, most: int) -> np.ndarray:
    """Rows of at most `most` mouths that differ: each next one is the farthest from those chosen."""
    first = int(np.argmin(mouths.opening))
    chosen, distance = [first], np.full(len(mouths), np.inf)
    while len(chosen) < most:
        newest = np.array([chosen[-1]])
        distance = np.minimum(distance, mismatch(mouths, mouths[newest])[:, 0])
        farthest = int(np.argmax(distance))
        if distance[farthest] < 0.02:  # no visible difference is left
            break
        chosen.append(farthest)
    return np.array(sorted(chosen))


def bank_size(patch: tuple[int, int], bytes_per_pixel: int) -> int:
    """How many pictures a bank may hold when one has this height and width."""
    height, width = patch
    return int(np.clip(BANK_BYTES // max(height * width * bytes_per_pixel, 1), *BANK_PICTURES))


def patch_box(points: np.ndarray, frame_size: tuple[int, int]) -> Box:
    """The box around the mouth's patch for points (468, 2) in frame pixels."""
    return box_around(points[_patch_points()], frame_size, margin=4)


@functools.lru_cache(maxsize=1)
def _patch_points() -> np.ndarray:
    used = np.unique(mouth_patch())
    return used[used < 468]


def fill_bank(shapes: ShotShapes, rows: np.ndarray, mesh: np.ndarray, frames: Iterable[Frame]) -> Bank:
    """Cut the chosen mouths out of the clip.

    rows:   (m,) rows of the shot
    mesh:   (m, 468, 3) the face in those frames
    frames: those m frames, in the same order
    """
    pictures, corners, thumbs, sharpness, rims, beside, seen = [], [], [], [], [], [], []
    for row, points, frame in zip(rows, mesh, frames, strict=True):
        box = patch_box(points[:, :2], frame.picture.shape[:2])
        picture = frame.picture[box.slices].copy()
        pictures.append(picture)
        corners.append(box.corner)
        thumbs.append(mouth_thumb(picture, shapes.pose[np.array([row])], box.corner))
        inside = points[:, :2] - box.corner
        sharpness.append(lip_sharpness(picture, inside))
        begins, last = lip_rims(picture, inside)
        rims.append(begins)
        beside.append(float(last.mean()))
        seen.append(seen_lips(picture, inside, light_about(picture, inside)))
    return Bank(
        rows=rows,
        pictures=tuple(pictures),
        corners=tuple(corners),
        thumbs=np.array(thumbs, np.float32),
        sharpness=np.array(sharpness),
        rims=np.array(rims),
        beside=np.array(beside),
        seen=np.array(seen, np.float32),
    )


def choose_textures(
    wanted: Mouths, own: Mouths, offered: Mouths, bank: Bank, speaking: np.ndarray
) -> TextureChoice:
    """Pick textures for T frames in a row.

    wanted:   T mouths as they shall be
    own:      the same frames' mouths as they are
    offered:  the bank's mouths
    speaking: (T,) bool
    """
    seen = SeenLips(*bank.seen.T)
    offered = replace(offered, opening=np.maximum(offered.opening, seen.gap))
    cost = mismatch(wanted, offered)
    cost += _apart_cost(offered.opening)
    cost += _drawn_in_cost(seen)
    sharpness = bank.sharpness
    if offered.light is not None:
        sharpness = sharpness / (offered.light.mean(axis=1) + DARK)
    relative = sharpness / max(float(np.median(sharpness)), 1e-6)
    cost += np.log2(np.clip(1 / np.maximum(relative, 1e-3), 1, 4)) ** 2
    cost += np.square(bank.beside / RIM_UNIT)
    lips = ((wanted.lips - own.lips) ** 2).sum(1) / (len(LIP_POINTS) * SHAPE_UNIT**2)
    own_cost = SHAPE_SHARE * lips + _opening_cost(wanted.opening, own.opening) + _apart_cost(own.opening)
    jumps = _jumps(bank)
    to_own = np.sqrt(_squared(own.lips, offered.lips) / len(LIP_POINTS)) / SHAPE_UNIT * 2  # (T, m)
    path = _cheapest_path(np.concatenate([cost, own_cost[:, None]], axis=1), jumps, to_own, speaking)
    return _mix(path, jumps, to_own)


def mismatch(wanted: Mouths, offered: Mouths) -> np.ndarray:
    """Cost (n, m) of dressing each of n wanted mouths in each of m offered ones; of like light, if known."""
    shape = _squared(wanted.lips, offered.lips) / (len(LIP_POINTS) * SHAPE_UNIT**2)
    turn = np.einsum("nij,mij->nm", wanted.rotation, offered.rotation)
    angle = np.arccos(np.clip((turn - 1) / 2, -1, 1)) / POSE_UNIT
    turned = 2 * angle**2 / (1 + angle**2 / 2)  # a far pose is no reason to open a shut mouth by force
    cost = SHAPE_SHARE * shape + _opening_cost(wanted.opening[:, None], offered.opening[None]) + turned
    if wanted.light is not None and offered.light is not None:
        cost += light_mismatch(wanted.light, offered.light)
    return cost


def _opening_cost(wanted: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Ratios count, not differences: lips that part look other than lips that are wide open."""
    ratio = np.log((wanted + NARROW) / (offered + NARROW))
    return np.where(ratio > 0, 0.8, 1.6) * ratio**2


def _drawn_in_cost(seen: SeenLips) -> np.ndarray:
    """Cost (m,) of lips that are rolled in or pressed: dressed in them, a mouth loses its corners."""
    lacking = np.maximum(np.median(seen.extent) - seen.extent, 0) / EXTENT_UNIT
    told = np.clip(seen.contrast / LEAST_HUE, 0, 1)  # by how much pale lips can be told from skin
    return np.square(lacking * told)


def _apart_cost(opening: np.ndarray) -> np.ndarray:
    apart = (opening / FAR_APART) ** 2
    return apart / (1 + apart / 2)


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0)


def _jumps(bank: Bank) -> np.ndarray:
    """How visible the change from one entry to another is (m, m), in units of the bank's finest steps."""
    difference = np.stack([np.abs(bank.thumbs - thumb).mean(axis=1) for thumb in bank.thumbs])
    if len(bank) < 2:
        return difference
    nearest = np.where(np.eye(len(bank), dtype=bool), np.inf, difference).min(axis=1)
    return difference / max(float(np.median(nearest)), 1e-4)


def _cheapest_path(
    cost: np.ndarray, jumps: np.ndarray, to_own: np.ndarray, speaking: np.ndarray
) -> np.ndarray:
    """Viterbi over T frames and m + 1 states; the last state is the frame's own picture."""
    count, states = cost.shape
    step = np.zeros((states, states), np.float32)
    step[:-1, :-1] = _step_cost(jumps)
    came_from = np.zeros((count, states), np.int16)
    total = cost[0]
    for t in range(1, count):
        step[:-1, -1] = step[-1, :-1] = _step_cost(to_own[t])
        through = total[:, None] + (step if speaking[t] else 4 * step)
        came_from[t] = through.argmin(axis=0)
        total = through[came_from[t], np.arange(states)] + cost[t]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmin())
    for t in range(count - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return np.where(path == states - 1, OWN, path)


def _step_cost(jump: np.ndarray) -> np.ndarray:
    return np.where(jump > 0, 0.3 + 0.2 * np.minimum(jump, 6), 0)


def _mix(path: np.ndarray, jumps: np.ndarray, to_own: np.ndarray) -> TextureChoice:
    before, after = np.roll(path, 1), np.roll(path, -1)
    before[0], after[-1] = path[0], path[-1]
    shares = np.zeros((len(path), 3), np.float32)
    for t, (previous, here, following) in enumerate(zip(before, path, after, strict=True)):
        shares[t, 0] = 0.2 * (_visible(previous, here, jumps, to_own[t]) > VISIBLE)
        shares[t, 2] = 0.2 * (_visible(here, following, jumps, to_own[t]) > VISIBLE)
    shares[:, 1] = 1 - shares[:, 0] - shares[:, 2]
    return TextureChoice(np.stack([before, path, after], axis=1), shares)


def _visible(first: int, second: int, jumps: np.ndarray, to_own: np.ndarray) -> float:
    if first == second:
        return 0.0
    if OWN in (first, second):
        return float(to_own[max(first, second)])
    return float(jumps[first, second])
