"""Where other programs cut faces out for their networks, how, and how they paste them back.

Boxes (n, 4) are left, top, right, bottom. Points and affines have pixel i's centre at i here, as those
programs do; `framing.py` brings them to ours.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..images import white_of
from .affine import UNIT_CORNERS, apply_affine, depth_inside, invert, warp

CHIN_PAD = 10  # pixels below a box of Wav2Lip's, whatever the face's size
BOXES_AHEAD = 5  # boxes that one of Wav2Lip's is the mean of

# Where PC-AVS has the eyes and the middle of the inner lips, in pictures of 224 pixels.
HEAD_POINTS = np.array([(87.0, 59.0), (137.0, 59.0), (112.0, 120.0)])
HEAD_SIDE = 224
HEAD_CUT = (16, 0, 192)  # left, top and side of what is cut once more out of those
OWN_SHIFT = 0.8  # how much of a frame's own shift counts beside that of the one before

_PARTS = 32  # of a pixel, at which heads are sampled
_FINE = 1024  # of a pixel, in which OpenCV counts its way there

WHOLE_PIXEL = 1e-2  # pixels; what is no farther from a whole number is one


def padded_boxes(found: np.ndarray, frame_size: tuple[int, int], below: int = CHIN_PAD) -> np.ndarray:
    """Boxes (n, 4) in whole pixels within the frame, with so many more pixels below."""
    boxes = np.trunc(found.clip(min=0)).astype(int)
    boxes[:, 3] += below
    return np.minimum(boxes, [*frame_size[::-1]] * 2)


def mean_ahead(boxes: np.ndarray, window: int = BOXES_AHEAD) -> np.ndarray:
    """Means (n, 4) over each box and those that follow it, as whole numbers: Wav2Lip's smoothing.

    The last ones all take the last `window` boxes, some of which are means already; of fewer boxes than a
    window, those that a slice with a negative start finds.
    """
    boxes = boxes.copy()
    for i in range(len(boxes)):
        fits = i + window <= len(boxes)
        boxes[i] = (boxes[i : i + window] if fits else boxes[len(boxes) - window :]).mean(axis=0).astype(int)
    return boxes


def head_points(landmarks: np.ndarray) -> np.ndarray:
    """The middles of the left eye, the right eye and the inner lips (n, 3, 2) of 68 landmarks (n, 68, 2)."""
    parts = (slice(36, 42), slice(42, 48), slice(60, 68))
    return np.stack([landmarks[:, part].mean(axis=1) for part in parts], axis=1)


def head_affines(fitted: np.ndarray, mouths: np.ndarray, *, smooth: bool = True) -> np.ndarray:
    """Affines (n, 2, 3) that bring heads to the same place in pictures of 224 pixels.

    fitted: (2, 3) what brings the mean of all frames' points to `HEAD_POINTS`
    mouths: (n, 2) where the middle of the inner lips lies in each frame; it alone shifts them
    smooth: the shift follows slowly
    """
    shifts = HEAD_POINTS[2] - apply_affine(fitted, mouths)
    if smooth:
        for i in range(1, len(shifts)):
            shifts[i] = (1 - OWN_SHIFT) * shifts[i - 1] + OWN_SHIFT * shifts[i]
    affines = np.repeat(fitted[None], len(mouths), axis=0)
    affines[:, :, 2] += shifts
    return affines


# Cut


def cut_plain(pixels: np.ndarray, affine: np.ndarray, framing: str, side: int) -> np.ndarray:
    """Sample one crop of a frame as the framing's own program does it: in the frame's levels, no averaging.

    pixels:  (H, W, 3) uint8 or uint16
    affine:  (2, 3) frame pixels to the unit square, in our convention
    returns: (side, side, 3) float32 in [0, 1]
    """
    if framing == "pcavs":
        picture = cut_head(pixels, _aligning(affine), side)
    elif (box := whole_box(affine, pixels.shape[:2])) is not None:
        left, top, right, bottom = box
        picture = cv2.resize(pixels[top:bottom, left:right], (side, side), interpolation=cv2.INTER_LINEAR)
    else:
        to_frame = invert(affine)
        to_pixels = np.column_stack([to_frame[:, :2] / side, to_frame[:, 2]])
        picture = warp(pixels, to_pixels, (side, side), cv2.INTER_LINEAR)
    return picture.astype(np.float32) / white_of(pixels)


def align_head(pixels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) brought to 224 pixels by an affine of `head_affines`; black beyond it.

    Bilinear at places that are whole 32nds of a pixel, as OpenCV had it until its version 5, whose pictures
    differ by up to 2 levels. Source: PC-AVS' program with OpenCV 4.6, recorded.
    """
    to_frame, out = invert(affine), np.arange(HEAD_SIDE)
    steps = np.rint(to_frame[:, 0, None] * out * _FINE)  # (2, 224) along a row, in x and y
    starts = np.rint((to_frame[:, 1, None] * out + to_frame[:, 2, None]) * _FINE)  # of each row
    half = _FINE // _PARTS // 2
    x, y = ((starts[:, :, None] + steps[:, None] + half) // (_FINE // _PARTS)).astype(int)
    column, row, right, down = x // _PARTS, y // _PARTS, x % _PARTS, y % _PARTS
    total = np.full((HEAD_SIDE, HEAD_SIDE, pixels.shape[2]), _PARTS * _PARTS // 2)
    for i, below in enumerate((_PARTS - down, down)):
        for j, beside in enumerate((_PARTS - right, right)):
            total += (below * beside)[..., None] * _black_beyond(pixels, row + i, column + j)
    return (total // (_PARTS * _PARTS)).astype(pixels.dtype)


def _black_beyond(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pixels (n, m, 3) of a frame at places (n, m), 0 where they lie outside."""
    height, width = pixels.shape[:2]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return pixels[rows.clip(0, height - 1), columns.clip(0, width - 1)] * inside[..., None]


def cut_head(pixels: np.ndarray, affine: np.ndarray, side: int) -> np.ndarray:
    """What PC-AVS is shown of a frame (H, W, 3): aligned, cut once more, resized."""
    return cut_again(align_head(pixels, affine), side)


def cut_again(aligned: np.ndarray, side: int = HEAD_SIDE) -> np.ndarray:
    """The part of an aligned head (224, 224, 3) that the network is shown, (side, side, 3)."""
    left, top, cut = HEAD_CUT
    part = aligned[top : top + cut, left : left + cut]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_LINEAR)


def _aligning(affine: np.ndarray) -> np.ndarray:
    """The affine of `head_affines` that one of the framing `pcavs`, in our convention, comes from."""
    left, top, cut = HEAD_CUT
    linear = affine[:, :2] * cut
    return np.column_stack([linear, affine[:, 2] * cut + (left - 0.5, top - 0.5) + linear @ (0.5, 0.5)])


def unit_of_head(affines: np.ndarray) -> np.ndarray:
    """Affines (n, 2, 3) of `head_affines` as ours, to the unit square of what is cut once more."""
    left, top, cut = HEAD_CUT
    linear = affines[:, :, :2]
    shifts = affines[:, :, 2] + 0.5 - linear @ (0.5, 0.5) - (left, top)
    return np.concatenate([linear, shifts[..., None]], axis=2) / cut


def whole_box(affine: np.ndarray, frame_size: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The box of whole pixels within a frame that a crop's affine (2, 3) has; None where it is none."""
    corners = apply_affine(invert(affine), UNIT_CORNERS[[0, 2]]).ravel()
    box = np.rint(corners).astype(int)
    off = np.abs(corners - box).max() + np.abs(affine[[0, 1], [1, 0]]).max()
    left, top, right, bottom = (int(each) for each in box)
    inside = 0 <= left < right <= frame_size[1] and 0 <= top < bottom <= frame_size[0]
    return (left, top, right, bottom) if off < WHOLE_PIXEL and inside else None


# Paste


def paste_box(
    pixels: np.ndarray, crop: np.ndarray, affine: np.ndarray, *, white: float, rounds: str, weight: float
) -> np.ndarray:
    """Put a whole crop into a frame, in place, with a hard edge.

    pixels:  (H, W, 3) float32 in [0, 1]
    crop:    (S, S, 3) float32 in [0, 1]
    affine:  (2, 3) frame pixels to the unit square
    white:   levels of the frame
    rounds:  down to whole levels: "before" it is resized, or "behind"
    weight:  0..1, how far it shows
    returns: (H, W) bool, where it was put
    """
    levels = np.trunc(crop.clip(0, 1) * np.float32(white))
    picture = levels if rounds == "before" else crop.clip(0, 1) * np.float32(white)
    box = whole_box(affine, pixels.shape[:2])
    touched = np.zeros(pixels.shape[:2], bool)
    if box is not None:
        left, top, right, bottom = box
        kind = np.uint8 if white == 255 else np.uint16
        stored = picture.astype(kind) if rounds == "before" else picture
        put = cv2.resize(stored, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        place = slice(top, bottom), slice(left, right)
    else:
        height, width = pixels.shape[:2]
        to_pixels = affine * np.array(crop.shape[1::-1], float)[:, None]
        put = warp(picture, to_pixels, (height, width), cv2.INTER_LINEAR)
        place = slice(0, height), slice(0, width)
    inside = (
        depth_inside(affine, np.arange(pixels.shape[1]) + 0.5, np.arange(pixels.shape[0]) + 0.5)[place] > 0
    )
    new = np.trunc(put.astype(np.float32)) / np.float32(white)
    own = pixels[place]
    own[inside] += np.float32(weight) * (new[inside] - own[inside])
    touched[place] = inside
    return touched
