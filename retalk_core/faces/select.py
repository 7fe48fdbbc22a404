"""Choose the face that is meant among those in view, and go on from it where all of them are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from ..errors import InputError, OptionError
from ..types import Frame, Progress, silent
from .choice import FaceChoice
from .cuts import CutFinder
from .mesh import Mesh, box_area, face_box, face_step
from .track import Sighting, TrackedFace, assemble_track, sighting_of, undo_cut

TURNS_UP = 1.0  # how far a lost face may turn up again, in its own size


def choose_face(meshes: Sequence[Mesh], choice: FaceChoice, frame: Frame) -> Mesh | None:
    """The face to follow among those in view, or None if none of them is meant."""
    if not meshes:
        return None
    boxes = [face_box(mesh.points) for mesh in meshes]
    if choice.rule == "index":
        order = from_left(meshes)
        return order[choice.index] if choice.index < len(order) else None
    if choice.rule == "point":
        ranks = [-float(np.hypot(*((box[:2] + box[2:]) / 2 - choice.point))) for box in boxes]
    elif choice.rule == "mask":
        ranks = [_covered(box, choice, frame) for box in boxes]
    else:
        ranks = [box_area(box) for box in boxes]
    best = int(np.argmax(ranks))
    return None if choice.rule == "mask" and ranks[best] <= 0 else meshes[best]


def from_left(meshes: Sequence[Mesh]) -> list[Mesh]:
    """The faces in the order of their boxes' middles, from left to right."""

    def doubled_middle(mesh: Mesh) -> float:
        box = face_box(mesh.points)
        return float(box[0] + box[2])

    return sorted(meshes, key=doubled_middle)


def place_from_left(index: int) -> str:
    """Which face, in words: "3rd face from the left" for 2."""
    number = index + 1
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending} face from the left"


def refuse_choice(choice: FaceChoice, most: int) -> None:
    """Say so where faces are in view, but never the one that is meant."""
    if most and choice.rule == "index":
        raise OptionError(
            f"There is no {place_from_left(choice.index)}: no frame shows more than {most}. Choose one up to "
            f"the {place_from_left(most - 1)}; --face-index counts from 0."
        )
    if most and choice.rule == "mask":
        raise OptionError(
            f"The mask covers none of the faces, of which up to {most} can be seen at a time. Paint it white "
            "over the face that is meant."
        )


def _covered(box: np.ndarray, choice: FaceChoice, frame: Frame) -> float:
    """The mean of the mask inside a box (4,) in frame pixels, in [0, 1]."""
    assert choice.mask is not None
    mask = choice.mask if choice.mask.ndim == 2 else choice.mask[min(frame.index, len(choice.mask) - 1)]
    scale = np.array(mask.shape) / frame.picture.shape[:2]
    left, top, right, bottom = (box * np.tile(scale[::-1], 2)).clip(0).round().astype(int)
    part = mask[top : max(bottom, top + 1), left : max(right, left + 1)]
    return float(part.mean()) if part.size else 0.0


def track_found_faces(
    frames: Iterable[Frame],
    faces: Sequence[Sequence[Mesh]],
    *,
    choice: FaceChoice | None = None,
    smoothing: Literal["savgol", "none"] = "savgol",
    progress: Progress = silent,
) -> TrackedFace:
    """Make a track of faces that were found by other means.

    frames: T of them, in order; they show where the cuts are
    faces:  the meshes in each frame; the one is taken that goes on from the frame before, where a shot
            begins the chosen one
    raises: as `track_faces` does
    """
    choice = choice or FaceChoice()
    cuts, sightings, shot = CutFinder(), list[Sighting](), 0
    last: np.ndarray | None = None  # where the face was seen last in this shot
    frame_size = (0, 0)
    for frame, found in zip(frames, faces, strict=True):
        frame_size = frame.picture.shape[:2]
        change = cuts.see(frame.picture)
        if change == "cut":
            shot, last = shot + 1, None
        elif change == "back" and undo_cut(sightings, since=cuts.cut_age):
            shot = sightings[-1].shot
        mesh = _next_face(found, last, choice, frame)
        last = last if mesh is None else mesh.points
        sightings.append(sighting_of(mesh, frame.time, shot, len(found)))
        progress(len(sightings), len(faces))
    if not sightings:
        raise InputError("The clip has no frames. Give a batch with at least one picture.")
    if not any(sighting.points is not None for sighting in sightings):
        refuse_choice(choice, most=max(sighting.seen for sighting in sightings))
    return assemble_track(sightings, frame_size, smoothing)


def _next_face(
    found: Sequence[Mesh], last: np.ndarray | None, choice: FaceChoice, frame: Frame
) -> Mesh | None:
    """The face that goes on from where it was last, or the chosen one where none was."""
    if last is None:
        return choose_face(found, choice, frame)
    near = [mesh for mesh in found if face_step(last, mesh.points) <= TURNS_UP]
    return min(near, key=lambda mesh: face_step(last, mesh.points), default=None)
