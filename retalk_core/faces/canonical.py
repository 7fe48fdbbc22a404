"""Faces apart from where and how the head is held: poses, how open and wide a mouth is, how mouths move.

In canonical coordinates a face is frontal, x to the right, y down, the outer eye corners one unit apart (one
eye distance) and their midpoint at the origin.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EYE_CORNERS = (33, 263)  # the outer ones; the person's right first
MOUTH_CORNERS = (61, 291)
NOSE_BASE = 2
# Points that speech doesn't move: eye corners, nose bridge, forehead, temples.
STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 10, 151, 9, 109, 338, 67, 297, 127, 356)
# Inner-lip points that touch when the mouth is shut: upper, lower; from the middle outwards.
LIP_PAIRS = (
    *((13, 14), (82, 87), (312, 317), (81, 178), (311, 402)),
    *((80, 88), (310, 318), (191, 95), (415, 324)),
)
OUTER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)


def eye_distance(mesh: np.ndarray, least: float = 1e-3) -> float:
    """Pixels between the outer corners of the eyes of a face (468, 2 or 3); at least so many."""
    return max(float(np.linalg.norm(mesh[EYE_CORNERS[0], :2] - mesh[EYE_CORNERS[1], :2])), least)


@dataclass(frozen=True, eq=False)
class MouthModel:
    """A linear model of mouth shapes over the 468 FaceMesh points, and the mesh's triangles."""

    reference: np.ndarray  # (468, 3) a symmetric frontal face at rest
    basis: np.ndarray  # (3, 468, 3) displacement for each driver: h, 5 h², relative width
    triangles: np.ndarray  # (854, 3) point indices
    inner: np.ndarray  # (18, 3) a strip across the inner mouth
    moves: np.ndarray  # (468,) in [0, 1]: 0 at the nose and above, 1 at mouth and chin
    near: np.ndarray  # (468,) in [0, 1]: 1 at the lips, whose place is set outright, 0 far from them


@dataclass(frozen=True, eq=False)
class Pose:
    """Similarity from frame pixels to canonical coordinates, for T frames: c = scale · R x + shift."""

    scale: np.ndarray  # (T,)
    rotation: np.ndarray  # (T, 3, 3)
    shift: np.ndarray  # (T, 3)

    def __getitem__(self, item: slice | np.ndarray) -> Pose:
        return Pose(self.scale[item], self.rotation[item], self.shift[item])

    def to_canonical(self, mesh: np.ndarray) -> np.ndarray:
        """Frame points (T, N, 3) in canonical coordinates."""
        turned = np.einsum("tij,tnj->tni", self.rotation, mesh)
        return self.scale[:, None, None] * turned + self.shift[:, None]

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Canonical points (T, N, 3) in frame pixels."""
        unshifted = (points - self.shift[:, None]) / self.scale[:, None, None]
        return np.einsum("tji,tnj->tni", self.rotation, unshifted)


@functools.lru_cache(maxsize=1)
def load_mouth_model() -> MouthModel:
    """The model that ships with the project."""
    with np.load(Path(__file__).with_name("mouth_model.npz"), allow_pickle=False) as stored:
        reference, basis = stored["reference"], stored["basis"]
        triangles, inner = stored["triangles"].astype(np.int32), stored["inner"].astype(np.int32)
    nose, mouth = reference[NOSE_BASE], reference[[13, 14]].mean(axis=0)
    moves = np.clip((reference[:, 1] - nose[1]) / 0.08, 0, 1)
    distance = np.linalg.norm((reference - mouth)[:, :2], axis=1)
    near = np.clip((0.62 - distance) / (0.62 - 0.38), 0, 1)
    return MouthModel(reference, basis, triangles, inner, moves.astype(np.float32), near.astype(np.float32))


def head_poses(mesh: np.ndarray) -> Pose:
    """Least-squares similarity of each face's stable points onto the reference face.

    mesh: (T, 468, 3) frame pixels
    Source: S. Umeyama, Least-squares estimation of transformation parameters between two point
    patterns, 1991.
    """
    return poses_of(mesh[:, list(STABLE)])


def poses_of(stable: np.ndarray) -> Pose:
    """The same from the stable points alone, (T, 19, 3): the whole faces of a long clip take much room."""
    wanted = load_mouth_model().reference[list(STABLE)].astype(np.float64)
    given = stable.astype(np.float64)
    wanted_mean, given_mean = wanted.mean(axis=0), given.mean(axis=1)
    centred = given - given_mean[:, None]
    u, spread, vt = np.linalg.svd(np.einsum("ni,tnj->tij", wanted - wanted_mean, centred))
    sign = np.ones_like(spread)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (spread * sign).sum(axis=1) / np.maximum((centred**2).sum(axis=(1, 2)), 1e-12)
    shift = wanted_mean - scale[:, None] * np.einsum("tij,tj->ti", rotation, given_mean)
    return Pose(scale.astype(np.float32), rotation.astype(np.float32), shift.astype(np.float32))


def measure_mouth(canonical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opening and width of mouths (T, 468, 3), each (T,) in eye distances."""

    def gap(first: int, second: int) -> np.ndarray:
        return np.linalg.norm(canonical[:, first] - canonical[:, second], axis=1)

    opening = (2 * gap(13, 14) + gap(82, 87) + gap(312, 317)) / 4
    return opening, gap(*MOUTH_CORNERS)
