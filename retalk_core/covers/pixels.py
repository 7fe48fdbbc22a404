"""Which pixels of a frame lie before the face, and what the face may look like behind them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..boxes import sliced_box
from ..images import white_of
from ..media.planes.edited import EditedPicture
from ..types import Pixels
from .view import LIP_OUTLINE, view_affine

CELLS = 32
BEYOND = 10  # cells around a view, over which what reaches its edge goes on: a stalk, an arm
_FINEST = 200  # rows or columns at which a cover's edge is sought; larger ones are enlarged from that
GROWN = 0.55  # of a cell; a cover is taken to be so much larger than it looks: its blur is its own
SOFT = 0.3  # of a cell, over which it fades
_SURE, NONE = 0.75, 0.25  # likelihoods beyond which a pixel shows what the cover, or the face, is made of
TELLING = 0.05  # difference of colours by which cover and face are told apart


@dataclass(frozen=True, eq=False)
class CoverMask:
    """What lies before a face in a part of a frame."""

    slices: tuple[slice, slice]  # of the frame's rows and columns
    shown: np.ndarray  # (h, w) float32 in [0, 1]; 1 where the frame must stay as it is


def cover_mask(pixels: Pixels, points: np.ndarray, cover: np.ndarray) -> CoverMask | None:
    """Bring a cover (32, 32) uint8 to a frame's pixels (H, W, 3), up to the edges that are seen there.

    points:  (468, 2 or 3) the face in the frame
    returns: None where nothing of it lies in the frame
    """
    to_cells = view_affine(points, CELLS)
    slices = _window(to_cells, pixels.shape[:2])
    rows, columns = slices
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if height < 2 or width < 2:
        return None
    scale = min(1.0, _FINEST / max(height, width))
    size = max(round(width * scale), 2), max(round(height * scale), 2)
    cell = scale / float(np.hypot(*to_cells[:, 0]))  # pixels of the small picture
    likely = _spread(cover, to_cells, (rows.start, columns.start), (height, width), size)
    if likely.max() < NONE:
        return None
    small = cv2.resize(pixels[slices], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    shown = _up_to_edges(small / white_of(pixels), likely, cell)
    width_grown = 2 * max(round(GROWN * cell), 1) + 1
    shown = cv2.dilate(shown, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_grown, width_grown)))
    shown = cv2.GaussianBlur(shown, (0, 0), max(SOFT * cell, 0.6))
    shown = np.clip(1.15 * shown - 0.05, 0, 1)
    return CoverMask(slices, cv2.resize(shown, (width, height), interpolation=cv2.INTER_LINEAR))


def uncovered(pixels: Pixels, points: np.ndarray, mask: CoverMask) -> EditedPicture:
    """The frame (H, W, 3) with the face's skin carried on behind what lies before it: a guess.

    points: (468, 2 or 3) the face; its lips are not carried on, they would smear over the chin
    """
    part = pixels[mask.slices].astype(np.float32)
    corner = np.array((mask.slices[1].start, mask.slices[0].start))
    lips = np.zeros(mask.shown.shape, np.float32)
    outline = np.round((points[list(LIP_OUTLINE), :2] - corner - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(lips, [outline], 1.0, lineType=cv2.LINE_8, shift=4)
    reach = 2 * max(round(0.08 * float(np.ptp(points[list(LIP_OUTLINE), 0]))), 1) + 1
    lips = cv2.dilate(lips, np.ones((reach, reach), np.uint8))
    filled = _pushed_in(part, (1 - mask.shown).clip(0, 1) ** 4 * (1 - lips))
    mixed = part + np.minimum(2 * mask.shown, 1)[..., None] * (filled - part)
    made = np.rint(mixed).clip(0, white_of(pixels)).astype(pixels.dtype)
    box, _ = sliced_box(mask.slices, pixels.shape[:2])
    return EditedPicture(pixels, box, made, np.ones(made.shape[:2], bool))


def _window(to_cells: np.ndarray, frame_size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a frame that hold a view and what an edit may move beside and below it."""
    back = cv2.invertAffineTransform(to_cells)
    far = CELLS + BEYOND
    corners = np.array([(-BEYOND, 0), (far, 0), (-BEYOND, far), (far, far)]) @ back[:, :2].T + back[:, 2]
    low = np.clip(np.floor(corners.min(axis=0)), 0, frame_size[::-1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), low, frame_size[::-1]).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _spread(
    cover: np.ndarray,
    to_cells: np.ndarray,
    corner: tuple[int, int],
    size: tuple[int, int],
    small: tuple[int, int],
) -> np.ndarray:
    """Likelihoods (h, w) in [0, 1] of the small picture's pixels; its size is width, height."""
    step = np.array((size[1] / small[0], size[0] / small[1]))
    matrix = np.column_stack([to_cells[:, :2] * step, to_cells[:, 2] + to_cells[:, :2] @ corner[::-1]])
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts from pixel centres
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    likely = cover.astype(np.float32) / 255
    return cv2.warpAffine(likely, matrix, small, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _up_to_edges(picture: np.ndarray, likely: np.ndarray, cell: float) -> np.ndarray:
    """Likelihoods (h, w) sharpened by colour: nearer to the cover's around a place, or to the face's."""
    sigma = max(1.6 * cell, 1.0)
    ours, theirs = (likely > _SURE).astype(np.float32), (likely < NONE).astype(np.float32)
    cover, has_cover = _around(picture, ours, sigma)
    face, has_face = _around(picture, theirs, sigma)
    apart = ((cover - face) ** 2).sum(axis=2)
    along = ((picture - face) * (cover - face)).sum(axis=2) / np.maximum(apart, 1e-6)
    told = np.clip(apart / TELLING**2 - 1, 0, 1) * np.minimum(np.minimum(has_cover, has_face) * 20, 1)
    band = 1 - np.abs(2 * likely - 1) ** 2  # where the network isn't sure
    mixed = likely + told * band * (np.clip(along, 0, 1) - likely)
    return np.clip((mixed - 0.3) / 0.4, 0, 1)


def _around(picture: np.ndarray, where: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean colour (h, w, 3) around each place of the pixels that are meant, and how many those are."""
    share = cv2.GaussianBlur(where, (0, 0), sigma)
    colour = cv2.GaussianBlur(picture * where[..., None], (0, 0), sigma)
    return colour / np.maximum(share, 1e-4)[..., None], share


def _pushed_in(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) whose pixels of weight 0 are filled from around, the nearest first."""
    if min(weight.shape) < 3:
        return picture
    whole = np.concatenate([picture * weight[..., None], weight[..., None]], axis=2)
    small = cv2.pyrDown(whole)
    share = small[..., 3:]
    below = _pushed_in(small[..., :3] / np.maximum(share, 1e-5), np.minimum(4 * share[..., 0], 1))
    larger = cv2.pyrUp(below, dstsize=weight.shape[::-1])
    return larger + weight[..., None] * (picture - larger)
