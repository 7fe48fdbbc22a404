"""Read a mark that lies over whole frames, wherever a crop has left it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from scipy.fft import fft2, ifft2

from .cells.payload import Reading, picture_layout, read_cells, threshold
from .cells.plane import FRAME_CELLS, frame_plane
from .cells.swing import Swung

_PER_CELL = 2
FRAME_SAMPLES = _PER_CELL * FRAME_CELLS  # along each side of a frame when it is looked at
LEAST_KEPT = 0.78  # of a frame's width and height, to which crops are looked for
_STEP, _FINE_STEP = 0.02, 0.005  # of the frame's sides between two crops that are tried
_TRIED = 1e6  # sizes and places


def read_frame(swung: Swung, key: bytes, looks: int = 1, *, cropped: bool = True) -> Reading:
    """Read the mark of whole frames.

    swung: (FRAME_SAMPLES, FRAME_SAMPLES), over the frame as it is
    looks: how many others are tried beside these
    cropped: whether to look for a part of the marked frame, too, which takes seconds
    """
    plain = read_cells(_cells_at(swung, (1.0, 1.0), (0, 0)), frame_plane(), key, looks)
    if plain.score >= threshold(looks) or not cropped:
        return plain
    size, corner = _best_place(swung, key)
    tried = int(looks * _TRIED)
    found = read_cells(_cells_at(swung, size, corner), frame_plane(), key, tried)
    found = replace(found, score=found.score - threshold(tried) + threshold(looks))
    return max(plain, found, key=lambda reading: reading.score)


def _best_place(swung: Swung, key: bytes) -> tuple[tuple[float, float], tuple[int, int]]:
    """How much of the marked frame is kept (width, height), and where that begins, in samples (x, y)."""
    layout = picture_layout(key, frame_plane())
    template = frame_plane().spread(layout.template)
    fine = np.kron(template, np.ones((_PER_CELL, _PER_CELL)))
    even = swung.mark / np.sqrt(cv2.blur(swung.noise, (9, 9)).clip(0) + 1e-18)
    even = even * np.minimum(2 / np.maximum(np.abs(even), 1e-9), 1)
    spectrum = np.conj(fft2(fine, (2 * FRAME_SAMPLES,) * 2))
    steps = np.arange(LEAST_KEPT, 1 + _STEP / 2, _STEP)
    sizes = [(width, height) for width in steps for height in steps]
    size, _ = _best_size(even, spectrum, sizes)
    around = np.arange(-2, 3) * _FINE_STEP
    near = [(min(size[0] + dx, 1.0), min(size[1] + dy, 1.0)) for dx in around for dy in around]
    return _best_size(even, spectrum, near)


def _best_size(
    swung: np.ndarray, spectrum: np.ndarray, sizes: Iterable[tuple[float, float]]
) -> tuple[tuple[float, float], tuple[int, int]]:
    """The size at which the template fits best, and where."""
    best, found = -1.0, ((1.0, 1.0), (0, 0))
    for size in sizes:
        part = _at_size(swung, size)
        height, width = part.shape
        fits = np.abs(ifft2(fft2(part, spectrum.shape) * spectrum))
        # The part begins at a place of the template at which all of it lies inside: shifts to the right and
        # down, which the correlation has at its end.
        places = (-np.arange(FRAME_SAMPLES - height + 1), -np.arange(FRAME_SAMPLES - width + 1))
        inside = fits[np.ix_(*places)] / np.sqrt(height * width)
        row, column = np.unravel_index(int(inside.argmax()), inside.shape)
        if inside[row, column] > best:
            best, found = float(inside[row, column]), (size, (int(column), int(row)))
    return found


def _at_size(values: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    """Real or complex values over a frame, at a share of the marked frame's width and height."""
    width, height = (max(round(share * FRAME_SAMPLES), 1) for share in size)
    if not np.iscomplexobj(values):
        return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
    real, imaginary = np.ascontiguousarray(values.real), np.ascontiguousarray(values.imag)
    return _at_size(real, size) + 1j * _at_size(imaginary, size)


def _cells_at(swung: Swung, size: tuple[float, float], corner: tuple[int, int]) -> Swung:
    """What swung in the marked frame's cells (FRAME_CELLS, FRAME_CELLS); 0 where they were cropped away."""
    return Swung(_placed(swung.mark, size, corner), _placed(swung.noise, size, corner))


def _placed(values: np.ndarray, size: tuple[float, float], corner: tuple[int, int]) -> np.ndarray:
    part, (left, top) = _at_size(values, size), corner
    whole = np.zeros((FRAME_SAMPLES, FRAME_SAMPLES), values.dtype)
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    shape = (FRAME_CELLS, _PER_CELL, FRAME_CELLS, _PER_CELL)
    return whole.reshape(shape).mean(axis=(1, 3))
