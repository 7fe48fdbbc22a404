"""Read a mark out of what swung in a plane's cells, and say how sure it is."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from .code import coded_bits, decode_number, encode_number, most_agreement
from .keys import Layout, layout_of
from .plane import Plane
from .swing import Swung

PICTURE_BITS, PICTURE_CHECK = 32, 12  # of the number, and to check it by
DIRECTIONS = 16  # in which a swing's beginning is sought
_READ = 3  # directions, the likeliest, in which all cells are read
_TRIED = 8  # readings of each whose check is tried; one in 4096 passes by chance
FALSE_RATE = 1e-6  # of clips without a mark that are taken for marked
_FARTHEST = 2.5  # times its surroundings that a cell may count
_NEAR = 5  # cells over which noise is looked at
_HEAT_SIGMA = 2.5  # cells


@dataclass(frozen=True, eq=False)
class Reading:
    """What a plane's cells say."""

    # Standard deviations of the template; where a number was read, its threshold and by how much all cells
    # together exceed theirs, if that is more
    score: float
    number: int | None
    heat: np.ndarray  # (side, side) float32, about 1 where the mark is whole, 0 where there is none


@functools.lru_cache(maxsize=16)
def picture_layout(key: bytes, plane: Plane) -> Layout:
    """What a plane's cells carry under a key."""
    return layout_of(key, plane.name, plane.cells, coded_bits(PICTURE_BITS, PICTURE_CHECK))


def picture_chips(key: bytes, plane: Plane, number: int) -> np.ndarray:
    """The signs of a plane's cells (side, side) for a number of PICTURE_BITS; 0 where nothing is carried."""
    code = encode_number(number, PICTURE_BITS, PICTURE_CHECK)
    return plane.spread(picture_layout(key, plane).chips(code))


def threshold(looks: int) -> float:
    """The template's score that a clip without a mark reaches in fewer than FALSE_RATE of all cases.

    looks: how many places and times are tried
    A sum of numbers under random signs, divided by the root of their squares' sum, is normal to a good
    approximation, and never farther out than Hoeffding's bound, whatever the picture shows.
    """
    return _normal_tail(FALSE_RATE / (2 * DIRECTIONS * looks))


def threshold_read(looks: int, bits: int) -> float:
    """The same for all cells together, once a number of so many bits was read: the best of 2 ** bits."""
    return _normal_tail(FALSE_RATE / (2 * DIRECTIONS * looks) / 2.0**bits)


@functools.lru_cache(maxsize=64)
def _normal_tail(share: float) -> float:
    from scipy.special import ndtri

    return -float(ndtri(share))


def read_cells(swung: Swung, plane: Plane, key: bytes, looks: int = 1) -> Reading:
    """Read a mark.

    swung: (side, side), as `Tally` adds it up
    looks: how many others are tried beside these
    """
    layout, values = picture_layout(key, plane), _weighed(swung)[plane.carries]
    angles = np.exp(-2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
    turned = (values[:, None] * angles).real  # (cells, directions)
    marked = layout.bit < 0
    scores = layout.signs[marked] @ turned[marked] / _length(turned[marked])
    likely = turned[:, np.argsort(-scores, kind="stable")[:_READ]].T
    shows = float(scores.max()) >= threshold(looks)
    read = max((_read(each, layout, looks, shows) for each in likely), key=lambda each: each.surplus)
    score = max(float(scores.max()), threshold(looks) + read.surplus)
    return Reading(score, read.number, _heat(plane.spread(read.agreement), plane))


class _Read(NamedTuple):
    """What all cells say together, in one direction."""

    surplus: float  # standard deviations above what chance reaches
    number: int | None
    agreement: np.ndarray  # (cells,) of each with what was read


def _read(values: np.ndarray, layout: Layout, looks: int, shows: bool) -> _Read:
    """Read the number out of cells (cells,); where none passes its check they show nothing.

    shows: the template is there. Otherwise cells in which no number can be sure aren't read
    """
    needed, length = threshold_read(looks, PICTURE_BITS), float(_length(values))
    soft = layout.soft(values, coded_bits(PICTURE_BITS, PICTURE_CHECK))
    if not shows and layout.template @ values + most_agreement(soft) < needed * length:
        return _Read(-np.inf, None, layout.template * values)
    number, code = decode_number(soft, PICTURE_BITS, PICTURE_CHECK, tried=_TRIED)
    agreement = layout.chips(code) * values
    surplus = -np.inf if number is None else float(agreement.sum()) / length - needed
    return _Read(surplus, number if surplus >= 0 else None, agreement)


def _length(values: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt((values**2).sum(axis=0)), 1e-9)


def _weighed(swung: Swung) -> np.ndarray:
    """What swung, complex (side, side), as much as each cell tells: less the more noise is around it.

    A cell that stands far out of its surroundings counts no more than they do.
    """
    noise = np.sqrt(_around(swung.noise / 2) + 1e-18)
    even = swung.mark / noise
    size, usual = np.abs(even), np.sqrt(_around(np.abs(even) ** 2) / 2 + 1e-18)
    return even * np.minimum(_FARTHEST * usual / np.maximum(size, 1e-9), 1)


def _around(values: np.ndarray) -> np.ndarray:
    return np.maximum(cv2.blur(values, (_NEAR, _NEAR), borderType=cv2.BORDER_REFLECT_101), 0)


def _heat(agreement: np.ndarray, plane: Plane) -> np.ndarray:
    """How far cells (side, side) around each agree with the mark, for those that carry it."""
    carried = cv2.GaussianBlur(plane.carries.astype(np.float32), (0, 0), _HEAT_SIGMA)
    around = cv2.GaussianBlur(agreement.astype(np.float32), (0, 0), _HEAT_SIGMA)
    return np.where(plane.carries, around / np.maximum(carried, 1e-3), 0).clip(0, None).astype(np.float32)
