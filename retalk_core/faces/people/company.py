"""The other people around the one who is followed: where they are, and who is in front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..detect import Detection, overlap
from ..mesh import FACE_OVAL, Mesh, box_distance, face_box, face_step
from .likeness import LIKE, Look, Person, look_at
from .overlaps import HIDDEN, Neighbour, covered_by, hidden_lips, spared

NEAR = 1.6  # sizes of the followed face between two middles; from here on the other is followed too
LEFT = 2.2  # the same; whoever is farther away than this is not followed any longer
SAME_STEP = 0.25  # of a face's size; meshes that are less apart lie on one face
SAME_POINTS = 0.4  # eye distances between a detection's points and a mesh's on the same face
ASTRAY = 1.2  # so unlike itself someone is whose mesh has gone astray
FORGOTTEN = 3.0  # seconds after which someone who isn't seen any more is no longer expected
MOST_PEOPLE = 16  # that are remembered in a shot
LEAD_SHARE = 0.4  # of the newest frame in who is in front


@dataclass(eq=False)
class Other:
    """Someone else in view."""

    box: np.ndarray  # (4,) where the face was last
    time: float  # seconds, when it was seen last
    person: Person | None = None  # None: it was never near
    points: np.ndarray | None = None  # (468, 3) where the mesh was a frame ago; None: it isn't followed
    lead: float = 0.0  # above 0 it is in front of the one who is followed
    latest: Look | None = None  # what it looks like in this frame
    doubtful: bool = False  # it turned up while the followed one was lost, and may be that one


class Company:
    """The others in one shot."""

    def __init__(self) -> None:
        self.others: list[Other] = []

    @property
    def people(self) -> list[Person]:
        """Those whose looks are known."""
        return [other.person for other in self.others if other.person is not None]

    def boxes(self, since: float = -np.inf) -> np.ndarray:
        """The boxes (n, 4) of those seen since a time in seconds."""
        return np.array([other.box for other in self.others if other.time >= since]).reshape(-1, 4)

    def is_near(self, points: np.ndarray) -> bool:
        """Whether anyone is followed beside a face (468, 3)."""
        box = face_box(points)
        return any(
            other.points is not None and box_distance(box, face_box(other.points)) < NEAR
            for other in self.others
        )

    def meet(self, pixels: np.ndarray, mesh: Mesh, seconds: float, doubtful: bool = False) -> None:
        """Take note of someone else's face near the one who is followed."""
        look = look_at(pixels, mesh.points)
        known = self._known(mesh, look)
        if known is None:
            known = Other(face_box(mesh.points), seconds, doubtful=doubtful)
            self.others = [*self.others[-(MOST_PEOPLE - 1) :], known]
        known.person = known.person or Person(look)
        known.points, known.box, known.time, known.latest = mesh.points, face_box(mesh.points), seconds, look

    def notice(self, box: np.ndarray, seconds: float) -> None:
        """Take note of a face (4,) that is far away."""
        boxes = self.boxes()
        if len(boxes) and (shares := overlap(box, boxes)).max() > 0:
            other = self.others[int(shares.argmax())]
            other.box, other.time = box, seconds
        else:
            self.others = [*self.others[-(MOST_PEOPLE - 1) :], Other(box, seconds)]

    def go_on(
        self,
        pixels: np.ndarray,
        seconds: float,
        around: np.ndarray,
        follow: Callable[[np.ndarray, np.ndarray], Mesh | None],
    ) -> None:
        """Follow those who are near a face (468, 3) into the next frame."""
        for other in self.others:
            if other.points is None:
                continue
            far = box_distance(face_box(around), other.box) > LEFT
            mesh = None if far else follow(pixels, other.points)
            if mesh is None:
                other.points = other.latest = None
                continue
            other.latest = look_at(pixels, mesh.points)
            if other.person is not None and other.person.unlikeness(other.latest) > ASTRAY:
                other.points = other.latest = None
                continue
            other.points, other.box, other.time = mesh.points, face_box(mesh.points), seconds
        self._part()
        self.others = [other for other in self.others if seconds - other.time < FORGOTTEN or other.person]

    def returned(self, person: Person) -> np.ndarray | None:
        """The mesh (468, 3) of someone who turned out to be the one who was lost; no longer one of the others."""
        for other in self.others:
            if other.doubtful and other.points is not None and other.latest is not None:
                if person.unlikeness(self.spare(other.latest, other.points)) < LIKE:
                    self.others.remove(other)
                    return other.points
        return None

    def spare(self, look: Look, points: np.ndarray) -> Look:
        """What of a look of a face (468, 3) none of the others beside it has a part in."""
        beside = [
            other.points
            for other in self.others
            if other.points is not None and face_step(points, other.points) >= SAME_STEP
        ]
        return spared(look, points, beside)

    def on(self, points: np.ndarray) -> Other | None:
        """Whoever is followed on the same face (468, 3)."""
        for other in self.others:
            if other.points is not None and face_step(points, other.points) < SAME_STEP:
                return other
        return None

    def beside(self, points: np.ndarray, look: Look, person: Person) -> tuple[list[Neighbour], bool]:
        """The faces beside and before one (468, 3), and whether they hide its mouth."""
        found, box = [], face_box(points)
        for other in self.others:
            if other.points is None or other.person is None or other.latest is None:
                continue
            if box_distance(box, face_box(other.points)) >= NEAR:
                continue
            newest = covered_by(points, look, person, other.points, other.latest, other.person)
            other.lead += LEAD_SHARE * (newest - other.lead) if other.lead else newest
            if newest == 0 and other.person.unlikeness(other.latest) < LIKE:
                other.person.learn(other.latest)  # they don't overlap: all of it is its own
            outline = other.points[list(FACE_OVAL), :2].astype(np.float32)
            found.append(Neighbour(outline, before=newest != 0 and other.lead > 0))
        before = [each.outline for each in found if each.before]
        return found, bool(before) and hidden_lips(points, before) > HIDDEN

    def hides(self, points: np.ndarray) -> bool:
        """Whether someone is where a lost face (468, 3) was."""
        ovals = [other.points[list(FACE_OVAL), :2] for other in self.others if other.points is not None]
        return bool(ovals) and hidden_lips(points, ovals) > HIDDEN

    def _known(self, mesh: Mesh, look: Look) -> Other | None:
        """Who it is, if it was met before: by place, else by likeness."""
        here = self.on(mesh.points)
        if here is not None:
            return here
        box = face_box(mesh.points)[None]
        for other in self.others:
            lost = other.points is None or overlap(other.box, box)[0] > 0
            if other.person is not None and lost and other.person.unlikeness(look) < LIKE:
                return other
        for other in self.others:
            if other.person is None and overlap(other.box, face_box(mesh.points)[None])[0] > 0:
                return other
        return None

    def _part(self) -> None:
        """Where two meshes have come to lie on one face, leave it to the one it is like."""
        for other in self.others:
            rival = next((each for each in self.others if each is not other and _on_one(each, other)), None)
            if rival is None or other.latest is None or other.person is None or rival.person is None:
                continue
            if other.person.unlikeness(other.latest) > rival.person.unlikeness(other.latest):
                other.points = other.latest = None


def is_same(face: Detection, points: np.ndarray) -> bool:
    """Whether a detection shows the face whose mesh (468, 3) is known."""
    eyes = points[[33, 133], :2].mean(axis=0), points[[362, 263], :2].mean(axis=0)
    places = np.stack([*eyes, points[[13, 14], :2].mean(axis=0)])
    size = max(float(np.linalg.norm(points[33, :2] - points[263, :2])), 1e-3)
    return float(np.linalg.norm(face.keypoints[[0, 1, 3]] - places, axis=1).mean()) < SAME_POINTS * size


def remember(everyone: list[Person], people: list[Person]) -> None:
    """Add those to a list who aren't in it yet."""
    for person in people:
        if len(everyone) < MOST_PEOPLE and not any(known.is_like(person) for known in everyone):
            everyone.append(person)


def _on_one(one: Other, other: Other) -> bool:
    both = one.points is not None and other.points is not None
    return both and face_step(one.points, other.points) < SAME_STEP  # type: ignore[arg-type]
