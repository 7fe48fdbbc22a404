"""The other people around the one who is followed: where they are, and who is in front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...types import Pixels
from ..canonical import EYE_CORNERS, MOUTH_CORNERS, eye_distance
from ..detect import Detection, overlap
from ..mesh import FACE_OVAL, Mesh, box_distance, face_box
from .likeness import LIKE, Looks, Person, look_at
from .overlaps import HIDDEN, Neighbour, covered_by, hidden_lips, spared

_NEAR = 1.6  # sizes of the followed face between two middles; from here on the other is followed too
LEFT = 2.2  # the same; whoever is farther away than this is not followed any longer
SAME_MESH = 0.2  # eye distances; meshes that are less apart lie on one face
SAME_POINTS = 0.4  # the same for a detection's points and a mesh
HELD = 2.0  # seconds for which someone is expected where the face was seen last
ASTRAY = 1.2  # so unlike itself someone is whose mesh has gone astray
FORGOTTEN = 3.0  # seconds after which someone who isn't seen any more is no longer expected
_FEATURES = (*EYE_CORNERS, 4, *MOUTH_CORNERS)  # with the tip of the nose
WELL_KNOWN = 3  # frames in which someone must have been seen apart to be counted
MOST_PEOPLE = 16  # that are remembered in a shot
LEAD_SHARE = 0.4  # of the newest frame in who is in front


@dataclass(eq=False)
class Other:
    """Someone else in view."""

    box: np.ndarray  # (4,) where the face was last
    time: float  # seconds, when it was seen last
    person: Person | None = None  # None: it was never near
    points: np.ndarray | None = None  # (468, 3) where the mesh is; None: it was lost, or never looked for
    last: np.ndarray | None = None  # (468, 3) where the mesh was last
    before: tuple[np.ndarray | None, float] = (None, 0.0)  # where, and when, it was before that
    lead: float = 0.0  # above 0 it is in front of the one who is followed
    latest: Looks | None = None  # what it looks like in this frame
    doubtful: bool = False  # it turned up while the followed one was lost, and may be that one

    def place(self, points: np.ndarray, look: Looks, seconds: float) -> None:
        """Say where it is now, and what it looks like."""
        self.before = self.last, self.time
        self.points = self.last = points
        self.box, self.time, self.latest = face_box(points), seconds, look

    def lose(self) -> None:
        """Say that its mesh lies on someone else: it is where it was before, as far as is known."""
        self.points = self.latest = None
        self.last, self.time = self.before


class Company:
    """The others in one shot."""

    def __init__(self) -> None:
        self.others: list[Other] = []

    @property
    def people(self) -> list[Person]:
        """Those whose looks are known."""
        return [other.person for other in self.others if other.person is not None]

    @property
    def well_known(self) -> list[Person]:
        """Those who were seen apart from others, so that nobody is counted twice."""
        return [person for person in self.people if person.frames >= WELL_KNOWN]

    @property
    def boxes(self) -> np.ndarray:
        """Where they were last: boxes (n, 4)."""
        return np.array([other.box for other in self.others]).reshape(-1, 4)

    def beside_of(self, points: np.ndarray, seconds: float) -> list[Other]:
        """Those who are, or were a moment ago, beside a face (468, 3)."""
        box = face_box(points)
        return [
            other
            for other in self.others
            if other.last is not None
            and seconds - other.time <= HELD
            and box_distance(box, face_box(other.last)) < _NEAR
        ]

    def meet(self, pixels: Pixels, mesh: Mesh, seconds: float, doubtful: bool = False) -> None:
        """Take note of someone else's face near the one who is followed."""
        look = look_at(pixels, mesh.points)
        known = self._known(mesh, look)
        if known is None:
            known = Other(face_box(mesh.points), seconds, doubtful=doubtful)
            self.others = [*self.others[-(MOST_PEOPLE - 1) :], known]
        known.person = known.person or Person(look)
        known.place(mesh.points, look, seconds)

    def notice(self, box: np.ndarray, seconds: float) -> None:
        """Take note of a face (4,) that is far away."""
        boxes = self.boxes
        if len(boxes) and (shares := overlap(box, boxes)).max() > 0:
            other = self.others[int(shares.argmax())]
            other.box, other.time = box, seconds
        else:
            self.others = [*self.others[-(MOST_PEOPLE - 1) :], Other(box, seconds)]

    def go_on(
        self,
        pixels: Pixels,
        seconds: float,
        around: np.ndarray,
        follow: Callable[[Pixels, np.ndarray], Mesh | None],
    ) -> None:
        """Follow those who are near a face (468, 3) into the next frame."""
        for other in self.others:
            where, other.points, other.latest = other.last, None, None
            if (
                where is None
                or seconds - other.time > HELD
                or box_distance(face_box(around), other.box) > LEFT
            ):
                continue
            mesh = follow(pixels, where)
            if mesh is None:
                continue
            look = look_at(pixels, mesh.points)
            if other.person is None or other.person.unlikeness(look) < ASTRAY:
                other.place(mesh.points, look, seconds)
        self._part()
        self.others = [other for other in self.others if seconds - other.time < FORGOTTEN or other.person]

    def returned(self, person: Person) -> np.ndarray | None:
        """The mesh (468, 3) of one of the others who turned out to be the one who was lost; no longer one."""
        for other in self.others:
            if not other.doubtful or other.points is None or other.latest is None:
                continue
            if person.unlikeness(self.spare(other.latest, other.points)) < LIKE:
                self.others.remove(other)
                return other.points
        return None

    def spare(self, look: Looks, points: np.ndarray) -> Looks:
        """What of a look of a face (468, 3) none of the others beside it has a part in."""
        beside = [
            other.points
            for other in self.others
            if other.points is not None and not is_on(points, other.points)
        ]
        return spared(look, points, beside)

    def on(self, points: np.ndarray) -> Other | None:
        """Whoever is followed on the same face (468, 3)."""
        for other in self.others:
            if other.points is not None and is_on(points, other.points):
                return other
        return None

    def beside(
        self, points: np.ndarray, look: Looks, person: Person, seconds: float
    ) -> tuple[list[Neighbour], bool]:
        """The faces beside and before one (468, 3), and whether they hide its mouth."""
        found, before = [], []
        for other in self.beside_of(points, seconds):
            assert other.last is not None
            outline = other.last[list(FACE_OVAL), :2].astype(np.float32)
            if other.points is not None and other.latest is not None and other.person is not None:
                newest = covered_by(points, look, person, other.points, other.latest, other.person)
                other.lead += LEAD_SHARE * (newest - other.lead) if other.lead else newest
                if newest == 0 and other.person.unlikeness(other.latest) < LIKE:
                    other.person.learn(other.latest)  # they don't overlap: all of it is its own
                if newest != 0 and other.lead > 0:
                    before.append(outline)
            found.append(Neighbour(outline, before=bool(before) and before[-1] is outline))
        return found, bool(before) and hidden_lips(points, before) > HIDDEN

    def hides(self, points: np.ndarray) -> bool:
        """Whether someone is where a lost face (468, 3) was."""
        ovals = [other.points[list(FACE_OVAL), :2] for other in self.others if other.points is not None]
        return bool(ovals) and hidden_lips(points, ovals) > HIDDEN

    def _known(self, mesh: Mesh, look: Looks) -> Other | None:
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
                other.lose()


def is_on(points: np.ndarray, other: np.ndarray) -> bool:
    """Whether two meshes (468, 3) lie on one face."""
    apart = np.linalg.norm(points[list(_FEATURES), :2] - other[list(_FEATURES), :2], axis=1).mean()
    return float(apart) < SAME_MESH * min(eye_distance(points), eye_distance(other))


def is_same(face: Detection, points: np.ndarray) -> bool:
    """Whether a detection shows the face whose mesh (468, 3) is known."""
    eyes = points[[33, 133], :2].mean(axis=0), points[[362, 263], :2].mean(axis=0)
    places = np.stack([*eyes, points[[13, 14], :2].mean(axis=0)])
    apart = np.linalg.norm(face.keypoints[[0, 1, 3]] - places, axis=1).mean()
    return float(apart) < SAME_POINTS * eye_distance(points)


def remember(everyone: list[Person], people: list[Person]) -> None:
    """Add those to a list who aren't in it yet."""
    for person in people:
        if len(everyone) < MOST_PEOPLE and not any(known.is_like(person) for known in everyone):
            everyone.append(person)


def _on_one(one: Other, other: Other) -> bool:
    return one.points is not None and other.points is not None and is_on(one.points, other.points)
