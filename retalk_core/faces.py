"""Find one person's face in every frame of a clip and follow it, shot by shot."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from ..models.detector import Detection, Detector, detect, eight_bit, load_detector, overlap, shrink
from ..models.landmarks import (
    POINTS,
    FaceMesh,
    Mesh,
    find_mesh,
    load_face_mesh,
    region_of_detection,
    region_of_points,
)
from .errors import InputError, NoFaceError, OptionError
from .types import FaceTrack, Frame, Progress, silent

SMALLEST_FACE = 32  # pixels from forehead to chin
HEIGHT_ERROR = 0.05  # of a small face's measured height, in its favour

# Looking
LOOK_SIDE = 640  # frames are shrunk to this longer side before the detectors see them
TILE_SIDES = (960, 360)  # pixels of the frame; tiles in which small faces are sought
TILE_THRESHOLD = 0.5  # lower than the detector's own: the mesh has the last word
LOOK_SECONDS = 1.0  # a followed face is checked against the detectors this often ...
LOOK_FRAMES = 25  # ... or after this many frames, whichever comes first
FULL_LOOK_FRAMES = 3  # without a face, the slower detector looks in every third frame ...
TILE_LOOK_SECONDS = 1.0  # ... and at tiles once a second
MOST_FACES = 8  # that are looked at closely in one frame

# Following
PRESENT = 0.5  # lowest score of a mesh
WARM_UP = 3  # times a mesh is found again in its own region after a detection
LARGEST_STEP = 0.35  # of the face's size between frames; beyond it, the mesh is found again
LARGEST_JUMP = 0.8  # of the face's size between frames; beyond it, the detectors are asked
SAME_FACE = 0.2  # overlap of two boxes that show one person
REACH = 1.0  # how far a lost face may turn up again, in its own size ...
REACH_PER_SECOND = 1.0  # ... and how much farther for each second

# Gaps, smoothing, fading
LONGEST_GAP = 0.3  # seconds without a face that are filled in
GAP_REACH = 0.5  # of the face's size between the ends of a filled gap
FILLED_SCORE = 0.25  # confidence in a filled frame
WINDOW = 5  # frames, of the Savitzky–Golay filter
ORDER = 2
FULL_YAW, NO_YAW = 28.0, 48.0  # degrees between which an edit fades out
FULL_PITCH, NO_PITCH = 38.0, 58.0
FADE_SIGMA = 0.08  # seconds; smooths the weight
EASE_SECONDS = 0.15  # an edit eases in and out beside frames without a face

# Points of the mesh around the face, clockwise as seen from the top of the forehead.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

# Points that neither lips nor jaw nor brows move, and where MediaPipe's canonical face has them, in
# centimetres: x to the person's left, y up, z towards the camera.
_RIGID = {
    33: (-4.45, 2.66, 3.17),  # eyes, outer and inner corners
    133: (-1.86, 2.59, 3.76),
    362: (1.86, 2.59, 3.76),
    263: (4.45, 2.66, 3.17),
    54: (-6.28, 6.62, 1.43),  # forehead
    67: (-3.52, 8.01, 3.73),
    10: (0.0, 8.26, 4.48),
    297: (3.52, 8.01, 3.73),
    284: (6.28, 6.62, 1.43),
    127: (-7.74, 2.36, -2.01),  # temples and ears
    234: (-7.66, 0.67, -2.44),
    356: (7.74, 2.36, -2.01),
    454: (7.66, 0.67, -2.44),
    168: (0.0, 3.27, 5.24),  # bridge of the nose
    6: (0.0, 2.47, 5.79),
    197: (0.0, 1.73, 6.32),
}
RIGID_POINTS = tuple(_RIGID)
RIGID_SHAPE = np.array(list(_RIGID.values())) * (1.0, -1.0, -1.0)  # as a mesh has them: y down, z away

Reason = Literal["", "no face", "turned away", "too small"]


@dataclass(frozen=True, eq=False)
class FaceNetworks:
    """What it takes to follow a face."""

    short: Detector
    full: Detector
    mesh: FaceMesh


def load_face_networks() -> FaceNetworks:
    """The networks that ship with the project, on the CPU."""
    return FaceNetworks(load_detector("short"), load_detector("full"), load_face_mesh())


@dataclass(frozen=True, eq=False)
class FaceChoice:
    """Which of several faces to follow; decided anew in each shot, where its first face shows."""

    rule: Literal["largest", "index", "point", "mask"] = "largest"
    index: int = 0  # from the left, from 0
    point: tuple[float, float] = (0.0, 0.0)  # x, y in pixels: the face nearest to it
    mask: np.ndarray | None = None  # (H, W) or (T, H, W), any size: the face it covers most, if it covers one

    def __post_init__(self) -> None:
        if self.rule == "index" and self.index < 0:
            raise OptionError(f"Faces are counted from 0 at the left; there is no face {self.index}.")
        if self.rule == "mask" and (self.mask is None or self.mask.ndim not in (2, 3)):
            raise OptionError(
                "To choose the face with a mask, give a mask: one picture, or one for each frame."
            )


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face's track, and what a report tells about it."""

    track: FaceTrack
    faces_seen: np.ndarray  # (T,) int; faces in view, as of the last look at the whole frame
    filled: np.ndarray  # (T,) bool; present, but interpolated from both sides of a short gap
    reasons: tuple[Reason, ...]  # T; why an edit won't show in a frame, or ""
    cuts: tuple[int, ...]  # the first frame of each shot but the first


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
    cuts = _CutFinder()
    sightings: list[_Sighting] = []
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
        _refuse_choice(choice, most=max(sighting.seen for sighting in sightings))
    return _assemble(sightings, frame_size, smoothing)


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
    cuts, sightings, shot = _CutFinder(), list[_Sighting](), 0
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
        sightings.append(_sighting_of(mesh, frame.time, shot, len(found)))
        progress(len(sightings), len(faces))
    if not sightings:
        raise InputError("The clip has no frames. Give a batch with at least one picture.")
    if not any(sighting.points is not None for sighting in sightings):
        _refuse_choice(choice, most=max(sighting.seen for sighting in sightings))
    return _assemble(sightings, frame_size, smoothing)


def _next_face(
    found: Sequence[Mesh], last: np.ndarray | None, choice: FaceChoice, frame: Frame
) -> Mesh | None:
    """The face that goes on from where it was last, or the chosen one where none was."""
    if last is None:
        return choose(found, choice, frame)
    near = [mesh for mesh in found if _step(last, mesh.points) <= REACH]
    return min(near, key=lambda mesh: _step(last, mesh.points), default=None)


def _sighting_of(mesh: Mesh | None, time: Fraction, shot: int, seen: int) -> _Sighting:
    if mesh is None:
        return _Sighting(time, shot, seen, reason="no face")
    reason: Reason = "" if _large_enough(mesh.points) else "too small"
    return _Sighting(time, shot, seen, mesh.points, mesh.score, reason)


def _refuse_choice(choice: FaceChoice, most: int) -> None:
    """Say so where faces are in view, but never the one that is meant."""
    if most and choice.rule == "index":
        raise OptionError(
            f"There is no face {choice.index}: at most {most} are seen at a time. Faces are counted from 0 "
            f"at the left, so choose 0{f' to {most - 1}' if most > 1 else ''}."
        )
    if most and choice.rule == "mask":
        raise OptionError(
            f"The mask covers none of the faces, of which up to {most} can be seen at a time. Paint it white "
            "over the face that is meant."
        )


# Looking and following, frame by frame


@dataclass(eq=False)
class _Sighting:
    """What one frame showed of the followed face."""

    time: Fraction
    shot: int
    seen: int  # faces in view
    points: np.ndarray | None = None  # (468, 3)
    score: float = 0.0
    reason: Reason = ""
    continues: bool = True  # from the frame before; False where the face turned up anew


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

    def step(self, frame: Frame) -> _Sighting:
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
            return _Sighting(frame.time, shot.number, shot.seen, reason=self._absence())
        shot.points, shot.time, shot.missing = mesh.points, frame.time, 0
        reason: Reason = "" if _large_enough(mesh.points) else "too small"
        return _Sighting(frame.time, shot.number, shot.seen, mesh.points, mesh.score, reason, continues)

    def _absence(self) -> Reason:
        """Why there is no face: it was lost in profile, or it just isn't there."""
        turned = self.shot.points is not None and abs(head_pose(self.shot.points)[0]) > 0.8 * NO_YAW
        return "turned away" if turned else "no face"

    def _follow(self, pixels: np.ndarray, before: np.ndarray) -> Mesh | None:
        """The mesh found where the face (468, 3) was a frame ago, unless it can't be trusted."""
        mesh = find_mesh(self.networks.mesh, pixels, region_of_points(before))
        if mesh.score >= PRESENT and _step(before, mesh.points) > LARGEST_STEP:
            mesh = find_mesh(self.networks.mesh, pixels, region_of_points(mesh.points))
        if mesh.score < PRESENT or _step(before, mesh.points) > LARGEST_JUMP:
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
        found = sorted(found, key=lambda face: -_area(face.box))[:MOST_FACES]
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
        boxes = _boxes(look(self.networks, frame.pixels))
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
        usable = [mesh for mesh in meshes if _large_enough(mesh.points)] or meshes
        shot.seen = len(usable)
        chosen = choose(usable, self.choice, frame)
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
        for face in sorted(found, key=lambda face: _distance(box, face.box)):
            other = shot.others and overlap(face.box, np.array(shot.others)).max() > SAME_FACE
            if other or _distance(box, face.box) > reach:
                continue
            mesh = self._settle(frame.pixels, face)
            if mesh is not None and _step(lost, mesh.points) <= 1.5 * reach:
                return mesh
        return None


def look(networks: FaceNetworks, pixels: np.ndarray, thorough: bool = True) -> list[Detection]:
    """Find the faces in a whole frame (H, W, 3), in its pixels; with both detectors if thorough."""
    small = eight_bit(shrink(pixels, LOOK_SIDE / max(pixels.shape[:2])))
    found = detect(networks.short, small)
    if thorough:
        found = _merge(found, detect(networks.full, small))
    return [_placed(face, pixels.shape[1] / small.shape[1], (0, 0)) for face in found]


def look_near(networks: FaceNetworks, pixels: np.ndarray, box: np.ndarray) -> list[Detection]:
    """Find the faces around a box (4,), in the frame's pixels: small ones show better in a small part."""
    half = 2.0 * float((box[2:] - box[:2]).max()) + 16
    low = np.clip((box[:2] + box[2:]) / 2 - half, 0, None).astype(int)
    part = pixels[low[1] : low[1] + int(2 * half), low[0] : low[0] + int(2 * half)]
    if not part.size:
        return []
    small = eight_bit(shrink(part, LOOK_SIDE / max(part.shape[:2])))
    scale = part.shape[1] / small.shape[1]
    return [_placed(face, scale, (low[0], low[1])) for face in detect(networks.short, small)]


def look_at_tiles(networks: FaceNetworks, pixels: np.ndarray, side: int) -> list[Detection]:
    """Find small faces in overlapping tiles of a frame that is larger than they are, in its pixels."""
    height, width = pixels.shape[:2]
    found: list[Detection] = []
    if side >= 0.75 * max(height, width):
        return found
    for top in _tile_starts(height, side):
        for left in _tile_starts(width, side):
            tile = eight_bit(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
            faces = detect(networks.full, tile, TILE_THRESHOLD)
            found = _merge(found, [_placed(face, 1.0, (left, top)) for face in faces])
    return found


def _tile_starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length and share at least a quarter with their neighbours."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (0.75 * side))) + 1
    return np.linspace(0, length - side, count).astype(int).tolist()


def _merge(found: list[Detection], more: list[Detection]) -> list[Detection]:
    """Add the faces that were not found yet."""
    boxes = _boxes(found)
    return found + [face for face in more if not (overlap(face.box, boxes) > SAME_FACE).any()]


def _placed(face: Detection, scale: float, shift: tuple[int, int]) -> Detection:
    """A detection brought from a part of a frame to the frame."""
    box = face.box * scale + np.tile(shift, 2)
    return Detection(face.score, box, face.keypoints * scale + np.array(shift))


def choose(meshes: Sequence[Mesh], choice: FaceChoice, frame: Frame) -> Mesh | None:
    """The face to follow among those in view, or None if none of them is meant."""
    if not meshes:
        return None
    boxes = [face_box(mesh.points) for mesh in meshes]
    if choice.rule == "index":
        order = sorted(range(len(boxes)), key=lambda i: boxes[i][0] + boxes[i][2])
        return meshes[order[choice.index]] if choice.index < len(order) else None
    if choice.rule == "point":
        ranks = [-float(np.hypot(*((box[:2] + box[2:]) / 2 - choice.point))) for box in boxes]
    elif choice.rule == "mask":
        ranks = [_covered(box, choice, frame) for box in boxes]
    else:
        ranks = [_area(box) for box in boxes]
    best = int(np.argmax(ranks))
    return None if choice.rule == "mask" and ranks[best] <= 0 else meshes[best]


def _covered(box: np.ndarray, choice: FaceChoice, frame: Frame) -> float:
    """The mean of the mask inside a box (4,) in frame pixels, in [0, 1]."""
    assert choice.mask is not None
    mask = choice.mask if choice.mask.ndim == 2 else choice.mask[min(frame.index, len(choice.mask) - 1)]
    scale = np.array(mask.shape) / frame.pixels.shape[:2]
    left, top, right, bottom = (box * np.tile(scale[::-1], 2)).clip(0).round().astype(int)
    part = mask[top : max(bottom, top + 1), left : max(right, left + 1)]
    return float(part.mean()) if part.size else 0.0


def face_box(points: np.ndarray) -> np.ndarray:
    """The box (4,) around the oval of a face's points (468, 2 or 3): left, top, right, bottom."""
    oval = points[list(FACE_OVAL), :2]
    return np.concatenate([oval.min(axis=0), oval.max(axis=0)])


def face_height(points: np.ndarray) -> float:
    """Pixels from forehead to chin, however the head is tilted."""
    return float(np.linalg.norm(points[10, :2] - points[152, :2]))


def _large_enough(points: np.ndarray) -> bool:
    return face_height(points) >= SMALLEST_FACE * (1 - HEIGHT_ERROR)


def _boxes(faces: Sequence[Detection]) -> np.ndarray:
    return np.array([face.box for face in faces]).reshape(-1, 4)


def _area(box: np.ndarray) -> float:
    return float((box[2:] - box[:2]).prod())


def _distance(box: np.ndarray, other: np.ndarray) -> float:
    """How far two boxes (4,) are apart, in sizes of the first."""
    centres = (box[:2] + box[2:]) / 2, (other[:2] + other[2:]) / 2
    return float(np.hypot(*(centres[1] - centres[0])) / max(np.sqrt(_area(box)), 1e-6))


def _step(before: np.ndarray, after: np.ndarray) -> float:
    """How far a face (468, 3) moved or grew, in its own size."""
    boxes = face_box(before), face_box(after)
    growth = abs(np.log(max(_area(boxes[1]), 1e-6) / max(_area(boxes[0]), 1e-6)))
    return max(_distance(*boxes), float(growth))


# Cuts

CUT_PICTURE = (64, 36)  # width and height that frames are shrunk to before they are compared
CUT_CHANGE = 0.56  # of the picture's contrast, left over when movement is made up for
CUT_REACH = 6  # pixels of the small picture that a part may have moved
CUT_BLOCKS = (8, 9)  # width and height of the parts
FLASH_FRAMES = 3  # a picture that is back after so many frames was not cut


class _CutFinder:
    """Tells cuts from movement, zooms and flashes."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._before_cut: np.ndarray | None = None
        self.cut_age = 0  # frames since the last cut

    def see(self, pixels: np.ndarray) -> Literal["same", "cut", "back"]:
        """Compare the next frame (H, W, 3) with those before it; "back" takes the last cut back."""
        small = _small_picture(pixels)
        last, self._last = self._last, small
        self.cut_age += 1
        if last is None or picture_change(last, small) < CUT_CHANGE:
            return "same"
        before = self._before_cut
        if before is not None and self.cut_age <= FLASH_FRAMES and picture_change(before, small) < CUT_CHANGE:
            self._before_cut = None
            return "back"
        self._before_cut, self.cut_age = last, 0
        return "cut"


def _small_picture(pixels: np.ndarray) -> np.ndarray:
    """A frame as (36, 64, 3) float32 in [0, 255]."""
    stride = max(1, min(pixels.shape[:2]) // 180)
    small = cv2.resize(
        np.ascontiguousarray(pixels[::stride, ::stride]), CUT_PICTURE, None, 0, 0, cv2.INTER_AREA
    )
    return eight_bit(small).astype(np.float32)


def picture_change(before: np.ndarray, after: np.ndarray) -> float:
    """How much of a small picture (36, 64, 3) another doesn't explain: 0 for none of it, about 1 for all.

    Light may change and parts may move.
    """
    first, second = _normalised(before), _normalised(after)
    plain = float(np.sqrt(((first - second) ** 2).mean()))
    if plain < CUT_CHANGE:
        return plain
    reach, (width, height) = CUT_REACH, CUT_BLOCKS
    wide = cv2.copyMakeBorder(first, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    left_over = []
    for y in range(0, second.shape[0], height):
        for x in range(0, second.shape[1], width):
            around = wide[y : y + height + 2 * reach, x : x + width + 2 * reach]
            errors = cv2.matchTemplate(around, second[y : y + height, x : x + width], cv2.TM_SQDIFF)
            left_over.append(max(float(errors.min()), 0.0) / (width * height * 3))
    return float(np.sqrt(np.mean(left_over)))


def _normalised(picture: np.ndarray) -> np.ndarray:
    """A picture without its brightness and contrast; what is nearly even stays so."""
    return (picture - picture.mean(axis=(0, 1))) / (picture.std() + 6)


def _undo_cut(sightings: list[_Sighting], since: int) -> bool:
    """Join the frames since a cut to the shot before it, if the face stayed where it was through them."""
    flash, before = sightings[-since:], sightings[: -since or None]
    if not before or before[-1].points is None:
        return False
    points = before[-1].points
    if any(sighting.points is None or _step(points, sighting.points) > LARGEST_STEP for sighting in flash):
        return False
    for sighting in flash:
        sighting.shot = before[-1].shot
    return True


# From sightings to a track


def _assemble(sightings: list[_Sighting], frame_size: tuple[int, int], smoothing: str) -> TrackedFace:
    """Fill short gaps, smooth each stretch, and decide how far an edit may show."""
    times = tuple(sighting.time for sighting in sightings)
    seconds = np.array([float(time) for time in times])
    shot = np.unique([sighting.shot for sighting in sightings], return_inverse=True)[1]
    present = np.array([sighting.points is not None and not sighting.reason for sighting in sightings])
    if not present.any():
        raise NoFaceError(len(sightings), SMALLEST_FACE, frame_size)
    mesh = _held_meshes(sightings, shot)
    scores = np.array([sighting.score for sighting in sightings]) * present
    starts = _stretch_starts(sightings, shot, mesh, present)

    filled = _fill_gaps(mesh, present, shot, seconds, starts)
    scores[filled] = FILLED_SCORE
    stretches = _stretches(present, starts)
    if smoothing == "savgol":
        for stretch in stretches:
            mesh[stretch] = smooth(mesh[stretch])
    weight = _weights(mesh, present, shot, seconds, stretches)
    reasons = tuple(
        "" if present[i] and weight[i] > 0 else "turned away" if present[i] else sighting.reason
        for i, sighting in enumerate(sightings)
    )
    track = FaceTrack(
        times=times,
        boxes=torch.from_numpy(np.stack([face_box(points) for points in mesh])),
        mesh=torch.from_numpy(mesh),
        scores=torch.from_numpy(scores.astype(np.float32)),
        present=torch.from_numpy(present),
        shot=torch.from_numpy(shot.astype(np.int64)),
        weight=torch.from_numpy(weight.astype(np.float32)),
        frame_size=frame_size,
    )
    cuts = tuple((np.flatnonzero(np.diff(shot)) + 1).tolist())
    return TrackedFace(track, np.array([s.seen for s in sightings]), filled, reasons, cuts)


def _held_meshes(sightings: list[_Sighting], shot: np.ndarray) -> np.ndarray:
    """Meshes (T, 468, 3) fp32; without a face the last one of the shot, or zeros before its first."""
    mesh = np.zeros((len(sightings), POINTS, 3), np.float32)
    for i, sighting in enumerate(sightings):
        if sighting.points is not None:
            mesh[i] = sighting.points
        elif i and shot[i] == shot[i - 1]:
            mesh[i] = mesh[i - 1]
    return mesh


def _stretch_starts(
    sightings: list[_Sighting], shot: np.ndarray, mesh: np.ndarray, present: np.ndarray
) -> np.ndarray:
    """(T,) bool; where a frame doesn't go on from the one before it: a cut, or a face that jumped."""
    starts = np.ones(len(sightings), bool)
    for i in range(1, len(sightings)):
        jumped = not sightings[i].continues and present[i - 1] and _step(mesh[i - 1], mesh[i]) > GAP_REACH
        starts[i] = shot[i] != shot[i - 1] or jumped
    return starts


def _fill_gaps(
    mesh: np.ndarray, present: np.ndarray, shot: np.ndarray, seconds: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Interpolate short gaps whose two ends match, in place; returns (T,) bool where it did."""
    filled = np.zeros(len(present), bool)
    shown = np.flatnonzero(present)
    for left, right in itertools.pairwise(shown):
        gap = slice(left + 1, right)
        short = right - left > 1 and seconds[right] - seconds[left + 1] <= LONGEST_GAP
        if not short or shot[left] != shot[right] or _step(mesh[left], mesh[right]) > GAP_REACH:
            continue
        share = (seconds[gap] - seconds[left]) / (seconds[right] - seconds[left])
        mesh[gap] = mesh[left] + share[:, None, None].astype(np.float32) * (mesh[right] - mesh[left])
        filled[gap] = present[gap] = True
    return filled


def _stretches(present: np.ndarray, starts: np.ndarray) -> list[slice]:
    """Runs of frames with a face that goes on from frame to frame."""
    first = present & (starts | ~np.concatenate([[False], present[:-1]]))
    last = present & np.concatenate([~present[1:] | starts[1:], [True]])
    return [slice(a, b + 1) for a, b in zip(np.flatnonzero(first), np.flatnonzero(last), strict=True)]


def smooth(mesh: np.ndarray) -> np.ndarray:
    """Smooth meshes (T, 468, 3) over time; fewer than five stay as they are."""
    if len(mesh) < WINDOW:
        return mesh
    return savgol_filter(mesh, WINDOW, ORDER, axis=0, mode="interp").astype(np.float32)


def _weights(
    mesh: np.ndarray, present: np.ndarray, shot: np.ndarray, seconds: np.ndarray, stretches: list[slice]
) -> np.ndarray:
    """How far an edit may show in each frame, (T,) in [0, 1]: fades towards profile and beside gaps."""
    weight = np.zeros(len(present))
    for stretch in stretches:
        yaw, pitch, _ = head_pose(mesh[stretch])
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
    x = ((value - full) / (none - full)).clip(0, 1)
    return 1 - x * x * (3 - 2 * x)


def head_pose(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Yaw, pitch and roll of heads, in degrees, each (...,), from their points (..., 468, 3).

    Yaw is positive where the face looks to the picture's right, pitch where it looks up, roll where the
    head leans clockwise as seen. All are about 0 for a face that looks into the camera.
    """
    points = mesh[..., list(RIGID_POINTS), :].astype(np.float64)
    points = points - points.mean(axis=-2, keepdims=True)
    shape = RIGID_SHAPE - RIGID_SHAPE.mean(axis=0)
    u, _, vt = np.linalg.svd(points.swapaxes(-1, -2) @ shape)
    turned = np.linalg.det(u @ vt)  # -1 where the best fit would be a mirror image
    flip = np.stack([np.ones_like(turned), np.ones_like(turned), turned], axis=-1)
    rotation = (u * flip[..., None, :]) @ vt
    yaw = np.arcsin(rotation[..., 2, 0].clip(-1, 1))
    pitch = -np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.degrees(yaw), np.degrees(pitch), np.degrees(roll)
