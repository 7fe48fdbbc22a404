"""Change a face track by hand: leave frames out, bridge a bad stretch, place the face, fade the edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ..compute.aside import LEAST, in_parts, long_array, put_aside
from ..covers.hold import hidden_rows
from ..errors import OptionError
from ..times import inside, timecode
from ..types import FaceTrack
from .mesh import face_box
from .track import FILLED_SCORE, TrackedFace

Ranges = Sequence[tuple[Fraction, Fraction]]  # seconds; without any, the whole track is meant


def skip(track: FaceTrack, ranges: Ranges) -> FaceTrack:
    """Leave frames as they are: no edit shows there."""
    return fade(track, ranges, 0.0)


def fade(track: FaceTrack, ranges: Ranges, strength: float) -> FaceTrack:
    """Multiply how far an edit shows; 0..1."""
    if not 0 <= strength <= 1:
        raise OptionError(f"The strength is {strength:g}, but must be from 0 to 1.")
    rows = rows_inside(track, ranges)
    return replace(track, weight=torch.where(rows, track.weight * strength, track.weight))


def interpolate(track: FaceTrack, ranges: Ranges) -> FaceTrack:
    """Replace the face in each range by what lies between the frames beside it, in its own shot.

    Where only one side shows the face, it holds still. Raises OptionError where neither does.
    """
    rows = rows_inside(track, ranges).numpy()
    mesh, shot = track.mesh.numpy().copy(), track.shot.numpy()
    good = track.present.numpy() & ~rows
    weight = track.weight.numpy().copy()
    seconds = np.array([float(time) for time in track.times])
    for row in np.flatnonzero(rows).tolist():
        beside = np.flatnonzero(good & (shot == shot[row]))
        if not len(beside):
            raise OptionError(
                f"At {timecode(track.times[row])} no frame beside the range shows the face in the same shot. "
                "Choose a shorter range, or place the face with a mask."
            )
        left, right = _neighbours(beside, row)
        share = (seconds[row] - seconds[left]) / max(seconds[right] - seconds[left], 1e-9)
        mesh[row] = mesh[left] + np.float32(share) * (mesh[right] - mesh[left])
        weight[row] = weight[left] + share * (weight[right] - weight[left])
    return _with_faces(track, rows, mesh, weight)


def place_by_mask(track: FaceTrack, ranges: Ranges, mask: Tensor) -> FaceTrack:
    """Move the face into the box of a mask.

    mask:   (T or 1, h, w) of any size, 1 where the face is; frames whose mask is empty stay as they are
    raises: OptionError if the mask is empty in every frame that is meant

    The face keeps the shape that it has in the nearest frame that shows it: its oval gets the box's centre
    and height.
    """
    rows = rows_inside(track, ranges).numpy()
    boxes = _mask_boxes(mask, track.frame_size)
    if len(boxes) == 1:
        boxes = np.repeat(boxes, len(track), axis=0)
    if len(boxes) != len(track):
        raise OptionError(f"The mask has {len(boxes)} pictures, but the track has {len(track)} frames.")
    rows &= np.isfinite(boxes[:, 0])
    if not rows.any():
        raise OptionError("The mask is empty in every frame of the ranges. Paint it white over the face.")
    present, shot = track.present.numpy(), track.shot.numpy()
    mesh, weight = track.mesh.numpy().copy(), track.weight.numpy().copy()
    for row in np.flatnonzero(rows).tolist():
        here = present & (shot == shot[row])
        shown = np.flatnonzero(here if here.any() else present)
        nearest = int(shown[np.abs(shown - row).argmin()])
        mesh[row] = _moved_into(track.mesh[nearest].numpy(), boxes[row])
        if not present[row]:
            weight[row] = 1.0
    return _with_faces(track, rows, mesh, weight)


def rows_inside(track: FaceTrack, ranges: Ranges) -> Tensor:
    """Which rows (T,) bool of a track are meant. Raises OptionError if the ranges hold no frame."""
    if not ranges:
        return torch.ones(len(track), dtype=torch.bool)
    rows = torch.tensor([inside(ranges, time) for time in track.times])
    if not rows.any():
        wanted = ", ".join(f"{timecode(start)} to {timecode(end)}" for start, end in ranges)
        last = timecode(track.times[-1])
        raise OptionError(f"No frame is in {wanted}: the track's last frame is at {last}. Change the ranges.")
    return rows


def part_of_track(track: FaceTrack, rows: slice) -> FaceTrack:
    """Some consecutive rows of a track; times are counted from the first of them."""
    times = track.times[rows]
    return FaceTrack(
        times=tuple(time - times[0] for time in times),
        boxes=track.boxes[rows],
        mesh=track.mesh[rows],
        scores=track.scores[rows],
        present=track.present[rows],
        shot=track.shot[rows],
        weight=track.weight[rows],
        frame_size=track.frame_size,
        cover=None if track.cover is None else track.cover[rows],
        light=None if track.light is None else track.light[rows],
    )


def whole_track(part: FaceTrack, times: Sequence[Fraction], first: int) -> FaceTrack:
    """A track of all of a clip's frames out of one of some of them; the others show no face.

    times: of the clip's frames, in seconds; first: the frame that the part begins with
    """
    known = torch.zeros(len(times), dtype=torch.bool)
    known[first : first + len(part)] = True

    def widened(values: Tensor) -> Tensor:
        return values if known.all() else _among_copies(values, first, len(times))

    return FaceTrack(
        times=tuple(times),
        boxes=widened(part.boxes),
        mesh=widened(part.mesh),
        scores=widened(part.scores) * known,
        present=widened(part.present) & known,
        shot=widened(part.shot),
        weight=widened(part.weight) * known,
        frame_size=part.frame_size,
    )


def _among_copies(rows: Tensor, first: int, count: int) -> Tensor:
    """Rows in the midst of `count`, from `first` on, with copies of the outermost ones before and behind."""
    size = count * rows[0].numel() * rows.element_size()
    wide = rows.new_empty(count, *rows.shape[1:])
    if rows.dtype == torch.float32 and size >= LEAST:  # an hour's mesh would stay in memory
        wide = torch.from_numpy(long_array(tuple(wide.shape)))
    array, given = wide.numpy(), rows.numpy()
    for part in in_parts(array, slice(0, count)):
        array[part] = given[np.clip(np.arange(part.start, part.stop) - first, 0, len(given) - 1)]
        put_aside(given)
    return wide


def tracked_face(track: FaceTrack) -> TrackedFace:
    """What a report tells about a track that came alone: one face, and why no edit shows where none does."""
    present, weight = track.present.numpy(), track.weight.numpy()
    away = np.where(hidden_rows(track), "mouth covered", "turned away")
    reasons = np.where(present, np.where(weight > 0, "", away), "no face")
    return TrackedFace(
        track=track,
        faces_seen=present.astype(np.int64),
        filled=present & (track.scores.numpy() == np.float32(FILLED_SCORE)),
        reasons=tuple(reasons.tolist()),
        cuts=tuple((np.flatnonzero(np.diff(track.shot.numpy())) + 1).tolist()),
    )


def _neighbours(beside: np.ndarray, row: int) -> tuple[int, int]:
    """The nearest of the rising rows before and after a row; the same twice where it has only one side."""
    place = int(np.searchsorted(beside, row))
    around = beside[max(place - 1, 0) : place + 1]
    return int(around[0]), int(around[-1])


def _mask_boxes(mask: Tensor, frame_size: tuple[int, int]) -> np.ndarray:
    """The box (T, 4) of each mask in frame pixels; not-a-number where it is empty."""
    height, width = mask.shape[1:]
    scale = np.array([frame_size[1] / width, frame_size[0] / height] * 2)
    boxes = np.full((len(mask), 4), np.nan)
    for i, picture in enumerate((mask > 0.5).cpu().numpy()):
        across, down = np.flatnonzero(picture.any(axis=0)), np.flatnonzero(picture.any(axis=1))
        if len(across):
            boxes[i] = np.array([across[0], down[0], across[-1] + 1, down[-1] + 1]) * scale
    return boxes


def _moved_into(mesh: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A mesh (468, 3) scaled and shifted so that its oval has the box's centre and height."""
    own = face_box(mesh)
    scale = (box[3] - box[1]) / max(own[3] - own[1], 1e-6)
    moved = mesh * scale
    moved[:, :2] += (box[:2] + box[2:]) / 2 - scale * (own[:2] + own[2:]) / 2
    return moved.astype(np.float32)


def _with_faces(track: FaceTrack, rows: np.ndarray, mesh: np.ndarray, weight: np.ndarray) -> FaceTrack:
    """The track with other faces in some rows; they count as present, with little confidence."""
    changed = torch.from_numpy(rows)
    boxes = track.boxes.clone()
    for row in np.flatnonzero(rows).tolist():
        boxes[row] = torch.from_numpy(face_box(mesh[row])).to(boxes)
    return replace(
        track,
        mesh=torch.from_numpy(mesh),
        boxes=boxes,
        present=track.present | changed,
        scores=torch.where(changed, torch.full_like(track.scores, FILLED_SCORE), track.scores),
        weight=torch.from_numpy(weight.astype(np.float32)),
    )
