"""From what single frames showed of a face to its track: fill gaps, smooth, fade towards profile."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, minimum_filter1d, uniform_filter1d
from torch import Tensor

from ...models.faces.cover import CoverFinder
from ...models.faces.facemesh import POINTS
from ..compute.aside import Rows, change_in_parts, in_parts, long_array, put_aside
from ..compute.memory import FREED_FRAMES, return_freed
from ..covers.find import find_cover
from ..covers.hold import eased, held_covers, hidden_mouths, stacked
from ..covers.view import skin_colour
from ..errors import NoFaceError
from ..images import smooth_step
from ..runs import true_runs
from ..types import FaceTrack, Pixels
from .canonical import OUTER_LIP
from .mesh import Mesh, face_box, face_height, face_step, head_pose
from .people.overlaps import Neighbour
from .steady import SMOOTHED_FRAMES, steady

SMALLEST_FACE = 32  # pixels from forehead to chin
HEIGHT_ERROR = 0.05  # of a small face's measured height, in its favour
LONGEST_GAP = 0.3  # seconds without a face that are filled in
GAP_REACH = 0.5  # of the face's size between the ends of a filled gap
FILLED_SCORE = 0.25  # confidence in a filled frame
FULL_YAW, NO_YAW = 28.0, 48.0  # degrees between which an edit fades out
FULL_PITCH, NO_PITCH = 38.0, 58.0
FADE_SIGMA = 0.08  # seconds; smooths the weight
# Of the mouth and as much room around it as opening needs, what the picture holds where an edit shows not at
# all, and wholly.
NO_INSIDE, FULL_INSIDE = 0.9, 0.99
EDGE_ROOM = 1.15  # sizes of the lips
EDGE_FRAMES = 5  # over which that is calmed
EASE_SECONDS = 0.15  # an edit eases in and out beside frames without a face
LARGEST_STEP = 0.35  # of the face's size between frames; beyond it, a flash was a cut

Reason = Literal[
    "",
    "no face",
    "turned away",
    "too small",
    "someone else covers the mouth",
    "the picture's edge cuts the mouth",
    "mouth covered",
]
COVERED: Reason = "someone else covers the mouth"
CUT: Reason = "the picture's edge cuts the mouth"


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
    cover: np.ndarray | None = None  # (32, 32) uint8; what lies before the lower face, if anything
    light: np.ndarray | None = None  # (3,) the skin's colour in [0, 1]
    neighbours: tuple[Neighbour, ...] = ()  # other people's faces beside it
    repeats: bool = False  # the picture of the frame before it

    def again(self, time: Fraction) -> Sighting:
        """What the same picture shows a frame later."""
        return replace(self, time=time, continues=True, repeats=True)

    def take_back(self) -> None:
        """Say that what was seen was not the face that is followed, but one before it."""
        self.points, self.score, self.reason, self.neighbours = None, 0.0, COVERED, ()
        self.cover = self.light = None


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
    people: int = 1  # different ones that were seen, as far as looks tell
    # T; other people's faces near the one that is followed. Empty where nothing is known of them.
    neighbours: tuple[tuple[Neighbour, ...], ...] = ()


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


def look_closer(sighting: Sighting, pixels: Pixels, network: CoverFinder | None) -> None:
    """Add to a sighting what lies before the mouth, if that is wished, and in which light the face is."""
    if sighting.points is not None:
        if network is not None:
            sighting.cover = find_cover(network, pixels, sighting.points)
        sighting.light = skin_colour(pixels, sighting.points)


def is_large_enough(points: np.ndarray) -> bool:
    """Tell whether a face (468, 3) is worth an edit."""
    return face_height(points) >= SMALLEST_FACE * (1 - HEIGHT_ERROR)


def undo_cut(sightings: list[Sighting], since: int) -> bool:
    """Join the frames since a cut to the shot before it, if the face stayed where it was through them."""
    flash, before = sightings[-since:], sightings[: -since or None]
    if not before or before[-1].points is None:
        return False
    points = before[-1].points
    for sighting in flash:
        if sighting.points is None or face_step(points, sighting.points) > LARGEST_STEP:
            return False
    for sighting in flash:
        sighting.shot = before[-1].shot
    return True


def assemble_track(
    sightings: list[Sighting], frame_size: tuple[int, int], smoothing: str, people: int = 1
) -> TrackedFace:
    """Fill short gaps, smooth each stretch, and decide how far an edit may show.

    people: that were seen, as far as is known

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
    repeats = np.array([sighting.repeats for sighting in sightings])

    covered = np.array([sighting.reason == COVERED for sighting in sightings])
    filled = _fill_gaps(mesh, present, covered, shot, seconds)
    present |= filled
    scores[filled] = FILLED_SCORE
    stretches = _unbroken(present, starts)
    if smoothing == "savgol":
        for stretch in stretches:
            change_in_parts(mesh, stretch, steady, reach=3 * SMOOTHED_FRAMES)
        _hold_repeats(mesh, repeats)
    facing = _weights(mesh, present, shot, seconds, stretches)
    weight = facing * _inside(mesh, stretches, frame_size)
    covers = held_covers([sighting.cover for sighting in sightings], shot)
    hidden = hidden_mouths(covers, mesh, shot)
    shown = weight * eased(hidden, shot, seconds)
    reasons = tuple(
        _reason(sighting, bool(present[i]), facing[i], weight[i], shown[i])
        for i, sighting in enumerate(sightings)
    )
    cover = stacked(covers)
    boxes = [face_box(points) for part in in_parts(mesh, slice(0, len(mesh))) for points in mesh[part]]
    track = FaceTrack(
        times=times,
        boxes=torch.from_numpy(np.stack(boxes)),
        mesh=torch.from_numpy(mesh),
        scores=torch.from_numpy(scores.astype(np.float32)),
        present=torch.from_numpy(present),
        shot=torch.from_numpy(shot.astype(np.int64)),
        weight=torch.from_numpy(shown.astype(np.float32)),
        frame_size=frame_size,
        cover=None if cover is None else torch.from_numpy(cover),
        light=_lights(sightings),
    )
    cuts = tuple((np.flatnonzero(np.diff(shot)) + 1).tolist())
    seen = np.array([sighting.seen for sighting in sightings])
    neighbours = tuple(sighting.neighbours for sighting in sightings)
    return TrackedFace(
        track, seen, filled, reasons, cuts, people=max(people, int(seen.max())), neighbours=neighbours
    )


def _reason(sighting: Sighting, present: bool, facing: float, inside: float, shown: float) -> Reason:
    """Why no edit shows in a frame, or ""; by how far it shows before and after each thing that hides it."""
    if not present:
        return sighting.reason
    if shown > 0:
        return ""
    return "mouth covered" if inside > 0 else CUT if facing > 0 else "turned away"


def _lights(sightings: list[Sighting]) -> Tensor:
    """The skin's colour (T, 3) in each frame; where there is no face, as in the last one that had one."""
    lights, last = np.zeros((len(sightings), 3), np.float32), np.zeros(3, np.float32)
    for i, sighting in enumerate(sightings):
        last = last if sighting.light is None else sighting.light
        lights[i] = last
    return torch.from_numpy(lights)


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


def _fill_gaps(
    mesh: np.ndarray, present: np.ndarray, covered: np.ndarray, shot: np.ndarray, seconds: np.ndarray
) -> np.ndarray:
    """Interpolate short gaps whose two ends match, in place; returns (T,) bool where it did.

    covered: (T,) bool; someone else is before the face there, so that nothing may be put into the gap
    """
    filled = np.zeros(len(present), bool)
    shown = np.flatnonzero(present)
    for left, right in itertools.pairwise(shown):
        gap = slice(left + 1, right)
        short = right - left > 1 and seconds[right] - seconds[left + 1] <= LONGEST_GAP
        short &= not covered[gap].any()
        if not short or shot[left] != shot[right] or face_step(mesh[left], mesh[right]) > GAP_REACH:
            continue
        share = (seconds[gap] - seconds[left]) / (seconds[right] - seconds[left])
        mesh[gap] = mesh[left] + share[:, None, None].astype(np.float32) * (mesh[right] - mesh[left])
        filled[gap] = True
    return filled


def _hold_repeats(mesh: np.ndarray, repeats: np.ndarray) -> None:
    """Give frames that show one picture one mesh, in place: the mean of theirs, since it moves on between."""
    for start, stop in true_runs(repeats):
        mesh[start - 1 : stop] = mesh[start - 1 : stop].mean(axis=0)


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


def _inside(mesh: np.ndarray, stretches: list[slice], frame_size: tuple[int, int]) -> np.ndarray:
    """How far an edit may show for the picture's edge, (T,) in [0, 1]: the mouth must lie inside."""
    share = np.ones(len(mesh))
    for stretch in stretches:
        parts = in_parts(mesh, stretch)
        inside = np.array([_share_inside(points, frame_size) for part in parts for points in mesh[part]])
        allowed = 1 - _fade(inside, NO_INSIDE, FULL_INSIDE)
        least = minimum_filter1d(allowed, EDGE_FRAMES, mode="nearest")  # early, so that it can fade
        share[stretch] = np.minimum(allowed, uniform_filter1d(least, EDGE_FRAMES, mode="nearest"))
    return share


def _share_inside(points: np.ndarray, frame_size: tuple[int, int]) -> float:
    """The share of the mouth and some room around it that the picture holds, in [0, 1]."""
    lips = points[list(OUTER_LIP), :2]
    middle = (lips.min(axis=0) + lips.max(axis=0)) / 2
    around = middle + EDGE_ROOM * (lips - middle)
    size = np.array(frame_size[::-1])
    if (around >= 0).all() and (around <= size).all():
        return 1.0
    turned = cv2.convexHull(around.astype(np.float32))
    corners = np.array([(0, 0), (size[0], 0), size, (0, size[1])], np.float32)
    shared, _ = cv2.intersectConvexConvex(turned, corners)
    return float(shared) / max(cv2.contourArea(turned), 1e-6)


def _fade(value: np.ndarray, full: float, none: float) -> np.ndarray:
    """1 up to `full`, 0 from `none`, smooth in between."""
    return 1 - smooth_step((value - full) / (none - full))
