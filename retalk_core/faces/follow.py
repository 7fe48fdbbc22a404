"""Find one person's face in every frame of a clip and follow it, shot by shot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from ..errors import InputError
from ..types import Frame, Progress, silent
from .choice import FaceChoice
from .cuts import CutFinder
from .detect import (
    SAME_FACE,
    TILE_SIDES,
    Detection,
    FaceNetworks,
    boxes_of,
    look,
    look_at_tiles,
    look_near,
    overlap,
)
from .mesh import (
    Mesh,
    box_area,
    box_distance,
    face_box,
    face_step,
    find_mesh,
    head_pose,
    region_of_detection,
    region_of_points,
)
from .select import choose_face, refuse_choice
from .track import (
    NO_YAW,
    Reason,
    Sighting,
    Sightings,
    TrackedFace,
    assemble_track,
    is_large_enough,
    sighting_of,
)

LOOK_SECONDS = 1.0  # a followed face is checked against the detectors this often ...
LOOK_FRAMES = 25  # ... or after this many frames, whichever comes first
FULL_LOOK_FRAMES = 3  # without a face, the slower detector looks in every third frame ...
TILE_LOOK_SECONDS = 1.0  # ... and at tiles once a second
MOST_FACES = 8  # that are looked at closely in one frame

PRESENT = 0.5  # lowest score of a mesh
WARM_UP = 3  # times a mesh is found again in its own region after a detection
LARGEST_STEP = 0.35  # of the face's size between frames; beyond it, the mesh is found again
LARGEST_JUMP = 0.8  # of the face's size between frames; beyond it, the detectors are asked
REACH = 1.0  # how far a lost face may turn up again, in its own size ...
REACH_PER_SECOND = 1.0  # ... and how much farther for each second


def track_faces(
    frames: Iterable[Frame],
    networks: FaceNetworks,
    *,
    choice: FaceChoice | None = None,
    smoothing: Literal["savgol", "none"] = "savgol",
    frame_count: int | None = None,
    progress: Progress = silent,
) -> TrackedFace:
    """Follow one person's face through a clip.

    frames:      in order, each looked at once and let go; all of one size
    choice:      whose face, where several are in view; the largest by default
    smoothing:   of the mesh over time, within each shot; "none" leaves the network's own trembling
    frame_count: how many frames will come, if it is known; for the progress only
    raises:      InputError if there is no frame, NoFaceError if none shows a usable face, OptionError if
                 faces are in view, but not the chosen one

    Short gaps are filled; in longer ones the face is not present, and its mesh holds still.
    """
    follower = _Follower(networks, choice or FaceChoice())
    cuts = CutFinder()
    sightings = Sightings()
    frame_size = (0, 0)
    for frame in frames:
        frame_size = frame.pixels.shape[:2]
        change = cuts.see(frame.pixels)
        if change == "cut":
            follower.start_shot()
        elif change == "back" and _undo_cut(sightings, since=cuts.cut_age):
            follower.forget_shot()
        sightings.append(follower.step(frame))
        progress(len(sightings), frame_count)
    if not sightings:
        raise InputError("The clip has no frames. Give a clip or a batch with at least one picture.")
    if choice is not None and not any(sighting.points is not None for sighting in sightings):
        refuse_choice(choice, most=max(sighting.seen for sighting in sightings))
    return assemble_track(sightings, frame_size, smoothing)


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
        frame_size = frame.pixels.shape[:2]
        change = cuts.see(frame.pixels)
        if change == "cut":
            shot, last = shot + 1, None
        elif change == "back" and _undo_cut(sightings, since=cuts.cut_age):
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
    near = [mesh for mesh in found if face_step(last, mesh.points) <= REACH]
    return min(near, key=lambda mesh: face_step(last, mesh.points), default=None)


@dataclass(eq=False)
class _Shot:
    """What is known about the followed face in the current shot."""

    number: int
    points: np.ndarray | None = None  # (468, 3) where it was seen last
    time: Fraction = Fraction(0)  # when it was seen last
    following: bool = False  # it was seen in the frame before
    others: list[np.ndarray] = field(default_factory=list)  # boxes (4,) of other people
    seen: int = 0
    look_due: tuple[int, float] = (0, 0.0)  # frame and time of the next look at the whole frame
    missing: int = 0  # frames since it was seen
    tiles_due: float = 0.0  # time of the next look at tiles
    tiles_wait: float = TILE_LOOK_SECONDS


class _Follower:
    """Follows one face by its mesh and asks the detectors where that isn't enough."""

    def __init__(self, networks: FaceNetworks, choice: FaceChoice) -> None:
        self.networks = networks
        self.choice = choice
        self.shot = _Shot(0)
        self.previous = self.shot

    def start_shot(self) -> None:
        """Forget the face: the picture was cut."""
        self.previous, self.shot = self.shot, _Shot(self.shot.number + 1)

    def forget_shot(self) -> None:
        """Take up the shot before this one: what looked like a cut was none."""
        self.shot = self.previous

    def step(self, frame: Frame) -> Sighting:
        """Find the face in the next frame."""
        shot = self.shot
        mesh = None
        if shot.following and shot.points is not None:
            mesh = self._follow(frame.pixels, shot.points)
        continues = mesh is not None
        if mesh is None:
            mesh = self._search(frame)
        elif frame.index >= shot.look_due[0] or frame.time >= shot.look_due[1]:
            self._look_around(frame, mesh)
        shot.following = mesh is not None
        if mesh is None:
            shot.missing += 1
            return sighting_of(None, frame.time, shot.number, shot.seen, absence=self._absence())
        shot.points, shot.time, shot.missing = mesh.points, frame.time, 0
        return sighting_of(mesh, frame.time, shot.number, shot.seen, continues=continues)

    def _absence(self) -> Reason:
        """Why there is no face: it was lost in profile, or it just isn't there."""
        turned = self.shot.points is not None and abs(head_pose(self.shot.points)[0]) > 0.8 * NO_YAW
        return "turned away" if turned else "no face"

    def _follow(self, pixels: np.ndarray, before: np.ndarray) -> Mesh | None:
        """The mesh found where the face (468, 3) was a frame ago, unless it can't be trusted."""
        mesh = find_mesh(self.networks.mesh, pixels, region_of_points(before))
        if mesh.score >= PRESENT and face_step(before, mesh.points) > LARGEST_STEP:
            mesh = find_mesh(self.networks.mesh, pixels, region_of_points(mesh.points))
        if mesh.score < PRESENT or face_step(before, mesh.points) > LARGEST_JUMP:
            return None
        return mesh

    def _settle(self, pixels: np.ndarray, detection: Detection) -> Mesh | None:
        """The mesh of a detected face, found again in its own region until it rests."""
        mesh = find_mesh(self.networks.mesh, pixels, region_of_detection(detection))
        for _ in range(WARM_UP):
            if mesh.score < PRESENT / 2:
                return None
            mesh = find_mesh(self.networks.mesh, pixels, region_of_points(mesh.points))
        return mesh if mesh.score >= PRESENT else None

    def _settle_all(self, pixels: np.ndarray, found: list[Detection]) -> list[Mesh]:
        """The meshes of the largest faces among those that were detected."""
        found = sorted(found, key=lambda face: -box_area(face.box))[:MOST_FACES]
        return [mesh for face in found if (mesh := self._settle(pixels, face))]

    def _search_tiles(self, pixels: np.ndarray) -> list[Mesh]:
        """The meshes of small faces; those in large tiles, or else in small ones."""
        for side in TILE_SIDES:
            found = look_at_tiles(self.networks, pixels, side)
            if meshes := self._settle_all(pixels, found):
                return meshes
        return []

    def _look_around(self, frame: Frame, mesh: Mesh) -> None:
        """Note the other faces in view while this one is followed."""
        shot = self.shot
        shot.look_due = (frame.index + LOOK_FRAMES, float(frame.time) + LOOK_SECONDS)
        boxes = boxes_of(look(self.networks, frame.pixels))
        ours = overlap(face_box(mesh.points), boxes) > SAME_FACE
        shot.others = list(boxes[~ours])
        shot.seen = 1 + len(shot.others)

    def _search(self, frame: Frame) -> Mesh | None:
        """Ask the detectors: for the face that was lost, or for the one to follow in this shot."""
        shot = self.shot
        thorough = not shot.following and shot.missing % FULL_LOOK_FRAMES == 0
        if shot.points is not None:
            return self._search_lost(frame, shot.points, thorough)
        meshes = self._settle_all(frame.pixels, look(self.networks, frame.pixels, thorough))
        if not meshes and float(frame.time) >= shot.tiles_due:
            meshes = self._search_tiles(frame.pixels)
            shot.tiles_due = float(frame.time) + shot.tiles_wait
            shot.tiles_wait *= 2  # a long stretch without faces should not cost much
        usable = [mesh for mesh in meshes if is_large_enough(mesh.points)] or meshes
        shot.seen = len(usable)
        chosen = choose_face(usable, self.choice, frame)
        if chosen is not None:
            shot.others = [face_box(mesh.points) for mesh in usable if mesh is not chosen]
            shot.look_due = (frame.index + LOOK_FRAMES, float(frame.time) + LOOK_SECONDS)
        return chosen

    def _search_lost(self, frame: Frame, lost: np.ndarray, thorough: bool) -> Mesh | None:
        """The face (468, 3) that was followed until now, if one turned up near where it was lost."""
        shot, box = self.shot, face_box(lost)
        reach = REACH + REACH_PER_SECOND * float(frame.time - shot.time)
        found = look_near(self.networks, frame.pixels, box)
        found += look(self.networks, frame.pixels, thorough)
        for face in sorted(found, key=lambda face: box_distance(box, face.box)):
            other = shot.others and overlap(face.box, np.array(shot.others)).max() > SAME_FACE
            if other or box_distance(box, face.box) > reach:
                continue
            mesh = self._settle(frame.pixels, face)
            if mesh is not None and face_step(lost, mesh.points) <= 1.5 * reach:
                return mesh
        return None


def _undo_cut(sightings: list[Sighting], since: int) -> bool:
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
