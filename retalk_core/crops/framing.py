"""Decide where in its frames a followed face is cut out, for each of the networks that look at it.

An affine (2, 3) takes frame pixels to the unit square; pixel i's centre is i + 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import correlate1d

from ..errors import OptionError
from ..faces.mesh import FACE_OVAL, five_points, oval_boxes, quarter_turn, shot_quarters
from ..faces.shots import nearest_present, shot_bounds
from ..types import FaceCrops, FaceTrack
from .originals import HEAD_POINTS, head_affines, head_points, mean_ahead, padded_boxes, unit_of_head

# The sides in pixels that the networks were trained with; `mouth` is free.
SIDES = {
    "portrait": 256,
    "face": 384,
    "ffhq": 512,
    "gpen": 512,
    "mouth": 256,
    "wav2lip": 384,  # what E-Net takes; Wav2Lip and LipGAN themselves are shown 96
    "lipgan": 384,
    "pcavs": 224,
}

OUTLIER_FRAMES = 9  # a running median over so many: what fewer than half of them show is no movement
CHIN_ROOM = 20 / 300  # of a face's height, below its chin: 20 pixels at the heights that L-Net was trained on
LEAST_INSIDE = 0.5  # of a face's box is kept, however little of it the frame shows
MOUTH_REACH = 0.4  # half the mouth's square, in half sides of the portrait's
SMOOTHING = 0.06  # seconds, a Gaussian's sigma: as wide as the mean over five frames at 25 a second
JUMP = 0.5  # of a box's longer side between two frames; smoothing stops there

# Where eyes, nose tip and corners of the mouth lie in pictures of 512 pixels, pixel i's centre at i.
FFHQ_POINTS = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)
GPEN_POINTS = np.array(
    [
        (202.04068428, 242.88396346),
        (309.43024555, 242.28998092),
        (256.07679966, 303.95917038),
        (211.95977493, 366.82819474),
        (300.89112491, 366.33630952),
    ]
)


def frame_faces(
    track: FaceTrack, framing: str, *, boxes: np.ndarray | None = None, smooth: bool = True
) -> FaceCrops:
    """Decide where in each frame a crop is cut.

    track:   of T frames
    framing: "portrait": one box for each shot, so that the head moves inside it; "face": the face's box,
             stretched to a square; "ffhq" and "gpen": five points on the template of GFPGAN or GPEN, upright;
             "mouth": a square around the lips; "wav2lip" and "lipgan": the face's box in whole pixels, as
             those programs lay it; "pcavs": a head, as PC-AVS is shown it
    boxes:   (T, 4) a detector's own for the framings with the face's box, in frame pixels; None: those of the
             mesh's oval
    smooth:  "face" and "mouth" over time, within each shot
    returns: crops of all T frames. A frame without a face has those of the nearest one with a face in its
             shot, in a shot without any face the middle of the frame. A shot whose face lies on its side or
             is upside down is framed as if it had been turned upright by quarters.
    """
    if framing not in SIDES:
        raise OptionError(f"There is no framing {framing!r}; there are {', '.join(SIDES)}.")
    affines, turns = np.zeros((len(track), 2, 3)), shot_quarters(track)
    for turn in np.unique(turns).tolist():
        rows, turned = turns == turn, quarter_turn(track.frame_size, turn)
        upright = track if turn == 0 else _turned_track(track, turned, turn)
        around = oval_boxes(upright) if boxes is None else _turned_boxes(boxes, turned)
        framed = _framed(upright, _FRAMINGS[framing], around, smooth)
        affines[rows] = framed[rows] if turn == 0 else _after(framed[rows], turned)
    frame_to_crop = torch.from_numpy(affines.astype(np.float32))
    oval = track.mesh[:, list(FACE_OVAL), :2].float()
    outline = oval @ frame_to_crop[:, :, :2].mT + frame_to_crop[:, None, :, 2]
    return FaceCrops(
        frame_to_crop=frame_to_crop,
        framing=framing,
        present=track.present,
        weight=track.weight,
        frame_size=track.frame_size,
        outline=outline,
    )


def _framed(track: FaceTrack, frame: _Framing, boxes: np.ndarray, smooth: bool) -> np.ndarray:
    """The affines (T, 2, 3) of all rows; without a face those of the nearest one with a face in its shot."""
    around = oval_boxes(track)
    seen = track.present.numpy() & ((around[:, 2:] - around[:, :2]).min(axis=1) >= 1)
    affines = np.repeat(_box_affines(_middle(track.frame_size)[None]), len(track), axis=0)
    if seen.any():
        nearest = nearest_present(torch.from_numpy(seen), track.shot).numpy()
        affines[nearest >= 0] = frame(_Faces(track, seen, boxes, smooth))[nearest[nearest >= 0]]
    return affines


def _turned_track(track: FaceTrack, turned: np.ndarray, turn: int) -> FaceTrack:
    """A track as it would be of the clip turned to the left by so many quarters."""
    mesh = track.mesh.clone()
    affine = torch.from_numpy(turned).to(mesh)
    mesh[..., :2] = track.mesh[..., :2] @ affine[:, :2].T + affine[:, 2]
    size = track.frame_size if turn % 2 == 0 else track.frame_size[::-1]
    return replace(track, mesh=mesh, frame_size=size)


def _after(affines: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Affines (T, 2, 3) of turned frames as those of the frames themselves."""
    linear = affines[:, :, :2]
    return np.concatenate(
        [linear @ turned[:, :2], (linear @ turned[:, 2] + affines[:, :, 2])[..., None]], axis=2
    )


def _turned_boxes(boxes: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Boxes (T, 4) in frames that were turned by an affine (2, 3)."""
    corners = boxes.reshape(-1, 2, 2) @ turned[:, :2].T + turned[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def portrait_boxes(landmarks: np.ndarray) -> np.ndarray:
    """The boxes (T, 4) around the oriented squares that FFHQ's recipe lays around faces.

    landmarks: (T, 68, 2) in pixels

    Source: T. Karras et al., the script that made FFHQ; VideoReTalking cuts its portraits by it, upright.
    """
    centre, x = _oriented_square(landmarks)
    reach = np.abs(x).sum(axis=1, keepdims=True)  # the same to all four sides
    return np.concatenate([centre - reach, centre + reach], axis=1)


def fit_similarity(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Affines (T, 2, 3) that turn, scale and shift points (T, n, 2) onto a template (n, 2), by least squares.

    Source: S. Umeyama, Least-squares estimation of transformation parameters between two point patterns,
    1991; in the plane it is the division of two sums of complex numbers.
    """
    places, targets = points[..., 0] + 1j * points[..., 1], template[:, 0] + 1j * template[:, 1]
    middle, aim = places.mean(axis=1), targets.mean()
    centred = places - middle[:, None]
    spread = np.maximum((np.abs(centred) ** 2).sum(axis=1), 1e-12)
    turn = (centred.conj() * (targets - aim)).sum(axis=1) / spread
    shift = aim - turn * middle
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    return np.array(rows).transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class _Faces:
    """What framings go by; in rows where the face isn't seen, nothing counts."""

    track: FaceTrack
    seen: np.ndarray  # (T,) bool
    boxes: np.ndarray  # (T, 4) around the faces, as a detector draws them
    smooth: bool  # boxes over time


def _frame_portraits(faces: _Faces) -> np.ndarray:
    """Affines (T, 2, 3) to one square for each shot that holds the shot's `portrait_boxes`.

    Each side is a running median's extreme over time, so that a mesh gone astray for a few frames doesn't
    shrink the face for the whole shot; where the head really goes it stays long enough to count.
    """
    track, seen = faces.track, faces.seen
    squares = portrait_boxes(track.landmarks.double().numpy())
    start = shot_bounds(track.shot)[0].numpy()
    boxes = np.zeros_like(squares)
    for first in np.unique(start[seen]):
        rows = seen & (start == first)
        window = min(OUTLIER_FRAMES, int(rows.sum()))
        calm = np.median(np.lib.stride_tricks.sliding_window_view(squares[rows], window, axis=0), axis=-1)
        union = np.concatenate([calm[:, :2].min(axis=0), calm[:, 2:].max(axis=0)])
        boxes[rows] = _square_inside(union, track.frame_size)
    return _box_affines(boxes)


def _frame_boxes(faces: _Faces) -> np.ndarray:
    """Affines (T, 2, 3) to the face's box, forehead to chin and cheek to cheek, with room below the chin.

    L-Net and E-Net were trained on the boxes of S3FD. The mesh's oval approximates them, and was not measured
    against them. As there, a box that leaves the frame is clamped, and stretched to a square whatever its
    aspect; unlike there, the room grows with the face, and smoothing looks both ways.
    """
    boxes = faces.boxes.copy()
    boxes[:, 3] += CHIN_ROOM * (boxes[:, 3] - boxes[:, 1])
    boxes = _smoothed(boxes, faces)
    half = LEAST_INSIDE * (boxes[:, 2:] - boxes[:, :2])
    low = np.minimum(boxes[:, :2].clip(min=0), boxes[:, 2:] - half)
    high = np.maximum(boxes[:, 2:].clip(max=faces.track.frame_size[::-1]), boxes[:, :2] + half)
    return _box_affines(np.concatenate([low, high], axis=1))


def _frame_mouths(faces: _Faces) -> np.ndarray:
    """Affines (T, 2, 3) to a square about twice as wide as the resting mouth: nose to chin.

    It is measured by the eyes and their distance to the mouth, so that it doesn't pulse with the lips.
    """
    landmarks = faces.track.landmarks.double().numpy()
    centre, x = _oriented_square(landmarks)
    reach = MOUTH_REACH * _length(x)
    corners = landmarks[:, [48, 54]].mean(axis=1)
    middle = corners + 0.1 * (corners - centre)  # an open mouth reaches farther down than up
    boxes = np.concatenate([middle - reach, middle + reach], axis=1)
    return _box_affines(_smoothed(boxes, faces))


def _frame_wav2lip(faces: _Faces) -> np.ndarray:
    """Affines (T, 2, 3) to boxes in whole pixels, each the mean of those that follow it in its stretch."""
    boxes = padded_boxes(faces.boxes, faces.track.frame_size)
    if faces.smooth:
        for stretch in _stretches(faces, boxes):
            boxes[stretch] = mean_ahead(boxes[stretch])
    return _box_affines(boxes.astype(float))


def _frame_lipgan(faces: _Faces) -> np.ndarray:
    """Affines (T, 2, 3) to boxes in whole pixels, each for itself."""
    return _box_affines(padded_boxes(faces.boxes, faces.track.frame_size, below=0).astype(float))


def _frame_heads(faces: _Faces) -> np.ndarray:
    """Affines (T, 2, 3) to heads of one size and tilt for each shot; only the mouth's place moves them."""
    points = head_points(faces.track.landmarks.double().numpy()) - 0.5  # pixel i's centre at i there
    start, affines = shot_bounds(faces.track.shot)[0].numpy(), np.zeros((len(points), 2, 3))
    for first in np.unique(start[faces.seen]):
        rows = faces.seen & (start == first)
        fitted = fit_similarity(points[rows].mean(axis=0)[None], HEAD_POINTS)[0]
        affines[rows] = head_affines(fitted, points[rows, 2], smooth=faces.smooth)
    return unit_of_head(affines)


def _frame_points(template: np.ndarray) -> _Framing:
    return lambda faces: fit_similarity(
        five_points(faces.track.landmarks.double().numpy()), (template + 0.5) / 512
    )


_Framing = Callable[[_Faces], np.ndarray]  # affines (T, 2, 3); rows not seen don't matter
_FRAMINGS: dict[str, _Framing] = {
    "portrait": _frame_portraits,
    "face": _frame_boxes,
    "ffhq": _frame_points(FFHQ_POINTS),
    "gpen": _frame_points(GPEN_POINTS),
    "mouth": _frame_mouths,
    "wav2lip": _frame_wav2lip,
    "lipgan": _frame_lipgan,
    "pcavs": _frame_heads,
}


def _oriented_square(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre (T, 2) of FFHQ's square and the way from there to the middle of its right side (T, 2)."""
    left, right, _, *corners = five_points(landmarks).swapaxes(0, 1)
    eyes, across = (left + right) / 2, right - left
    down = (corners[0] + corners[1]) / 2 - eyes
    x = across + down[:, ::-1] * (1, -1)
    half = np.maximum(2.0 * _length(across), 1.8 * _length(down))
    return eyes + 0.1 * down, x * (half / np.maximum(_length(x), 1e-6))


def _box_affines(boxes: np.ndarray) -> np.ndarray:
    """Affines (T, 2, 3) that take boxes (T, 4) to the unit square."""
    affines = np.zeros((len(boxes), 2, 3))
    scale = 1 / np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    affines[:, [0, 1], [0, 1]] = scale
    affines[:, :, 2] = -boxes[:, :2] * scale
    return affines


def _middle(frame_size: tuple[int, int]) -> np.ndarray:
    """The largest square (4,) in the middle of a frame."""
    size = np.array(frame_size[::-1], float)
    return np.concatenate([size - size.min(), size + size.min()]) / 2


def _square_inside(box: np.ndarray, frame_size: tuple[int, int]) -> np.ndarray:
    """The square (4,) around a box, moved into the frame; where it doesn't fit, all that the frame has."""
    size = np.array(frame_size[::-1], float)
    side = (box[2:] - box[:2]).max()
    low = ((box[:2] + box[2:] - side) / 2).clip(0, (size - side).clip(min=0))
    return np.concatenate([low, np.minimum(low + side, size)])


def _smoothed(boxes: np.ndarray, faces: _Faces) -> np.ndarray:
    """Boxes (T, 4) smoothed over time if that is wanted, but not across cuts, gaps and jumps."""
    if not faces.smooth:
        return boxes
    seconds = np.array([float(time) for time in faces.track.times])
    smoothed = boxes.copy()
    for stretch in _stretches(faces, boxes):
        if len(stretch) > 2:
            interval = (seconds[stretch[-1]] - seconds[stretch[0]]) / (len(stretch) - 1)
            smoothed[stretch] = _local_lines(boxes[stretch], sigma=SMOOTHING / max(interval, 1e-3))
    return smoothed


def _stretches(faces: _Faces, boxes: np.ndarray) -> list[np.ndarray]:
    """The rows seen, parted at cuts, gaps and where a box (T, 4) jumps."""
    rows, shot = np.flatnonzero(faces.seen), faces.track.shot.numpy()
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    jumped = _length(np.diff(centres[rows], axis=0))[:, 0] > JUMP * sizes[rows[:-1]]
    breaks = (np.diff(rows) > 1) | (np.diff(shot[rows]) != 0) | jumped
    return np.split(rows, np.flatnonzero(breaks) + 1)


def _local_lines(values: np.ndarray, sigma: float) -> np.ndarray:
    """Each row of values (n, k), n > 1, on a line fitted around it under a Gaussian of so many rows.

    Away from the ends this is the Gaussian's mean; up to the ends even motion stays as it is.
    """
    sigma = max(sigma, 0.3)  # a narrower one sees a single row, through which no line can be laid
    offset = np.arange(-int(4 * sigma + 1), int(4 * sigma + 1) + 1)
    weight = np.exp(-0.5 * (offset / sigma) ** 2)
    ones = np.ones((len(values), 1))
    count, first, second = (correlate1d(ones, weight * offset**k, axis=0, mode="constant") for k in range(3))
    total, slope = (correlate1d(values, weight * offset**k, axis=0, mode="constant") for k in range(2))
    return (second * total - first * slope) / (count * second - first**2)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=1, keepdims=True)
