"""Carry pixels along with a triangle mesh.

Positions are frame pixels with pixel i's centre at i + 0.5; OpenCV puts it at i, hence the halves below.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from ...boxes import Box
from ...faces.canonical import LIP_PAIRS, load_mouth_model
from ...faces.mesh import FACE_OVAL
from .lips import OUTER_PAIRS

RING = 1.45  # the pinned ring around the face, in sizes of its oval: what the chin pushes away stays inside
FINEST = 128  # a map is worked out on at most so many columns or rows, then enlarged: it is smooth
SLIVER = 1.5  # samples of the map; a triangle less high than this moves as one
STILL = 1e-3  # pixels; what moves less is left alone
UPPER, LOWER = (list(side) for side in zip(*LIP_PAIRS, strict=True))


@functools.lru_cache(maxsize=1)
def lower_face() -> np.ndarray:
    """Triangles (N, 3) that speech can move: FaceMesh points, then 36 ring points from 468 on."""
    model = load_mouth_model()
    triangles = [*model.triangles.tolist(), *model.inner.tolist()]
    count = len(FACE_OVAL)
    for i, (here, there) in enumerate(zip(FACE_OVAL, (*FACE_OVAL[1:], FACE_OVAL[0]), strict=True)):
        ring_here, ring_there = 468 + i, 468 + (i + 1) % count
        triangles += [[here, there, ring_here], [there, ring_there, ring_here]]
    moves = np.concatenate([model.moves, np.zeros(count)])
    return np.array([t for t in triangles if moves[t].max() > 0], np.int32)


@functools.lru_cache(maxsize=1)
def mouth_patch() -> np.ndarray:
    """Triangles (N, 3) around the mouth, for texture: FaceMesh points, then 18 in the middle between lips.

    Each lip is carried on to that middle by points of its own; see `with_middle`.
    """
    model = load_mouth_model()
    x, y = model.reference[:, 0], model.reference[:, 1]
    inside = (abs(x) < 0.62) & (y > 0.3) & (y < 1.22)
    parts = [model.triangles[inside[model.triangles].all(axis=1)]]
    for first, other in ((468, LOWER), (468 + len(LIP_PAIRS), UPPER)):
        own = np.arange(468)
        own[other] = first + np.arange(len(LIP_PAIRS))
        parts.append(own[model.inner].astype(np.int32))
    return np.concatenate(parts)


def with_middle(points: np.ndarray) -> np.ndarray:
    """Target points (468, 2) for `mouth_patch`, (486, 2): both lips meet in the middle between them."""
    middle = (points[UPPER] + points[LOWER]) / 2
    return np.concatenate([points, middle, middle])


def with_lips(source: np.ndarray, target: np.ndarray, rims: np.ndarray) -> np.ndarray:
    """Source points (486, 2) for `mouth_patch`, of points (468, 2) each.

    rims: (2, 9) from `lips.lip_rims`: so much of the source's lips is left out, as it shows no lip

    Nothing between the lips is stretched: what lies behind each lip's edge moves as that edge does.
    """
    points = source.astype(np.float64).copy()
    inner, outer = np.array(LIP_PAIRS).T, np.array(OUTER_PAIRS).T
    points[inner] += rims[..., None] * (source[outer] - source[inner])
    turn = _similarity(target[308] - target[78], source[308] - source[78])
    half = (target[LOWER] - target[UPPER]) / 2 @ turn.T
    return np.concatenate([points, points[UPPER] + half, points[LOWER] - half])


def with_ring(points: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Points (468, 2) and the ring (36, 2) around the face as it was given (468, 2)."""
    oval = given[list(FACE_OVAL)]
    centre = oval.mean(axis=0)
    return np.concatenate([points, centre + RING * (oval - centre)]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Painted:
    """A mesh in a box, as seen from the front: which triangle lies where. Any number of maps lead to it."""

    target: np.ndarray  # (N, 2) the mesh's points
    triangles: np.ndarray  # (M, 3)
    box: Box
    labels: np.ndarray  # (rows, columns) a triangle, M: none; on the map's own grid
    inverse: np.ndarray  # (M, 2, 2) of each triangle's edges from its first point, one a column
    sliver: np.ndarray  # (M,) bool; seen edge-on

    @property
    def step(self) -> np.ndarray:
        """Pixels (2,) from one of the map's samples to the next, x and y."""
        return np.array(self.box.size[::-1], np.float32) / np.array(self.labels.shape[::-1], np.float32)


def paint(
    target: np.ndarray, triangles: np.ndarray, box: Box, depth: np.ndarray, finest: int = FINEST
) -> Painted:
    """Find out which triangle lies where.

    target: (N, 2) the mesh's points, in frame pixels
    depth:  (N,) larger is farther; nearer triangles cover farther ones
    finest: columns or rows of the grid, at most
    """
    height, width = box.size
    scale = min(1.0, finest / max(height, width))
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    step = np.array((width / columns, height / rows), np.float32)
    labels = np.full((rows, columns), len(triangles), np.int16)
    order = np.argsort(-depth[triangles].mean(axis=1), kind="stable")
    fixed = np.round(((target - box.corner) / step - 0.5) * 16).astype(np.int32)[triangles]
    low, high = fixed.min(axis=1), fixed.max(axis=1)
    seen = (high >= -16).all(axis=1) & (low <= 16 * np.array((columns, rows))).all(axis=1)
    for i in order[seen[order]].tolist():
        cv2.fillConvexPoly(labels, fixed[i], i, lineType=cv2.LINE_8, shift=4)  # four binary places
    inverse, sliver = _inverse(target[triangles].astype(np.float64), SLIVER * float(step.max()))
    return Painted(target, triangles, box, labels, inverse, sliver)


def backward_map(
    source: np.ndarray, painted: Painted, soften: float = 0.0, halves: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of a painted mesh's box, where its colour comes from.

    source:  (N, 2) the mesh's points where the pixels are
    soften:  pixels by which the movement is smoothed across the triangles' edges
    halves:  (h, w) in [0, 1]: movement is not smoothed from where this is 1 to where it is 0
    returns: positions (h, w, 2) in the source, in its pixels, where no triangle lies the pixel's own;
             and a mask (h, w) that holds every pixel whose colour comes from elsewhere
    """
    box, (rows, columns), step = painted.box, painted.labels.shape, painted.step
    height, width = box.size
    offsets = _offsets(source, painted)
    x = box.left + step[0] * (np.arange(columns, dtype=np.float32) + 0.5)
    y = box.top + step[1] * (np.arange(rows, dtype=np.float32) + 0.5)
    by_pixel = offsets.take(painted.labels.ravel(), axis=0).reshape(rows, columns, 2, 3)
    shift = by_pixel[..., 0] * x[None, :, None]
    shift += by_pixel[..., 1] * y[:, None, None]
    shift += by_pixel[..., 2]
    sigma = soften / float(step.max())
    if sigma > 0.2:
        shift = _smoothed(shift, sigma, halves)
    moved = ((np.abs(shift[..., 0]) > STILL) | (np.abs(shift[..., 1]) > STILL)).astype(np.uint8)
    if (rows, columns) != (height, width):
        shift = cv2.resize(shift, (width, height), interpolation=cv2.INTER_LINEAR)
        moved = cv2.dilate(moved, np.ones((3, 3), np.uint8))  # enlarging spreads movement by less than that
        moved = cv2.resize(moved, (width, height), interpolation=cv2.INTER_NEAREST)
    shift[..., 0] += box.left + np.arange(width, dtype=np.float32) + np.float32(0.5)
    shift[..., 1] += (box.top + np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    return shift, moved.astype(bool)


def carry(picture: np.ndarray, positions: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Sample a picture (H, W, C), whose left top is at `corner`, at frame positions (h, w, 2); bicubic."""
    places = positions - (corner + np.float32(0.5))
    return cv2.remap(picture, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _similarity(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """What turns and stretches one vector (2,) into another: (2, 2)."""
    square = max(float(start @ start), 1e-6)
    along = float(start @ stop) / square
    around = float(start[0] * stop[1] - start[1] * stop[0]) / square
    return np.array([[along, -around], [around, along]])


def _smoothed(shift: np.ndarray, sigma: float, halves: np.ndarray | None) -> np.ndarray:
    if halves is None:
        return cv2.GaussianBlur(shift, (0, 0), sigma)
    part = halves[..., None]
    weight = cv2.GaussianBlur(halves, (0, 0), sigma)[..., None]
    whole, first = cv2.GaussianBlur(shift, (0, 0), sigma), cv2.GaussianBlur(shift * part, (0, 0), sigma)
    second = (whole - first) / np.maximum(1 - weight, 1e-3)
    return second + part * (first / np.maximum(weight, 1e-3) - second)


def _inverse(placed: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of triangles' edges (M, 2, 2) and which of them (M,) are less than `least` high."""
    first, second = placed[:, 1] - placed[:, 0], placed[:, 2] - placed[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    longest = np.sqrt(np.square(placed - placed[:, [1, 2, 0]]).sum(axis=2).max(axis=1))
    sliver = np.abs(area) <= least * longest
    rows = np.stack([second[:, 1], -second[:, 0], -first[:, 1], first[:, 0]], axis=1)
    return (rows / np.where(sliver, np.inf, area)[:, None]).reshape(-1, 2, 2), sliver


def _offsets(source: np.ndarray, painted: Painted) -> np.ndarray:
    """Affine offsets (M + 1, 2, 3): source position − target position, of each triangle and of none."""
    triangles, place = painted.triangles, painted.target[painted.triangles[:, 0]].astype(np.float64)
    moved = (source - painted.target)[triangles].astype(np.float64)  # (M, 3, 2)
    affine = np.zeros((len(triangles) + 1, 2, 3))
    affine[:-1, :, :2] = np.moveaxis(moved[:, 1:] - moved[:, :1], 1, 2) @ painted.inverse
    affine[:-1, :, 2] = moved[:, 0] - (affine[:-1, :, :2] @ place[..., None])[..., 0]
    # One seen edge-on moves as a whole: its affine would fling pixels far.
    affine[:-1, :, 2][painted.sliver] = moved[painted.sliver].mean(axis=1)
    return affine.astype(np.float32)
