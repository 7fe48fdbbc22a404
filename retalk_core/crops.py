"""Cut a followed face out of its frames, bring crops to another framing, paste them back.

An affine (2, 3) takes frame pixels to the unit square. Pixel i's centre is i + 0.5, in frames and in crops;
OpenCV puts it at i, which only `_warp` knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from .blend import MOST_LEVELS, Blended, blend_picture
from .errors import InputError
from .framing import SIDES, frame_faces
from .images import resize
from .patches import Box, Patch, box_around, white_of
from .types import FaceCrops, Progress, silent

__all__ = [
    "SIDES",
    "Layer",
    "at_size",
    "crop_corners",
    "crop_faces",
    "cut_crop",
    "frame_faces",
    "paste_back",
    "paste_crop",
    "reframe",
    "reframe_masks",
    "take_rows",
]

COVER_EDGE = 0.02  # of a source's side, over which what it covers fades out at its edge
FAINTEST = 1 / 512  # of a mask; what is less shows in no eight-bit picture
PREFILTER = 0.4  # pixels of the frame, a Gaussian's sigma: what a crop of finer pixels is softened by


def take_rows(crops: FaceCrops, rows: Sequence[int] | np.ndarray) -> FaceCrops:
    """The crops of some frames, in the order given."""
    chosen = torch.as_tensor(np.asarray(rows, np.int64))
    return replace(
        crops,
        frame_to_crop=crops.frame_to_crop[chosen],
        present=crops.present[chosen],
        weight=crops.weight[chosen],
        outline=None if crops.outline is None else crops.outline[chosen],
    )


def at_size(crops: FaceCrops, frame_size: tuple[int, int]) -> FaceCrops:
    """The same crops of frames that were resized to another height and width."""
    if frame_size == crops.frame_size:
        return crops
    scale = [had / has for had, has in zip(crops.frame_size[::-1], frame_size[::-1], strict=True)]
    affines = crops.frame_to_crop * torch.tensor([*scale, 1.0])
    return replace(crops, frame_to_crop=affines, frame_size=frame_size)


# Cutting


def crop_faces(
    images: Tensor, crops: FaceCrops, side: int | None = None, progress: Progress = silent
) -> Tensor:
    """Cut the crops out of a clip's frames.

    images:  (T, H, W, 3) in [0, 1]; of any size, as long as they show the same as the tracked frames
    side:    of the crops, in pixels; None takes what the framing's network was trained with
    returns: (T, S, S, 3)
    raises:  InputError if there are not as many images as crops
    """
    _check_count("pictures", len(images), crops)
    side = SIDES[crops.framing] if side is None else side
    affines = at_size(crops, _size(images)).frame_to_crop
    cut = torch.empty(len(images), side, side, 3)
    for i, image in enumerate(images):
        cut[i] = torch.from_numpy(cut_crop(_array(image), affines[i], side))
        progress(i + 1, len(images))
    return cut


def cut_crop(pixels: np.ndarray, affine: np.ndarray | Tensor, side: int) -> np.ndarray:
    """Sample one crop of a frame.

    pixels:  (H, W, 3) uint8, uint16, or float32 in [0, 1]
    affine:  (2, 3) frame pixels to the unit square
    returns: (side, side, 3) float32 in [0, 1]; beyond the frame its edge is repeated

    Bilinear, which is what the networks were trained with; only where a pixel of the crop stands for two or
    more of the frame along a side are those averaged first.
    """
    to_frame = _inverse(affine)
    step = np.linalg.norm(to_frame[:, :2], axis=1) / side  # from pixel to pixel, in the frame's x and y
    factor = np.floor(np.maximum(step * (1 + 1e-6), 1)).astype(int)
    part, corner = _reduced(pixels, _apply(to_frame, UNIT_CORNERS), factor)
    to_part = np.column_stack([to_frame[:, :2] / side, to_frame[:, 2] - corner]) / factor[:, None]
    return _warp(part, to_part, (side, side), cv2.INTER_LINEAR) / white_of(pixels)


def _reduced(pixels: np.ndarray, around: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a frame around points (n, 2), blocks of its pixels averaged, and its left top in the frame.

    The blocks keep their places in the frame wherever the part lies, so that a still background stays still.
    """
    size = np.array(pixels.shape[1::-1])
    low = np.floor((around.min(axis=0) - 1) / factor - 1) * factor
    high = np.ceil((around.max(axis=0) + 1) / factor + 1) * factor
    low = low.clip(0, (size - 1) // factor * factor).astype(int)
    high = high.clip(low + 1, size).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    if (factor > 1).any():
        blocks = -(-(high - low) // factor)  # the last may be cut by the frame's edge
        right, bottom = blocks * factor - (high - low)
        if right or bottom:
            part = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        part = cv2.resize(part, (int(blocks[0]), int(blocks[1])), interpolation=cv2.INTER_AREA)
    return part, low


def reframe(
    images: Tensor,
    source: FaceCrops,
    target: FaceCrops,
    *,
    side: int | None = None,
    base: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Bring crops from one framing to another in one resampling.

    images:  (T, S, S, 3) in the framing of `source`
    side:    of the result; None takes what the target's network was trained with
    base:    (T, side, side, 3) in the framing of `target`, for what the source doesn't cover; without it the
             source's edge is repeated there
    returns: images (T, side, side, 3), and how far the source covers them (T, side, side) in [0, 1]
    raises:  InputError if the numbers of images and crops differ
    """
    _check_count("pictures", len(images), source)
    _check_count("crops in the other framing", len(target), source)
    side = SIDES[target.framing] if side is None else side
    if base is not None:
        _check_count("pictures below", len(base), source)
        base = resize(base, side)
    from_frame = at_size(source, target.frame_size).frame_to_crop
    reframed, covered = torch.empty(len(images), side, side, 3), torch.empty(len(images), side, side)
    for i, image in enumerate(images):
        to_source = _compose(from_frame[i], _inverse(target.frame_to_crop[i]))
        to_target = _inverse(to_source)
        size = np.array([image.shape[1], image.shape[0]])
        cut = cut_crop(_array(image), np.column_stack([to_target[:, :2] / size, to_target[:, 2]]), side)
        reframed[i], covered[i] = torch.from_numpy(cut), torch.from_numpy(_coverage(to_source, side))
        if base is not None:
            reframed[i] = torch.lerp(base[i].cpu().float(), reframed[i], covered[i][..., None])
    return reframed, covered


def reframe_masks(masks: Tensor, source: FaceCrops, target: FaceCrops, *, side: int | None = None) -> Tensor:
    """Bring masks that were drawn in one framing to another; black where the source doesn't reach.

    masks:   (T, S, S) or (1, S, S) in the framing of `source`
    side:    of the result; None takes what the target's network was trained with
    returns: (T, side, side)
    raises:  InputError if the numbers of masks and crops differ
    """
    side = SIDES[target.framing] if side is None else side
    pictures = masks.expand(len(source) if len(masks) == 1 else -1, -1, -1)[..., None].expand(-1, -1, -1, 3)
    black = torch.zeros(len(pictures), side, side, 3)
    return reframe(pictures, source, target, side=side, base=black)[0][..., 0]


def _coverage(to_source: np.ndarray, side: int) -> np.ndarray:
    """How far pixels (side, side) of a unit square lie inside another: 0 at its edge and beyond, 1 inside."""
    grid = (np.arange(side) + 0.5) / side
    return (_depth(to_source, grid, grid) / COVER_EDGE).clip(0, 1).astype(np.float32)


def _depth(to_unit: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How deep in the unit square (h, w) the points of a grid lie, x (w,) and y (h,); negative beyond it."""
    u, v = (row[0] * x + row[1] * y[:, None] + row[2] for row in to_unit)
    return np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))


@dataclass(frozen=True, eq=False)
class Layer:
    """One crop to paste into a frame."""

    image: np.ndarray  # (S, S, 3) float32 in [0, 1]
    affine: np.ndarray | Tensor  # (2, 3) frame pixels to the unit square
    mask: np.ndarray  # (S, S) float32 in [0, 1], of any size: where it shows
    weight: float = 1.0  # 0..1, how far it shows


def paste_crop(
    pixels: np.ndarray,
    layers: Sequence[Layer],
    *,
    protect: np.ndarray | None = None,
    levels: int | None = None,
    colour_match: float = 0.0,
) -> Patch:
    """Paste crops into one frame, one over the other, at the frame's own resolution.

    pixels:       (H, W, 3) uint8, uint16, or float32 in [0, 1]; stays as it is
    protect:      (H, W) in [0, 1], 1 where the frame is left alone
    levels:       of the blend's pyramid; None takes what fits each mask
    colour_match: 0..1, how far a layer's colour follows the frame's near its mask's border
    returns:      the changed part, in the frame's own numbers, rounded; outside its support nothing changes
    """
    frame_size = pixels.shape[0], pixels.shape[1]
    placed = [part for layer in layers if (part := _place(layer, frame_size, protect, levels))]
    corners = [corner for part in placed for corner in _corners(part.box)]
    box = box_around(np.array(corners or [(0, 0)]), frame_size, margin=0)
    white = white_of(pixels)
    canvas = pixels[box.slices].astype(np.float32) / white
    support = np.zeros(box.size, bool)
    for part in placed:
        inside = part.box.slices_in(box)
        canvas[inside], touched = blend_picture(
            canvas[inside], part.picture, part.mask, levels=levels, colour_match=colour_match
        )
        support[inside] |= touched
    pasted = canvas.clip(0, 1) * white
    if pixels.dtype != np.float32:
        pasted = np.rint(pasted).astype(pixels.dtype)
    return Patch(box, pasted, support)


def paste_back(
    frames: Tensor,
    images: Tensor,
    crops: FaceCrops,
    mask: Tensor | None = None,
    *,
    protect: Tensor | None = None,
    levels: int | None = None,
    colour_match: float = 0.0,
    progress: Progress = silent,
) -> Blended:
    """Paste crops into a clip's frames; frames without a face stay as they are.

    frames:  (T, H, W, 3) in [0, 1]; of any size, as long as they show the same as the tracked frames
    images:  (T, S, S, 3) what to paste
    mask:    (T, S, S) or (1, S, S) in [0, 1], of any size: where in the crop it shows; None: everywhere
    protect: (T, H, W) or (1, H, W) in [0, 1], of any size: 1 where the frames are left alone
    returns: images (T, H, W, 3) in the frames' dtype and the support (T, H, W) of the change
    raises:  InputError if there are not as many frames, crops or masks as there must be

    The rest is as for `paste_crop`.
    """
    _check_count("frames", len(frames), crops)
    _check_count("pictures to paste", len(images), crops)
    mask = torch.ones(1, *images.shape[1:3]) if mask is None else mask
    protect = torch.zeros(1, *frames.shape[1:3]) if protect is None else resize(protect, _size(frames))
    for name, given in (("masks", mask), ("masks that protect", protect)):
        if len(given) != 1:
            _check_count(name, len(given), crops)
    affines = at_size(crops, _size(frames)).frame_to_crop
    weights = (crops.weight * crops.present).tolist()
    pasted, support = frames.clone(), torch.zeros(frames.shape[:3])
    for i, frame in enumerate(frames):
        where, kept = (_array(given[i if len(given) > 1 else 0]) for given in (mask, protect))
        layer = Layer(_array(images[i]), affines[i], where, weights[i])
        patch = paste_crop(_array(frame), [layer], protect=kept, levels=levels, colour_match=colour_match)
        changed = torch.from_numpy(patch.support)
        there = (i, *patch.box.slices)
        support[there] = changed.float()
        new = torch.from_numpy(patch.pixels).to(pasted)
        pasted[there] = torch.where(changed[..., None].to(pasted.device), new, pasted[there])
        progress(i + 1, len(frames))
    return Blended(pasted, support.to(frames.device))


@dataclass(frozen=True, eq=False)
class _Placed:
    """A layer brought to the frame's pixels."""

    box: Box
    picture: np.ndarray  # (h, w, 3) float32 in [0, 1]
    mask: np.ndarray  # (h, w) float32 in [0, 1]


def _place(
    layer: Layer, frame_size: tuple[int, int], protect: np.ndarray | None, levels: int | None
) -> _Placed | None:
    """Bring a layer to the frame's pixels, in one resampling; None where nothing of it shows."""
    to_crop = np.asarray(layer.affine, np.float64)
    box = _reach(layer.mask, to_crop, frame_size, levels) if layer.weight > 0 else None
    if box is None:
        return None
    mask = _brought(layer.mask, to_crop, box, cv2.INTER_LINEAR) * np.float32(layer.weight)
    x, y = np.arange(box.left, box.right) + 0.5, np.arange(box.top, box.bottom) + 0.5
    mask[_depth(to_crop, x, y) < 0] = 0
    if protect is not None:
        mask = mask * (1 - protect[box.slices].astype(np.float32))
    mask[mask < FAINTEST] = 0
    if not mask.any():
        return None
    picture = _brought(_softened(layer.image, to_crop), to_crop, box, cv2.INTER_CUBIC)
    return _Placed(box, picture.clip(0, 1), mask)


def _reach(
    mask: np.ndarray, to_crop: np.ndarray, frame_size: tuple[int, int], levels: int | None
) -> Box | None:
    """The part of a frame in which a mask shows, and as much around it as its blend looks at."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    low = np.array((columns[0] - 1, rows[0] - 1)) / mask.shape[::-1]  # a pixel more: sampling spreads it
    high = np.array((columns[-1] + 2, rows[-1] + 2)) / mask.shape[::-1]
    low, high = low.clip(min=0), high.clip(max=1)
    corners = _apply(_inverse(to_crop), low + UNIT_CORNERS * (high - low))
    if (corners.max(axis=0) <= 0).any() or (corners.min(axis=0) >= frame_size[::-1]).any():
        return None
    return box_around(corners, frame_size, margin=2 ** min(levels or MOST_LEVELS, MOST_LEVELS))


def _softened(image: np.ndarray, to_crop: np.ndarray) -> np.ndarray:
    """A crop without the detail that the frame's pixels are too coarse for."""
    step = np.linalg.norm(to_crop[:, :2], axis=1) * image.shape[1::-1]  # of the frame's pixels, in the crop
    sigma = PREFILTER * np.sqrt(np.maximum(step**2 - 1, 0))
    if sigma.max() < 0.2:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigmaX=max(sigma[0], 0.01), sigmaY=max(sigma[1], 0.01))


def _brought(picture: np.ndarray, to_crop: np.ndarray, box: Box, interpolation: int) -> np.ndarray:
    """A crop's picture sampled at the pixels of a box in the frame; beyond the crop its edge is repeated."""
    size = np.array(picture.shape[1::-1], float)[:, None]
    corner = to_crop[:, 2] + to_crop[:, :2] @ box.corner.astype(float)
    to_pixels = np.column_stack([to_crop[:, :2], corner]) * size
    return _warp(picture, to_pixels, box.size, interpolation)


# Affines (2, 3) and pixels

UNIT_CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])


def crop_corners(affine: np.ndarray | Tensor) -> np.ndarray:
    """Where a crop's corners (4, 2) lie in its frame, for an affine (2, 3) from there to the unit square."""
    return _apply(_inverse(affine), UNIT_CORNERS)


def _warp(
    picture: np.ndarray, to_source: np.ndarray, size: tuple[int, int], interpolation: int
) -> np.ndarray:
    """Sample a picture (H, W) or (H, W, C) at another's pixels; `to_source` takes those to the first."""
    shift = to_source[:, 2] + to_source[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV has pixel i's centre at i
    matrix = np.column_stack([to_source[:, :2], shift])
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _inverse(affine: np.ndarray | Tensor) -> np.ndarray:
    matrix = np.asarray(affine, np.float64)
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def _compose(outer: np.ndarray | Tensor, inner: np.ndarray) -> np.ndarray:
    """First the inner, then the outer."""
    matrix = np.asarray(outer, np.float64)
    return np.column_stack([matrix[:, :2] @ inner[:, :2], matrix[:, :2] @ inner[:, 2] + matrix[:, 2]])


def _apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ affine[:, :2].T + affine[:, 2]


def _corners(box: Box) -> list[tuple[int, int]]:
    return [(box.left, box.top), (box.right, box.bottom)]


def _array(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.detach().cpu().float().numpy())


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[1], images.shape[2]


def _check_count(what: str, count: int, crops: FaceCrops) -> None:
    if count != len(crops):
        raise InputError(
            f"There are {count} {what}, but the face crops are those of {len(crops)} frames. Give as many: "
            "both must come from the same clip, at the same length."
        )
