"""Lay a mark into pictures: on the face inside the edit, or over whole frames."""

from __future__ import annotations

import functools
from dataclasses import replace

import cv2
import numpy as np

from ..boxes import Box
from ..crops.affine import warp
from ..crops.patch import Patch, box_around
from ..images import eight_bit, white_of
from .cells.payload import PICTURE_BITS, picture_chips
from .cells.plane import EDGE_CELLS, PASS_BAND, Plane, face_affine, face_plane, frame_affine, frame_plane
from .cells.swing import swing_at
from .identity import id_prefix

PATTERN_CELL = 8  # pattern pixels along a cell
FACE_STRENGTH = 3.0  # levels of 255, root mean square where the gain for texture is 1 ...
# ... and a cell is so many pixels wide. Finer ones are seen less and lost more easily.
USUAL_CELL, LEAST_STRENGTH, MOST_STRENGTH = 5.5, 0.75, 1.25
FRAME_STRENGTH = 1.2
# Texture hides a mark: where pixels differ by TEXTURE levels from those around them, its gain grows by 1. It
# must do so on all sides: beside an edge, smooth skin stays smooth.
LEAST_GAIN, TEXTURE, MOST_GAIN = 0.3, 14.0, 0.9
TEXTURE_CELLS = 2.4  # over which texture is measured
_WINDOW = 5  # pixels over which texture is looked at, once the picture was made as small as that allows
_PLACES = 6  # binary ones behind the point
_PARTS = 1 << _PLACES  # of a level
_TILE = 512  # pixels to whose multiples noise is made


class Pattern:
    """A mark's picture in the unit square, at several sizes."""

    def __init__(self, plane: Plane, chips: np.ndarray) -> None:
        side = plane.side * PATTERN_CELL
        wide = cv2.resize(chips.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        wide -= cv2.GaussianBlur(wide, (0, 0), PASS_BAND * PATTERN_CELL)
        carried = cv2.resize(plane.carries.astype(np.float32), (side, side), interpolation=cv2.INTER_NEAREST)
        wide /= np.sqrt((wide[carried > 0] ** 2).mean())
        wide *= cv2.GaussianBlur(carried, (0, 0), EDGE_CELLS * PATTERN_CELL) * (carried > 0)
        self._cells = plane.side
        self._sizes = [wide]  # each half as large as the one before
        while self._sizes[-1].shape[0] > plane.side:
            self._sizes.append(cv2.resize(self._sizes[-1], None, None, 0.5, 0.5, cv2.INTER_AREA))

    def placed(self, affine: np.ndarray, box: Box) -> np.ndarray:
        """The pattern as a frame's box shows it, (h, w) float32.

        affine: (2, 3) from frame pixels to the unit square
        """
        finest = len(self._sizes[0]) * np.sqrt(abs(np.linalg.det(affine[:, :2])))  # its pixels for each pixel
        level = int(np.clip(np.floor(np.log2(max(finest, 1e-6))), 0, len(self._sizes) - 1))
        picture = self._sizes[level]
        there = affine.copy()
        there[:, 2] += there[:, :2] @ box.corner
        bare = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)  # beyond it is nothing
        matrix = there * len(picture)
        matrix[:, 2] += 1
        return warp(bare, matrix, box.size, cv2.INTER_LINEAR)

    def cell_pixels(self, affine: np.ndarray) -> float:
        """How many pixels of a frame a cell is wide."""
        return float(1 / (self._cells * max(np.sqrt(abs(np.linalg.det(affine[:, :2]))), 1e-9)))


class FaceMarker:
    """Marks faces inside the edit; not a pixel outside of a patch's support changes.

    number: the dub's, of 64 bits; the mark carries the first PICTURE_BITS of it
    """

    def __init__(self, key: bytes, number: int) -> None:
        plane = face_plane()
        self._pattern = Pattern(plane, picture_chips(key, plane, id_prefix(number, PICTURE_BITS)))

    def mark(self, patch: Patch, mesh: np.ndarray, seconds: float) -> Patch:
        """A patch with the mark in it.

        mesh:    (468, 2 or 3) of the face in the frame, in its pixels
        seconds: when the frame is shown
        """
        affine = face_affine(mesh)
        cell = self._pattern.cell_pixels(affine)
        level = swing_at(seconds) * face_strength(cell)
        inverse = cv2.invertAffineTransform(affine)
        corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) @ inverse[:, :2].T + inverse[:, 2]
        part = patch.box.shared(box_around(corners, (patch.box.bottom, patch.box.right)))
        if min(part.size) < 1:
            return patch
        there = part.slices_in(patch.box)
        pattern = self._pattern.placed(affine, part) * (patch.support[there] * level)
        pixels = patch.pixels.copy()
        pixels[there] = _added(pixels[there], pattern, part, cell)
        return replace(patch, pixels=pixels)


class FrameMarker:
    """Marks whole frames: every pixel may change.

    number: the dub's, of 64 bits; the mark carries the first PICTURE_BITS of it
    """

    def __init__(self, key: bytes, number: int) -> None:
        plane = frame_plane()
        self._pattern = Pattern(plane, picture_chips(key, plane, id_prefix(number, PICTURE_BITS)))
        self._placed: np.ndarray | None = None

    def mark(self, pixels: np.ndarray, seconds: float) -> np.ndarray:
        """A frame (H, W, 3) uint8 or uint16 with the mark in it, shown at a time; a copy."""
        height, width = pixels.shape[:2]
        affine, box = frame_affine((height, width)), Box(0, 0, width, height)
        if self._placed is None or self._placed.shape != (height, width):
            self._placed = self._pattern.placed(affine, box)
        pattern = self._placed * (swing_at(seconds) * FRAME_STRENGTH)
        return _added(pixels, pattern, box, self._pattern.cell_pixels(affine))


def face_strength(cell: float) -> float:
    """How strong a face's mark is where its cells are so many pixels wide, as FACE_STRENGTH."""
    return FACE_STRENGTH * float(
        np.clip(np.sqrt(USUAL_CELL / max(cell, 1e-6)), LEAST_STRENGTH, MOST_STRENGTH)
    )


def _added(pixels: np.ndarray, pattern: np.ndarray, box: Box, cell: float) -> np.ndarray:
    """Pixels (h, w, 3) with a pattern (h, w), in levels of 255, added to their luma as texture allows."""
    change = pattern * _gain(pixels, cell)
    if pixels.dtype != np.uint8:
        white = white_of(pixels)
        return np.rint(pixels + change[..., None] * (white / 255)).clip(0, white).astype(pixels.dtype)
    # Small steps would be lost in rounding: they are counted in _PARTS of a level, and noise decides.
    steps = (change * _PARTS).astype(np.int16)
    steps = cv2.merge([steps, steps, steps])
    steps += _dither(box)
    steps >>= _PLACES
    return cv2.add(pixels, steps, dtype=cv2.CV_8U)


def _gain(pixels: np.ndarray, cell: float) -> np.ndarray:
    """How much of a mark the texture hides at each pixel (h, w)."""
    luma = cv2.cvtColor(eight_bit(pixels), cv2.COLOR_RGB2GRAY)
    height, width = luma.shape
    reach = 2 * max(round(TEXTURE_CELLS * cell / 2), 1) + 1
    detail = cv2.absdiff(luma, cv2.blur(luma, (reach, reach)))  # shading is no texture
    factor = max(reach // _WINDOW, 1)  # what follows changes slowly from pixel to pixel
    size = -(-width // factor), -(-height // factor)
    small = cv2.resize(detail, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    window = (_WINDOW, _WINDOW)
    texture = cv2.blur(cv2.erode(cv2.blur(small, window), np.ones(window, np.uint8)), window)
    gain = np.clip(LEAST_GAIN + texture / TEXTURE, LEAST_GAIN, MOST_GAIN)
    return cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)


def _dither(box: Box) -> np.ndarray:
    """Fine noise (h, w, 3) int16 that depends on the pixel's place only: 0 to 1, in _PARTS, without its ends.

    It differs between red, green and blue by a third, so that luma has three steps where each has one.
    """
    bottom, right = (-(-edge // _TILE) * _TILE for edge in (box.bottom, box.right))
    return _gradient_noise(bottom, right)[box.slices]


@functools.lru_cache(maxsize=4)
def _gradient_noise(height: int, width: int) -> np.ndarray:
    """Interleaved gradient noise.

    Source: J. Jimenez, Next generation post processing in Call of Duty, 2014
    """
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    noise = (52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1)) % 1
    three = np.stack([(noise + np.float32(channel / 3)) % 1 for channel in range(3)], axis=2)
    return np.clip(three * _PARTS, 1, _PARTS - 1).astype(np.int16)
