"""From what single frames showed of a face to its track: fill gaps, smooth, fade towards profile."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from ...models.faces.facemesh import POINTS
from ..compute.aside import Rows, change_in_parts, in_parts, long_array, put_aside
from ..compute.memory import return_freed
from ..errors import NoFaceError
from ..images import smooth_step
from ..types import FaceTrack
from .mesh import Mesh, face_box, face_height, face_step, head_pose

SMALLEST_FACE = 32  # pixels from forehead to chin
HEIGHT_ERROR = 0.05  # of a small face's measured height, in its favour
LONGEST_GAP = 0.3  # seconds without a face that are filled in
GAP_REACH = 0.5  # of the face's size between the ends of a filled gap
FILLED_SCORE = 0.25  # confidence in a filled frame
SMOOTHED_FRAMES = 5  # of the Savitzky–Golay filter
SMOOTHING_ORDER = 2
POINTS_AT_ONCE = 39  # that are smoothed together
FULL_YAW, NO_YAW = 28.0, 48.0  # degrees between which an edit fades out
FULL_PITCH, NO_PITCH = 38.0, 58.0
FADE_SIGMA = 0.08  # seconds; smooths the weight
FREED_FRAMES = 250  # after which memory goes back to the system
EASE_SECONDS = 0.15  # an edit eases in and out beside frames without a face

Reason = Literal["", "no face", "turned away", "too small"]


@dataclass(eq=False)
class Sighting:
    """What one frame showed of the followed face."""

    time: Fraction
    shot: int
    seen: int  # faces in view
    points: np.ndarray | None = None  # (468, 3)
    score: float = 0.0
    reason: Reason = ""
    continues: bool = True  # from the frame before; False where the face turned up anew


class Sightings(list[Sighting]):
    """What the frames of a clip showed, in order; it takes little memory for each of many."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows()

    def append(self, sighting: Sighting) -> None:
        """Add what the next frame showed."""
        if sighting.points is not None:
            sighting.points = self._rows.keep(sighting.points)
        super().append(sighting)
        if len(self) % FREED_FRAMES == 0:
            return_freed()  # what networks used between two of them


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face's track, and what a report tells about it."""

    track: FaceTrack
    faces_seen: np.ndarray  # (T,) int; faces in view, as of the last look at the whole frame
    filled: np.ndarray  # (T,) bool; present, but interpolated from both sides of a short gap
    reasons: tuple[Reason, ...]  # T; why an edit won't show in a frame, or ""
    cuts: tuple[int, ...]  # the first frame of each shot but the first


def sighting_of(
    mesh: Mesh | None,
    time: Fraction,
    shot: int,
    seen: int,
    *,
    continues: bool = True,
    absence: Reason = "no face",
) -> Sighting:
    """What a frame showed, given the face's mesh in it, or why there is none."""
    if mesh is None:
        return Sighting(time, shot, seen, reason=absence)
    reason: Reason = "" if is_large_enough(mesh.points) else "too small"
    return Sighting(time, shot, seen, mesh.points, mesh.score, reason, continues)


def is_large_enough(points: np.ndarray) -> bool:
    """Tell whether a face (468, 3) is worth an edit."""
    return face_height(points) >= SMALLEST_FACE * (1 - HEIGHT_ERROR)


def assemble_track(sightings: list[Sighting], frame_size: tuple[int, int], smoothing: str) -> TrackedFace:
    """Fill short gaps, smooth each stretch, and decide how far an edit may show.

    The sightings lose their points: a long clip's shall fill the memory once, not twice.
    """
    times = tuple(sighting.time for sighting in sightings)
    seconds = np.array([float(time) for time in times])
    shot = np.unique([sighting.shot for sighting in sightings], return_inverse=True)[1]
    present = np.array([sighting.points is not None and not sighting.reason for sighting in sightings])
    if not present.any():
        raise NoFaceError(len(sightings), SMALLEST_FACE, frame_size)
    mesh = _held_meshes(sightings, shot)
    scores = np.array([sighting.score for sighting in sightings]) * present
    starts = _starts_anew(sightings, shot, mesh, present)

    filled = _fill_gaps(mesh, present, shot, seconds)
    scores[filled] = FILLED_SCORE
    stretches = _unbroken(present, starts)
    if smoothing == "savgol":
        for stretch in stretches:
            change_in_parts(mesh, stretch, _calm, reach=SMOOTHED_FRAMES)
    weight = _weights(mesh, present, shot, seconds, stretches)
    reasons = tuple(
        "" if present[i] and weight[i] > 0 else "turned away" if present[i] else sighting.reason
        for i, sighting in enumerate(sightings)
    )
    boxes = [face_box(points) for part in in_parts(mesh, slice(0, len(mesh))) for points in mesh[part]]
    track = FaceTrack(
        times=times,
        boxes=torch.from_numpy(np.stack(boxes)),
        mesh=torch.from_numpy(mesh),
        scores=torch.from_numpy(scores.astype(np.float32)),
        present=torch.from_numpy(present),
        shot=torch.from_numpy(shot.astype(np.int64)),
        weight=torch.from_numpy(weight.astype(np.float32)),
        frame_size=frame_size,
    )
    cuts = tuple((np.flatnonzero(np.diff(shot)) + 1).tolist())
    return TrackedFace(track, np.array([s.seen for s in sightings]), filled, reasons, cuts)


def smooth(mesh: np.ndarray) -> np.ndarray:
    """Smooth meshes (T, n, 3) over time; fewer than five stay as they are."""
    if len(mesh) < SMOOTHED_FRAMES:
        return mesh
    return savgol_filter(mesh, SMOOTHED_FRAMES, SMOOTHING_ORDER, axis=0, mode="interp").astype(np.float32)


def _calm(mesh: np.ndarray) -> None:
    for first in range(0, POINTS, POINTS_AT_ONCE):  # each is smoothed by itself: no copy of them all
        some = mesh[:, first : first + POINTS_AT_ONCE]
        some[:] = smooth(some)


def _held_meshes(sightings: list[Sighting], shot: np.ndarray) -> np.ndarray:
    """Meshes (T, 468, 3) fp32, taken away from the sightings.

    Without a face the last one of the shot, or zeros before its first.
    """
    mesh = long_array((len(sightings), POINTS, 3))
    for i, sighting in enumerate(sightings):
        if sighting.points is not None:
            mesh[i], sighting.points = sighting.points, None
        elif i and shot[i] == shot[i - 1]:
            mesh[i] = mesh[i - 1]
        if i % FREED_FRAMES == FREED_FRAMES - 1:
            put_aside(mesh)
            return_freed()
    return mesh


def _starts_anew(
    sightings: list[Sighting], shot: np.ndarray, mesh: np.ndarray, present: np.ndarray
) -> np.ndarray:
    """(T,) bool; where a frame doesn't go on from the one before it: a cut, or a face that jumped."""
    starts = np.ones(len(sightings), bool)
    for i in range(1, len(sightings)):
        jumped = not sightings[i].continues and present[i - 1] and face_step(mesh[i - 1], mesh[i]) > GAP_REACH
        starts[i] = shot[i] != shot[i - 1] or jumped
    return starts


def _fill_gaps(mesh: np.ndarray, present: np.ndarray, shot: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Interpolate short gaps whose two ends match, in place; returns (T,) bool where it did."""
    filled = np.zeros(len(present), bool)
    shown = np.flatnonzero(present)
    for left, right in itertools.pairwise(shown):
        gap = slice(left + 1, right)
        short = right - left > 1 and seconds[right] - seconds[left + 1] <= LONGEST_GAP
        if not short or shot[left] != shot[right] or face_step(mesh[left], mesh[right]) > GAP_REACH:
            continue
        share = (seconds[gap] - seconds[left]) / (seconds[right] - seconds[left])
        mesh[gap] = mesh[left] + share[:, None, None].astype(np.float32) * (mesh[right] - mesh[left])
        filled[gap] = present[gap] = True
    return filled


def _unbroken(present: np.ndarray, starts: np.ndarray) -> list[slice]:
    """Runs of frames with a face that goes on from frame to frame."""
    first = present & (starts | ~np.concatenate([[False], present[:-1]]))
    last = present & np.concatenate([~present[1:] | starts[1:], [True]])
    return [slice(a, b + 1) for a, b in zip(np.flatnonzero(first), np.flatnonzero(last), strict=True)]


def _weights(
    mesh: np.ndarray, present: np.ndarray, shot: np.ndarray, seconds: np.ndarray, stretches: list[slice]
) -> np.ndarray:
    """How far an edit may show in each frame, (T,) in [0, 1]: fades towards profile and beside gaps."""
    weight = np.zeros(len(present))
    for stretch in stretches:
        turns = [head_pose(mesh[part]) for part in in_parts(mesh, stretch)]
        yaw, pitch, _ = (np.concatenate(angles) for angles in zip(*turns, strict=True))
        facing = _fade(np.abs(yaw), FULL_YAW, NO_YAW) * _fade(np.abs(pitch), FULL_PITCH, NO_PITCH)
        time = seconds[stretch]
        if len(time) > 1:
            interval = max((time[-1] - time[0]) / (len(time) - 1), 1e-3)
            smoothed = gaussian_filter1d(facing, FADE_SIGMA / interval, mode="nearest")
            facing = np.where(smoothed < 1e-3, 0.0, smoothed)
        for neighbour in (stretch.start - 1, stretch.stop):
            inside = 0 <= neighbour < len(present) and shot[neighbour] == shot[stretch.start]
            if inside and not present[neighbour]:
                facing = facing * (1 - _fade(np.abs(time - seconds[neighbour]), 0.0, EASE_SECONDS))
        weight[stretch] = facing
    return weight.clip(0, 1)


def _fade(value: np.ndarray, full: float, none: float) -> np.ndarray:
    """1 up to `full`, 0 from `none`, smooth in between."""
    return 1 - smooth_step((value - full) / (none - full))
