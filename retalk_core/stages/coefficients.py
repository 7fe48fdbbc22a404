"""Fit a 3D morphable model (3DMM) to faces, and the packed form of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..compute.batches import device_of, in_batches, only_numbers
from ..errors import InputError
from ..faces.shots import nearest_present, shot_bounds
from ..images import resize, to_network
from ..types import IBUG_FROM_MESH, Coefficients, FaceCrops, FaceTrack, Progress, silent

WIDTHS = {  # columns of the packed form, in order
    "identity": 80,
    "expression": 64,
    "texture": 80,
    "angle": 3,
    "lighting": 27,
    "translation": 3,
    "alignment": 5,
}
PORTRAIT = 256  # pixels; the side of the pictures that alignments are counted in
ALIGNED = 224  # pixels; the side of the picture that the regressor sees
SPAN = 102.0  # pixels of an aligned picture for the template's unit
LARGEST_SCALE = 16.0  # a face that must be enlarged further has less than a dozen pixels: it is none
BEFORE, AFTER = 13, 12  # frames in D-Net's window on either side of its own

# Eyes, nose tip and corners of the mouth of the model's mean face: x to the picture's right, y up, z towards
# the camera. Published with the model, as the landmarks of `similarity_Lm3D_all.mat`.
TEMPLATE = np.array(
    (
        (-0.31148657, 0.29036078, 0.13377953),
        (0.30979887, 0.28972036, 0.13179526),
        (0.0032535, -0.04617932, 0.55244243),
        (-0.25216928, -0.38133916, 0.22405732),
        (0.2484662, -0.38128236, 0.22235769),
    )
)


# Alignment


@dataclass(frozen=True, eq=False)
class Aligned:
    """A face as the regressor wants to see it."""

    picture: np.ndarray  # (224, 224, 3) uint8 RGB; black beyond the given picture
    alignment: np.ndarray  # (5,) float32: width, height, scale, x, y; y counted from the bottom
    landmarks: np.ndarray  # (68, 2), or (5, 2) of the template; in the aligned picture, y counted up


def align_face(picture: np.ndarray, landmarks: np.ndarray | None) -> Aligned:
    """Scale and cut a picture so that the face fits the model's mean face.

    picture:   (H, W, 3) uint8 RGB
    landmarks: (68, 2) iBUG points in its pixels, y down; None where they aren't known: then the face is
               taken to fill the picture
    """
    height, width = picture.shape[:2]
    points, (scale, x, y) = _fit_template(landmarks, (height, width))
    w, h = int(width * scale), int(height * scale)
    left = int(w / 2 - ALIGNED / 2 + (x - width / 2) * scale)
    top = int(h / 2 - ALIGNED / 2 + (height / 2 - y) * scale)
    # Pillow's bicubic, which widens its kernel when shrinking: the regressor and D-Net know no other.
    resized = Image.fromarray(picture).resize((w, h), Image.Resampling.BICUBIC)
    cut = resized.crop((left, top, left + ALIGNED, top + ALIGNED))
    middle = np.array((w, h)) / 2 - ALIGNED / 2
    moved = (points - (x - width / 2, y - height / 2)) * scale - middle
    return Aligned(np.array(cut), np.array((width, height, scale, x, y), np.float32), moved)


def _fit_template(
    landmarks: np.ndarray | None, size: tuple[int, int]
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """The points with y up, and scale, x and y of the model's mean face among them."""
    height, width = size
    if landmarks is not None:
        points = np.asarray(landmarks, np.float64) * (1, -1) + (0, height - 1)
        fitted = _weak_perspective(template_points(points))
        if np.isfinite(fitted).all() and 0 < fitted[0] <= LARGEST_SCALE:
            return points, fitted
    points = (TEMPLATE[:, :2] + 1) / 2 * (width, height)
    return points, _weak_perspective(points)


def template_points(points: np.ndarray) -> np.ndarray:
    """Eyes, nose tip and corners of the mouth (..., 5, 2) of 68 iBUG points (..., 68, 2)."""
    left = points[..., [36, 39], :].mean(axis=-2, keepdims=True)
    right = points[..., [42, 45], :].mean(axis=-2, keepdims=True)
    return np.concatenate([left, right, points[..., [30, 48, 54], :]], axis=-2)


def _weak_perspective(points: np.ndarray) -> tuple[float, float, float]:
    """Scale from the picture to the aligned one, and x and y of the template's origin, for five points."""
    if not np.isfinite(points).all():
        return np.nan, np.nan, np.nan
    unknowns = np.column_stack([TEMPLATE, np.ones(len(TEMPLATE))])  # (5, 4)
    solution = np.linalg.lstsq(unknowns, points, rcond=None)[0]  # (4, 2): a row of rotation and scale for
    span = np.linalg.norm(solution[:3], axis=0).mean()  # each of x and y, and where the origin lies
    return SPAN / span if span > 0 else np.inf, *solution[3]


# Fitting


def track_landmarks_in(
    crops: FaceCrops, track: FaceTrack, side: int, rows: Sequence[int] | Tensor | None = None
) -> Tensor:
    """The 68 iBUG points (n, 68, 2) of a track, in the pixels of crops that are `side` pixels wide.

    rows: which of the T rows, all by default
    """
    chosen = slice(None) if rows is None else torch.as_tensor(rows)
    affine = crops.frame_to_crop[chosen].double()
    points = track.mesh[chosen][:, list(IBUG_FROM_MESH), :2].double()
    return ((points @ affine[:, :, :2].mT + affine[:, None, :, 2]) * side).float()


def fit_coefficients(
    network: nn.Module,
    faces: Tensor,
    landmarks: Tensor,
    *,
    batch_size: int = 8,
    progress: Progress = silent,
) -> Coefficients:
    """Read coefficients off portraits.

    network:   Face3D
    faces:     (n, S, S, 3) RGB in [0, 1], portrait crops; the original program had them 256 pixels wide
    landmarks: (n, 68, 2) iBUG points in their pixels
    returns:   n rows; their alignment is counted in portraits of 256 pixels, whatever S is
    raises:    InputError where the counts differ
    """
    if len(faces) != len(landmarks):
        raise InputError(
            f"There are {len(faces)} portraits, but the face was followed through {len(landmarks)} frames. "
            "Give as many: both must come from the same clip, at the same length."
        )
    device = device_of(network)
    side = faces.shape[1]
    shrunk = PORTRAIT / side
    unit = torch.tensor((shrunk, shrunk, 1 / shrunk, shrunk, shrunk))

    def fit(part: slice) -> Tensor:
        pictures = (resize(faces[part], side) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        points = landmarks[part].cpu().numpy()
        aligned = [align_face(*pair) for pair in zip(pictures, points, strict=True)]
        batch = torch.from_numpy(np.stack([face.picture for face in aligned])).float() / 255
        read = only_numbers(network(to_network(batch).to(device)).float().cpu(), network)  # (n, 257)
        alignment = torch.from_numpy(np.stack([face.alignment for face in aligned])) * unit
        return torch.cat([read, alignment], dim=1)

    return unpack(in_batches(fit, len(faces), batch_size, progress))


# Rows


def pack(coefficients: Coefficients) -> Tensor:
    """The packed form (T, 262): the parts side by side, in the order of WIDTHS."""
    return torch.cat([getattr(coefficients, part) for part in WIDTHS], dim=1)


def unpack(packed: Tensor) -> Coefficients:
    """Coefficients from their packed form (T, 262)."""
    return Coefficients(*packed.split(list(WIDTHS.values()), dim=1))


def join(parts: Sequence[Coefficients]) -> Coefficients:
    """The rows of several coefficients, one after another."""
    return unpack(torch.cat([pack(part) for part in parts]))


def take(coefficients: Coefficients, rows: Sequence[int] | slice | Tensor) -> Coefficients:
    """Some rows, in the order given; no longer a clip's, they don't know about shots."""
    chosen = rows if isinstance(rows, slice) else torch.as_tensor(rows)
    return Coefficients(*(getattr(coefficients, part)[chosen] for part in WIDTHS))


def hold_absent(coefficients: Coefficients, present: Tensor, shot: Tensor) -> Coefficients:
    """Give rows without a face the coefficients of the nearest row of their shot that has one.

    present: (T,) bool
    shot:    (T,) int
    returns: T rows, which know their `present` and `shot`. In a shot without any face they stay as they are.
    """
    nearest = nearest_present(present, shot)
    held = take(coefficients, torch.where(nearest < 0, torch.arange(len(shot)), nearest))
    return replace(held, present=present, shot=shot)


# D-Net's view


def coefficient_windows(
    coefficients: Coefficients,
    shot: Tensor,
    rows: Sequence[int] | Tensor | None = None,
    after: int = AFTER,
) -> Tensor:
    """What D-Net is told: the frames from 13 before to 12 after each.

    coefficients: T rows
    shot:         (T,) int; no window reaches across a change, the shot's first or last row is repeated
    rows:         which n of the T rows, all by default
    after:        frames after each; D-Net learns with 13 and draws with 12, as the released one does
    returns:      (n, 73, 14 + after): 64 of expression, 3 angles, 3 of translation, then scale, x, y of the
                  alignment
    """
    first, last = shot_bounds(shot)
    chosen = torch.arange(len(shot)) if rows is None else torch.as_tensor(rows)
    index = chosen[:, None] + torch.arange(-BEFORE, after + 1)  # (n, 26)
    index = torch.minimum(torch.maximum(index, first[chosen, None]), last[chosen, None])
    crop = coefficients.alignment[:, 2:]
    parts = (coefficients.expression, coefficients.angle, coefficients.translation, crop)
    return torch.cat([part[index] for part in parts], dim=2).mT.contiguous()
