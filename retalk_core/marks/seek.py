"""Follow the faces in a stream of frames, whoever they are, as closely as a mark needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..faces.canonical import STABLE
from ..faces.cuts import CutFinder
from ..faces.detect import FaceNetworks, look, look_closely
from ..faces.mesh import box_distance, face_box
from ..faces.people.seek import Seeker

MOST_FOLLOWED = 3  # that are followed at a time, the largest first
SEARCH_FRAMES = 25  # after which the detectors look for more ...
LOST_FRAMES = 3  # ... or where there is none
SAME_SIGHT = 0.5  # sizes of a face between two that are one
_CALM = (
    np.array((-3, 12, 17, 12, -3)) / 35
)  # Savitzky and Golay's, 5 frames and order 2, as tracks are calmed
_REACH = len(_CALM) // 2


@dataclass(frozen=True, eq=False)
class Seen:
    """One frame, and where faces are in it."""

    seconds: float
    luma: np.ndarray  # (H, W) uint8
    stable: tuple[np.ndarray | None, ...]  # MOST_FOLLOWED places; the points (19, 2) that speech doesn't move
    cut: bool  # whether the picture was cut before it


class FaceFollower:
    """Follows up to MOST_FOLLOWED faces; each keeps its place among them until the picture is cut."""

    def __init__(self, networks: FaceNetworks) -> None:
        self._networks = networks
        self._seeker = Seeker(networks)
        self._meshes: list[np.ndarray | None] = [None] * MOST_FOLLOWED
        self._cuts = CutFinder()
        self._waiting: list[Seen] = []
        self._given = 0  # of those that wait; they are still needed to calm the others
        self._unlooked = 0  # frames since the detectors looked
        self._alone = 0  # frames without a face since they looked closely

    def see(self, pixels: np.ndarray, luma: np.ndarray, seconds: float) -> Iterator[Seen]:
        """Look at the next frame (H, W, 3) uint8; gives those that are calmed by now, two frames later."""
        cut = self._cuts.see(pixels) != "same"
        if cut:
            yield from self.rest()
            self._meshes = [None] * MOST_FOLLOWED
        self._follow(pixels)
        stable = tuple(None if mesh is None else mesh[list(STABLE), :2] for mesh in self._meshes)
        self._waiting.append(Seen(seconds, luma, stable, cut))
        yield from self._ready(len(self._waiting) - _REACH)

    def rest(self) -> Iterator[Seen]:
        """What waits for frames that won't come."""
        yield from self._ready(len(self._waiting))
        self._waiting, self._given = [], 0

    def _ready(self, stop: int) -> Iterator[Seen]:
        for place in range(self._given, stop):
            yield self._calmed(place)
        self._given = max(stop, self._given)
        spent = max(self._given - _REACH, 0)
        del self._waiting[:spent]
        self._given -= spent

    def _calmed(self, place: int) -> Seen:
        """A frame that waits, its points calmed where five frames around it show the same face."""
        seen, first = self._waiting[place], place - _REACH
        around = self._waiting[max(first, 0) : first + len(_CALM)]
        if len(around) < len(_CALM):
            return seen
        calm = list(seen.stable)
        for face in range(MOST_FOLLOWED):
            points = [each.stable[face] for each in around]
            known = [each for each in points if each is not None]
            if len(known) == len(_CALM):
                calm[face] = np.tensordot(_CALM, np.stack(known), 1)
        return Seen(seen.seconds, seen.luma, tuple(calm), seen.cut)

    def _follow(self, pixels: np.ndarray) -> None:
        """Find the faces where they were a frame ago; now and then look for more."""
        for face, mesh in enumerate(self._meshes):
            found = None if mesh is None else self._seeker.follow(pixels, mesh)
            self._meshes[face] = None if found is None else found.points
        anybody = any(mesh is not None for mesh in self._meshes)
        self._unlooked += 1
        if self._unlooked < (SEARCH_FRAMES if anybody else LOST_FRAMES) and self._waiting:
            return
        self._unlooked = 0
        faces = look(self._networks, pixels)
        if not faces and not anybody:
            if self._alone % (SEARCH_FRAMES // LOST_FRAMES) == 0:
                faces = look_closely(self._networks, pixels, faces)
            self._alone += 1
        for mesh_found in self._seeker.settle_all(pixels, faces):
            self._take(mesh_found.points)

    def _take(self, points: np.ndarray) -> None:
        """Give a face a free place, unless it has one."""
        free = [place for place, mesh in enumerate(self._meshes) if mesh is None]
        held = [mesh for mesh in self._meshes if mesh is not None]
        if free and all(box_distance(face_box(points), face_box(mesh)) > SAME_SIGHT for mesh in held):
            self._meshes[free[0]] = points
            self._alone = 0
