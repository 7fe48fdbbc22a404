"""The paper's figures as strips of pictures: a row for each system, a column for each moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...crops.cut import cut_crop
from ...faces.detect import FaceNetworks
from ...faces.follow import faces_in_view
from ...faces.mesh import box_area, face_box
from ...media.reader import open_clip
from ...reports.check import mouth_crop, spread
from ...reports.lettering import words_size, write_words
from ...times import timecode
from ...types import Frame

MOMENTS = 8  # columns
TILE_SIDE = 144  # pixels of a tile's side
_FACE = 1.5  # of a face's tile, in heights of the face
_LETTERS = 15
_INK, _GROUND = (30, 30, 30), (255, 255, 255)
_GAP = 3  # pixels between tiles

Cut = Callable[[np.ndarray, np.ndarray], np.ndarray]


class StripRow(NamedTuple):
    """One row of a strip: what it is called, and the video that it shows."""

    words: str
    video: Path
    start: Fraction = Fraction(0)  # seconds that are left out


def cut_face(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """The face with what is around it as (144, 144, 3) uint8."""
    left, top, right, bottom = face_box(mesh)
    side = _FACE * max(right - left, bottom - top)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    corner = (middle - side / 2) / side
    to_unit = np.array([[1 / side, 0, -corner[0]], [0, 1 / side, -corner[1]]])
    return np.rint(cut_crop(pixels, to_unit, TILE_SIDE) * 255).astype(np.uint8)


def draw_strip(
    rows: Sequence[StripRow], faces: FaceNetworks, *, mouths: bool, moments: int = MOMENTS
) -> np.ndarray:
    """Show the same moments of several videos below each other, (h, w, 3) uint8 RGB.

    rows:   the first tells the moments, and where the face is in all videos of its size
    mouths: lower faces; else faces
    """
    first = open_clip(rows[0].video)
    chosen = sorted(spread(len(first), min(moments, len(first))))
    times = [first.times[index] for index in chosen]
    cut: Cut = mouth_crop if mouths else cut_face
    known: list[np.ndarray | None] = []
    lines = []
    for row in rows:
        clip = open_clip(row.video)
        same = bool(known) and clip.size == first.size and not row.start
        frames = list(clip.frames(clip.shown_at(time + row.start for time in times)))
        meshes = known if same else [_largest(faces, frame) for frame in frames]
        known = known or meshes
        lines.append([_tile(frame, mesh, cut) for frame, mesh in zip(frames, meshes, strict=True)])
    return _laid_out([row.words for row in rows], lines, times)


def _largest(faces: FaceNetworks, frame: Frame) -> np.ndarray | None:
    meshes = [found.points for found in faces_in_view(faces, frame)]
    return max(meshes, key=lambda mesh: box_area(face_box(mesh)), default=None)


def _tile(frame: Frame, mesh: np.ndarray | None, cut: Cut) -> np.ndarray:
    if mesh is None:
        empty = np.full((TILE_SIDE, TILE_SIDE, 3), 225, np.uint8)
        write_words(
            empty,
            "no face",
            (TILE_SIDE // 2 - words_size("no face", _LETTERS)[0] // 2, TILE_SIDE // 2 - 8),
            _LETTERS,
            _INK,
        )
        return empty
    return cut(frame.pixels, mesh)


def _laid_out(
    names: Sequence[str], lines: Sequence[Sequence[np.ndarray]], times: Sequence[Fraction]
) -> np.ndarray:
    """Names at the left, times above."""
    width = max(words_size(name, _LETTERS)[0] for name in names) + 20
    head = 28
    picture = np.full(
        (head + len(lines) * (TILE_SIDE + _GAP), width + len(times) * (TILE_SIDE + _GAP), 3),
        _GROUND,
        np.uint8,
    )
    for column, time in enumerate(times):
        write_words(picture, timecode(time), (width + column * (TILE_SIDE + _GAP) + 4, 6), _LETTERS - 2, _INK)
    for number, (name, tiles) in enumerate(zip(names, lines, strict=True)):
        top = head + number * (TILE_SIDE + _GAP)
        write_words(
            picture, name, (8, top + (TILE_SIDE - words_size(name, _LETTERS)[1]) // 2), _LETTERS, _INK
        )
        for column, tile in enumerate(tiles):
            left = width + column * (TILE_SIDE + _GAP)
            picture[top : top + TILE_SIDE, left : left + TILE_SIDE] = tile
    return picture
