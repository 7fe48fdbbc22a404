"""How a result's frames differ from the source's, as far as nobody tells which pixels were edited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..boxes import Box
from ..crops.patch import Patch, box_around
from ..faces.mesh import five_points
from ..images import eight_bit, resize, white_of
from ..metrics.likeness import aligned_face, mouth_step
from ..metrics.paired import absolute_difference, structural_similarity
from ..metrics.pictures.outside import FEWEST_EDITED, border_step, edited_region, likeness_beyond
from ..reports.check import mouth_crop
from ..types import IBUG_FROM_MESH

Note = Callable[[str, object], None]  # takes what was seen, by the names that metrics use
_BORDER = 8  # pixels around the face that an edit may touch, at the least
_SPARED = 8  # pixels around an edit that is known, in which nothing is judged
_STEP = 4  # of the pixels beyond the face, one in each direction tells how much noise there is


@dataclass(frozen=True, eq=False)
class BothFrames:
    """A frame of the result and the source's that it was made from, of one size and type."""

    after: np.ndarray  # (H, W, 3)
    before: np.ndarray
    mesh: np.ndarray  # (468, 3) the face in the result
    source_mesh: np.ndarray

    @classmethod
    def of(
        cls, after: np.ndarray, before: np.ndarray, mesh: np.ndarray, source_mesh: np.ndarray
    ) -> BothFrames:
        """Of pictures of one size; where only one of them has more than 8 bit, both are taken in 8."""
        if after.dtype != before.dtype:
            after, before = eight_bit(after), eight_bit(before)
        return cls(after, before, mesh, source_mesh)

    @property
    def face_box(self) -> Box:
        """Both faces with a border."""
        border = max(_BORDER, 0.15 * max(float(np.ptp(self.mesh[:, 1])), 1.0))
        height, width = self.after.shape[:2]
        points = np.concatenate([self.mesh[:, :2], self.source_mesh[:, :2]])
        return box_around(points, (height, width), border)


def edit_of(frames: BothFrames, support: np.ndarray | None) -> Patch | None:
    """What was edited, with its pixels; None: nothing.

    support: (H, W) bool, where pixels may have changed; None: the pixels about the face tell
    """
    if support is not None:
        if not support.any():
            return None
        rows, columns = np.flatnonzero(support.any(axis=1)), np.flatnonzero(support.any(axis=0))
        box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        return Patch(box, frames.after[box.slices], support[box.slices])
    box = frames.face_box
    noise = _noise_beyond(frames, box)
    edited = edited_region(frames.after[box.slices], frames.before[box.slices], noise)
    return Patch(box, frames.after[box.slices], edited) if edited.sum() >= FEWEST_EDITED else None


def _noise_beyond(frames: BothFrames, box: Box) -> float:
    """The mean absolute difference beyond a box, where white is 1; 0 where nothing is beyond it."""
    step = np.abs(frames.after[::_STEP, ::_STEP].astype(np.float32) - frames.before[::_STEP, ::_STEP])
    beyond = np.ones(step.shape[:2], bool)
    beyond[
        box.top // _STEP : box.bottom // _STEP + 1,
        box.left // _STEP : box.right // _STEP + 1,
    ] = False
    return float(step[beyond].mean()) / white_of(frames.after) if beyond.any() else 0.0


def note_outside(note: Note, frames: BothFrames, support: np.ndarray | None, *, likeness: bool) -> None:
    """Note what became of the rest of the picture, and whether the edit's border shows.

    likeness: of structure too, which needs scikit-image
    """
    kept = np.ones(frames.after.shape[:2], bool)
    if support is None:
        kept[frames.face_box.slices] = False
    else:
        kept = ~_grown(support, _SPARED)
    if kept.any():
        note("errors_outside", _squared_error(frames, kept))
        if likeness:
            note("likeness_outside", likeness_beyond(frames.after, frames.before, kept))
    edit = edit_of(frames, support)
    if edit is None:
        return
    around = _with_margin(edit.box, frames.after.shape[:2])
    edited = np.zeros(around.size, bool)
    edited[edit.box.slices_in(around)] = edit.support
    step = border_step(frames.after[around.slices], frames.before[around.slices], edited)
    if step is not None:
        note("seams", step)


def _squared_error(frames: BothFrames, kept: np.ndarray) -> float:
    """The mean squared error on [0, 1] of some pixels (H, W)."""
    white = white_of(frames.after)
    difference = (frames.after[kept].astype(np.float32) - frames.before[kept]) / white
    return float((difference**2).mean())


def _with_margin(box: Box, size: tuple[int, int]) -> Box:
    height, width = size
    margin = 2 * _SPARED
    return Box(
        max(box.left - margin, 0),
        max(box.top - margin, 0),
        min(box.right + margin, width),
        min(box.bottom + margin, height),
    )


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    around = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), around) > 0


def note_truth(note: Note, frames: BothFrames, lpips: nn.Module | None, *, likeness: bool) -> None:
    """Note how far mouth and lower face are from the true ones, which the source shows."""
    note("mouth_steps", mouth_step(frames.mesh, frames.source_mesh))
    one, other = (mouth_crop(picture, frames.source_mesh) for picture in (frames.after, frames.before))
    note("lower_l1", absolute_difference(one, other))
    if likeness:
        note("lower_ssim", structural_similarity(one, other))
    if lpips is not None:
        note("lower_lpips", float(lpips(*(as_input(lpips, each) for each in (one, other)))))


def face_likeness(arcface: nn.Module, frames: BothFrames) -> float:
    """The cosine of the two faces."""
    one, other = (
        arcface(as_input(arcface, aligned_face(picture, _five(mesh)), -1, 1))[0]
        for picture, mesh in ((frames.after, frames.mesh), (frames.before, frames.source_mesh))
    )
    return float((one * other).sum())


def _five(mesh: np.ndarray) -> np.ndarray:
    return five_points(mesh[None, list(IBUG_FROM_MESH), :2])[0]


def as_input(network: nn.Module, picture: np.ndarray, low: float = 0, high: float = 1) -> Tensor:
    """A picture (H, W, 3) uint8 as a network takes it, (1, 3, H, W) from `low` to `high`, on its device."""
    device = next(network.parameters()).device
    given: Tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(device).float() / 255
    return (given * (high - low) + low).permute(2, 0, 1)[None]


def supports_of(masks: np.ndarray, index: int, size: tuple[int, int]) -> np.ndarray:
    """Which pixels of a frame may have changed, (H, W) bool, by masks (T or 1, h, w) of any size."""
    mask = masks[min(index, len(masks) - 1)]
    if mask.shape != size:
        mask = resize(torch.from_numpy(mask.astype(np.float32))[None], size)[0].numpy()
    return np.asarray(mask > 0)
