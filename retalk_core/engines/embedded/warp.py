"""Carry pixels along with a triangle mesh.

Positions are frame pixels with pixel i's centre at i + 0.5; OpenCV puts it at i, hence the halves below.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from ...crops.patch import Box
from ...faces.canonical import LIP_PAIRS, load_mouth_model
from ...faces.mesh import FACE_OVAL

RING = 1.45  # the pinned ring around the face, in sizes of its oval: what the chin pushes away stays inside
FINEST = 224  # a map is worked out on at most so many columns or rows, then enlarged: it is smooth
SLIVER = 1.5  # pixels; a triangle less high than this moves as one
STILL = 1e-3  # pixels; what moves less is left alone


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
    """Triangles (N, 3) around the mouth, for texture: FaceMesh points, then 9 of the inner lip.

    The mouth's inside hangs on lower-lip points of its own, from 468 on; see `with_inside`.
    """
    model = load_mouth_model()
    x, y = model.reference[:, 0], model.reference[:, 1]
    inside = (abs(x) < 0.62) & (y > 0.3) & (y < 1.22)
    lips = model.triangles[inside[model.triangles].all(axis=1)]
    own = np.arange(468)
    own[[lower for _, lower in LIP_PAIRS]] = 468 + np.arange(len(LIP_PAIRS))
    return np.concatenate([lips, own[model.inner].astype(np.int32)])


def with_inside(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Source and target points (468, 2) for `mouth_patch`, each (477, 2).

    A closing lower lip slides over the teeth, it doesn't squeeze them: of the source's open mouth only as
    much is taken from under the upper lip as the target shows.
    """
    upper, lower = (list(side) for side in zip(*LIP_PAIRS, strict=True))
    scale = _length(source[308] - source[78]) / max(_length(target[308] - target[78]), 1e-3)
    had = source[lower] - source[upper]
    shown = scale * np.linalg.norm(target[lower] - target[upper], axis=1)
    share = np.clip(shown / np.maximum(np.linalg.norm(had, axis=1), 1e-3), 0, 1)
    inside = source[upper] + share[:, None] * had
    return np.concatenate([source, inside]), np.concatenate([target, target[lower]])


def with_ring(points: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Points (468, 2) and the ring (36, 2) around the face as it was given (468, 2)."""
    oval = given[list(FACE_OVAL)]
    centre = oval.mean(axis=0)
    return np.concatenate([points, centre + RING * (oval - centre)]).astype(np.float32)


def backward_map(
    source: np.ndarray,
    target: np.ndarray,
    triangles: np.ndarray,
    box: Box,
    depth: np.ndarray,
    soften: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of a box, where its colour comes from.

    source, target: (N, 2) the mesh's points where the pixels are and where they shall go
    depth:          (N,) larger is farther; nearer triangles cover farther ones
    soften:         pixels by which the movement is smoothed across the triangles' edges
    returns:        positions (h, w, 2) in the source, in its pixels, where no triangle lies the pixel's own;
                    and a mask (h, w) that holds every pixel whose colour comes from elsewhere
    """
    height, width = box.size
    scale = min(1.0, FINEST / max(height, width))
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    step = np.array((width / columns, height / rows), np.float32)
    labels = _paint((target - box.corner) / step, triangles, (rows, columns), depth)
    offsets = _offsets(source, target, triangles)[labels]  # label -1: the last, no movement
    x = box.left + step[0] * (np.arange(columns, dtype=np.float32) + 0.5)
    y = box.top + step[1] * (np.arange(rows, dtype=np.float32) + 0.5)
    shift = offsets[..., 0] * x[None, :, None] + offsets[..., 1] * y[:, None, None] + offsets[..., 2]
    if soften * scale > 0.2:
        shift = cv2.GaussianBlur(shift, (0, 0), soften * scale)
    moved = ((np.abs(shift[..., 0]) > STILL) | (np.abs(shift[..., 1]) > STILL)).astype(np.uint8)
    if scale < 1:
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


def _length(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector))


def _paint(points: np.ndarray, triangles: np.ndarray, size: tuple[int, int], depth: np.ndarray) -> np.ndarray:
    labels = np.full(size, -1, np.int16)
    order = np.argsort(-depth[triangles].mean(axis=1), kind="stable")
    fixed = np.round((points - 0.5) * 16).astype(np.int32)[triangles]  # four binary places
    for i in order.tolist():
        cv2.fillConvexPoly(labels, fixed[i], i, lineType=cv2.LINE_8, shift=4)
    return labels


def _offsets(source: np.ndarray, target: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Affine offsets (N + 1, 2, 3): source position − target position, of each triangle and of none."""
    placed = target[triangles].astype(np.float64)
    corners = np.concatenate([placed, np.ones((len(triangles), 3, 1))], axis=2)
    longest = np.linalg.norm(placed - np.roll(placed, 1, axis=1), axis=2).max(axis=1)
    sliver = np.abs(np.linalg.det(corners)) <= SLIVER * longest
    corners[sliver] = np.eye(3)
    differences = (source[triangles] - target[triangles]).astype(np.float64)
    affine = np.linalg.solve(corners, differences).transpose(0, 2, 1)
    affine[sliver] = 0
    affine[sliver, :, 2] = differences[sliver].mean(axis=1)  # seen edge-on, its affine would fling pixels far
    return np.concatenate([affine, np.zeros((1, 2, 3))]).astype(np.float32)
