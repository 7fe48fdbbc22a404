"""Where a mark lies in a frame: on the lower face, or on all of it, as a grid of cells in a unit square.

An affine (2, 3) takes frame pixels to the unit square; pixel i's centre is i + 0.5.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ...crops.affine import warp
from ...faces.canonical import STABLE, load_mouth_model
from ...faces.mesh import FACE_OVAL

FACE_CELLS = (
    36  # along each side of the face's square; finer ones tremble with the mesh, and codecs lose them
)
FACE_SIDE = 1.28  # eye distances; the square is this wide ...
FACE_CORNER = (-0.64, 0.12)  # ... and begins here, in canonical coordinates
FACE_ROOM = 1.25  # times the oval: cheeks, jaw and the skin below the chin as far as edits reach
NOSE_ROOM = 0.22  # eye distances below the eyes' line, where the marked part begins
FRAME_CELLS = 64
EDGE_CELLS = 0.6  # cells over which a mark fades out at its edge
CELL_SAMPLES = 4  # along a cell, when it is looked at
PASS_BAND = 1.2  # cells; what is wider than this Gaussian is taken out, for it would show as blotches
_LOOK_BAND = 0.9  # the same where it is looked at: pictures hold more of wide things than of a mark
_EVEN_OUT = 7  # cells over which what is looked at is brought to one strength
_LEAST_STRENGTH = 0.5  # levels of 255


@dataclass(frozen=True, eq=False)
class Plane:
    """A square of cells, some of which carry a mark."""

    name: str
    carries: np.ndarray  # (side, side) bool

    @property
    def side(self) -> int:
        """Cells along each side."""
        return len(self.carries)

    @property
    def cells(self) -> int:
        """How many carry the mark."""
        return int(self.carries.sum())

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values (cells,) where they lie: (side, side), 0 elsewhere."""
        placed = np.zeros(self.carries.shape, values.dtype)
        placed[self.carries] = values
        return placed


@functools.lru_cache(maxsize=1)
def face_plane() -> Plane:
    """The lower face: its oval and a little more, from below the nose's wings to below the chin."""
    oval = load_mouth_model().reference[list(FACE_OVAL), :2]
    fine = 16
    oval = oval.mean(axis=0) + FACE_ROOM * (oval - oval.mean(axis=0))
    corners = (oval - FACE_CORNER) / FACE_SIDE * (FACE_CELLS * fine)
    inside = np.zeros((FACE_CELLS * fine,) * 2, np.uint8)
    cv2.fillPoly(inside, [np.rint(corners).astype(np.int32)], 255)
    inside[: round((NOSE_ROOM - FACE_CORNER[1]) / FACE_SIDE * len(inside))] = 0
    share = cv2.resize(inside, (FACE_CELLS, FACE_CELLS), interpolation=cv2.INTER_AREA)
    return Plane("face", share > 127)


@functools.lru_cache(maxsize=1)
def frame_plane() -> Plane:
    """The whole frame."""
    return Plane("frame", np.ones((FRAME_CELLS, FRAME_CELLS), bool))


def face_affine(mesh: np.ndarray) -> np.ndarray:
    """The affine from frame pixels to the face's unit square, for a mesh (468, 2 or 3).

    It follows the points that speech doesn't move, and no others: a dub moves the mouth.
    """
    return affine_of_stable(mesh[list(STABLE), :2])


def affine_of_stable(stable: np.ndarray) -> np.ndarray:
    """The same from the stable points alone, (19, 2): a least-squares similarity."""
    wanted = load_mouth_model().reference[list(STABLE), :2].astype(np.float64)
    given = stable.astype(np.float64)
    middle, wanted_middle = given.mean(axis=0), wanted.mean(axis=0)
    here, there = (given - middle) @ (1, 1j), (wanted - wanted_middle) @ (1, 1j)
    turn = (here.conj() * there).sum() / max(float((np.abs(here) ** 2).sum()), 1e-9) / FACE_SIDE
    linear = np.array([(turn.real, -turn.imag), (turn.imag, turn.real)])
    return np.column_stack([linear, (wanted_middle - FACE_CORNER) / FACE_SIDE - linear @ middle])


def frame_affine(size: Sequence[int]) -> np.ndarray:
    """The affine from a frame's pixels to its unit square, whatever its proportions; size: height, width."""
    return np.array([(1 / size[1], 0.0, 0.0), (0.0, 1 / size[0], 0.0)])


def sample(luma: np.ndarray, affine: np.ndarray, side: int) -> np.ndarray:
    """The unit square's picture in a frame's luma (H, W), (side, side) float32; a larger one is averaged."""
    to_frame = cv2.invertAffineTransform(affine * side)
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)]) @ to_frame[:, :2].T + to_frame[:, 2]
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, np.array(luma.shape[::-1]) - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2, low + 1, luma.shape[::-1]).astype(int)
    part = luma[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    size = high - low
    factor = np.sqrt(abs(np.linalg.det(affine[:, :2]))) * side  # samples for each pixel
    if factor < 0.75:
        smaller = np.maximum(np.rint(size * factor), 1).astype(int)
        part = cv2.resize(part, smaller.tolist(), interpolation=cv2.INTER_AREA)
    scale = np.array([part.shape[1], part.shape[0]]) / size
    matrix = np.column_stack([to_frame[:, :2], to_frame[:, 2] - low]) * scale[:, None]
    return warp(part, matrix, (side, side), cv2.INTER_LINEAR)


def residual(luma: np.ndarray, affine: np.ndarray, side: int, samples: int = CELL_SAMPLES) -> np.ndarray:
    """What may be a mark in a frame's luma (H, W): (side, side), fine differences brought to one strength."""
    wide = sample(luma, affine, side * samples)
    cells = cv2.resize(wide, (side, side), interpolation=cv2.INTER_AREA)
    return even_out(cells - cv2.GaussianBlur(cells, (0, 0), _LOOK_BAND), _LEAST_STRENGTH)


def even_out(values: np.ndarray, least: float) -> np.ndarray:
    """Values (h, w) divided by how strong they are around each."""
    strength = cv2.blur(np.abs(values) ** 2, (_EVEN_OUT, _EVEN_OUT), borderType=cv2.BORDER_REFLECT_101)
    return values / (np.sqrt(np.maximum(strength, 0)) + least)
