"""Find one person's face in every frame of a clip and follow it, shot by shot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from ..errors import InputError
from ..media.planes.ahead import Glance
from ..types import Frame, Progress, silent
from .choice import FaceChoice
from .cuts import CutFinder
from .detect import SAME_FACE, SURE, Detection, FaceNetworks, look, look_closely, look_near, overlap
from .mesh import Mesh, box_distance, face_box, face_step, head_pose, next_place, quarters_of
from .people.company import LEFT, MOST_PEOPLE, Company, is_on, is_same, remember
from .people.likeness import LIKE, UNLIKE, Looks, Person, has_changed, look_at
from .people.overlaps import best_to_follow, spared
from .people.seek import Seeker
from .select import TURNS_UP, choose_face, from_left, refuse_choice
from .track import (
    COVERED,
    NO_YAW,
    Reason,
    Sighting,
    Sightings,
    TrackedFace,
    assemble_track,
    is_large_enough,
    look_closer,
    sighting_of,
    undo_cut,
)

LOOK_SECONDS = 1.0  # a followed face is checked against the detectors this often ...
LOOK_FRAMES = 25  # ... or after this many frames, whichever comes first
FULL_LOOK_FRAMES = 3  # without a face, the slower detector looks in every third frame ...
RARE_LOOK_SECONDS = 1.0  # ... and at tiles, and any way up, once a second

SEEN_STEPS = 2  # in every second frame it is seen what a followed face looks like ...
LEARN_STEPS = 10  # ... and in every tenth that is remembered
WARY_STEPS = 3  # frames between looks while others are near, or while the face has changed
ON_ITS_WAY = 6  # frames, at most, in which someone comes before a face without being noticed
BETTER = 0.3  # so much more like someone a face must be to be taken for theirs instead

REACH_PER_SECOND = 1.0  # how much farther a lost face may turn up for each second


def track_faces(
    frames: Iterable[Frame],
    networks: FaceNetworks,
    *,
    choice: FaceChoice | None = None,
    smoothing: Literal["savgol", "none"] = "savgol",
    covers: bool = True,
    glance: Glance | None = None,
    frame_count: int | None = None,
    progress: Progress = silent,
) -> TrackedFace:
    """Follow one person's face through a clip.

    frames:      in order, each looked at once and let go; all of one size
    choice:      whose face, where several are in view; the largest by default
    smoothing:   of the mesh over time, within each shot; "none" leaves the network's own trembling
    covers:      whether to look for what lies before the mouth; where it is covered no edit shows
    glance:      is told where the next frame will be looked at
    frame_count: how many frames will come, if it is known; for the progress only
    raises:      InputError if there is no frame, NoFaceError if none shows a usable face, OptionError if
                 faces are in view, but not the chosen one

    Short gaps are filled; in longer ones the face is not present, and its mesh holds still. A picture that
    is shown again, the same object, isn't looked at again where it has the face, and has the same mesh.
    """
    follower = _Follower(networks, choice or FaceChoice())
    cuts = CutFinder()
    sightings, last = Sightings(), None  # and the picture before
    looked_at = list[int]()  # rows in which the picture isn't the one before
    frame_size = (0, 0)
    for row, frame in enumerate(frames):
        frame_size = frame.picture.shape[:2]
        if frame.picture is last and sightings[-1].points is not None:
            cuts.see_again()
            sightings.append(sightings[-1].again(frame.time))
            progress(len(sightings), frame_count)
            continue
        last = frame.picture
        looked_at.append(row)
        change = cuts.see(frame.picture)
        if change == "cut":
            follower.start_shot()
        elif change == "back" and undo_cut(sightings, since=cuts.cut_age):
            follower.forget_shot()
        sighting, mistaken = follower.step(frame)
        if glance is not None:
            glance.place = next_place(sighting.points, frame_size)
        for earlier in sightings[looked_at[-1 - max(mistaken, 0)] :]:
            earlier.take_back()
        look_closer(sighting, frame.picture, networks.cover if covers else None)
        sightings.append(sighting)
        progress(len(sightings), frame_count)
    if not sightings:
        raise InputError("The clip has no frames. Give a clip or a batch with at least one picture.")
    if choice is not None and not any(sighting.points is not None for sighting in sightings):
        refuse_choice(choice, most=max(sighting.seen for sighting in sightings))
    return assemble_track(sightings, frame_size, smoothing, people=follower.count())


def faces_in_view(networks: FaceNetworks, frame: Frame) -> list[Mesh]:
    """The faces among which is chosen where a shot begins with this frame, from left to right."""
    return from_left(_Follower(networks, FaceChoice()).in_view(frame, thorough=True))


@dataclass(eq=False)
class _Shot:
    """What is known about the followed face in the current shot."""

    number: int
    points: np.ndarray | None = None  # (468, 3) where it was seen last
    time: Fraction = Fraction(0)  # when it was seen last
    following: bool = False  # it was seen in the frame before
    person: Person | None = None  # whose it is
    sure: int = 0  # the step in which it was surely that person's last
    free: int = 0  # the step in which others were near, but not before its mouth, last
    company: Company = field(default_factory=Company)  # the others in view
    seen: int = 0
    look_due: tuple[int, float] = (0, 0.0)  # frame and time of the next look at the whole frame
    wary_due: int = 0  # the step from which a change of looks is looked into
    wary_wait: int = WARY_STEPS
    missing: int = 0  # frames since it was seen
    rare_due: float = 0.0  # time of the next look any way up, and at tiles
    rare_wait: float = RARE_LOOK_SECONDS


class _Follower:
    """Follows one person by the mesh and by likeness, and asks the detectors where that isn't enough."""

    def __init__(self, networks: FaceNetworks, choice: FaceChoice) -> None:
        self.networks = networks
        self.seeker = Seeker(networks)
        self.choice = choice
        self.shot = _Shot(0)
        self.previous = self.shot
        self.steps = 0  # frames that were looked at
        self.people: list[Person] = []  # who was followed, shot by shot
        self._others: list[Person] = []

    def start_shot(self) -> None:
        """Forget the face: the picture was cut."""
        remember(self._others, self.shot.company.well_known)
        self.previous, self.shot = self.shot, _Shot(self.shot.number + 1)

    def forget_shot(self) -> None:
        """Take up the shot before this one: what looked like a cut was none."""
        self.shot = self.previous

    def count(self) -> int:
        """How many people were seen, as far as looks tell."""
        everyone: list[Person] = []
        remember(everyone, [*self.people, *self._others, *self.shot.company.well_known])
        return len(everyone)

    def step(self, frame: Frame) -> tuple[Sighting, int]:
        """Find the face in the next frame; and how many frames before it turned out to be someone else's."""
        shot, mesh, mistaken = self.shot, None, 0
        if shot.points is not None:
            shot.company.go_on(frame.picture, float(frame.time), shot.points, self.seeker.follow)
        if shot.following and shot.points is not None:
            mesh = self.seeker.follow(frame.picture, shot.points)
        if mesh is not None:
            mesh, mistaken = self._recognise(frame, mesh)
        continues = mesh is not None and not mistaken
        if mesh is None:
            mesh = self._search(frame)
        self.steps += 1
        shot.following = mesh is not None
        if mesh is None:
            shot.missing += 1
            return sighting_of(None, frame.time, shot.number, shot.seen, absence=self._absence()), mistaken
        shot.points, shot.time, shot.missing = mesh.points, frame.time, 0
        sighting = self._sighting(frame, mesh, continues)
        if sighting.reason == COVERED:  # it was on its way there while the face looked unlike itself
            mistaken = max(mistaken, min(self.steps - 2 - max(shot.sure, shot.free), ON_ITS_WAY))
        return sighting, mistaken

    def _sighting(self, frame: Frame, mesh: Mesh, continues: bool) -> Sighting:
        """What the frame shows of the face, unless someone is before its mouth."""
        shot = self.shot
        sighting = sighting_of(mesh, frame.time, shot.number, shot.seen, continues=continues)
        if shot.person is None or not shot.company.beside_of(mesh.points, float(frame.time)):
            return sighting
        shown = look_at(frame.picture, mesh.points)
        neighbours, hidden = shot.company.beside(mesh.points, shown, shot.person, float(frame.time))
        sighting.neighbours = tuple(neighbours)
        if hidden:
            sighting.take_back()
        else:
            shot.free = self.steps - 1
        return sighting

    def _absence(self) -> Reason:
        """Why there is no face: someone is before it, it was lost in profile, or it just isn't there."""
        if self.shot.points is None:
            return "no face"
        if self.shot.company.hides(self.shot.points):
            return COVERED
        return "turned away" if abs(head_pose(self.shot.points)[0]) > 0.8 * NO_YAW else "no face"

    def _recognise(self, frame: Frame, mesh: Mesh) -> tuple[Mesh | None, int]:
        """The followed person's mesh: as it was followed, or elsewhere if that came to lie on someone else.

        Returns how many frames before this one it lay there, too.
        """
        shot, person = self.shot, self.shot.person
        due = frame.index >= shot.look_due[0] or frame.time >= shot.look_due[1]
        alone = not shot.company.beside_of(mesh.points, float(frame.time))
        if person is None or (alone and not due and self.steps % SEEN_STEPS):
            return mesh, 0
        shown = look_at(frame.picture, mesh.points)
        changed = has_changed(person, shown)
        found = mesh
        if due or ((changed or not alone) and self.steps >= shot.wary_due):
            found = self._look_around(frame, mesh, shown if changed else None, thorough=due)
        rival = shot.company.on(found.points)
        if rival is not None and rival.person is not None:
            here = look_at(frame.picture, found.points)
            if rival.person.unlikeness(here) < person.unlikeness(here):
                return None, self.steps - 1 - max(shot.sure, shot.free)
            rival.lose()
        if found is not mesh:
            mistaken, shot.sure = self.steps - 1 - max(shot.sure, shot.free), self.steps
            return found, mistaken
        self._learn(shown, changed, alone)
        return mesh, 0

    def _learn(self, shown: Looks, changed: bool, alone: bool) -> None:
        """Remember what the followed person looks like, unless it may be someone else."""
        shot = self.shot
        assert shot.person is not None
        if not changed or shot.person.unlikeness(shown) < LIKE:
            shot.sure = self.steps
        if not changed:
            shot.wary_wait = WARY_STEPS
        settled = self.steps - shot.sure > LOOK_FRAMES and not shot.company.others  # the light, or a shadow
        if (not changed and alone and self.steps % LEARN_STEPS == 0) or settled:
            shot.person.learn(shown)

    def _look_around(self, frame: Frame, mesh: Mesh, changed: Looks | None, thorough: bool) -> Mesh:
        """Note the other faces in view; where the followed one has changed, it may be one of them."""
        shot, person, seconds = self.shot, self.shot.person, float(frame.time)
        assert person is not None
        if thorough:
            shot.look_due = (frame.index + LOOK_FRAMES, seconds + LOOK_SECONDS)
        found = look(self.networks, frame.picture, thorough, quarters_of(mesh.points))
        box, others, away = face_box(mesh.points), list[Mesh](), 0
        for face in [face for face in found if not is_same(face, mesh.points)]:
            if box_distance(box, face.box) > LEFT:
                away += 1
                shot.company.notice(face.box, seconds)
                continue
            other = self.seeker.settle(frame.picture, face)
            if other is not None and not is_on(mesh.points, other.points):
                others.append(other)
        if thorough or others:
            shot.seen = 1 + len(others) + away
        if changed is not None:
            most = min(person.unlikeness(changed) - BETTER, LIKE)
            for i, other in enumerate(others):
                there = spared(look_at(frame.picture, other.points), other.points, [mesh.points])
                if person.unlikeness(there) < most:
                    mesh, others[i] = other, mesh
                    break
        for other in others:
            shot.company.meet(frame.picture, other, seconds)
        shot.wary_wait = WARY_STEPS if others else min(2 * shot.wary_wait, LOOK_FRAMES)
        shot.wary_due = self.steps + shot.wary_wait
        return mesh

    def _search(self, frame: Frame) -> Mesh | None:
        """Ask the detectors: for the face that was lost, or for the one to follow in this shot."""
        shot = self.shot
        thorough = not shot.following and shot.missing % FULL_LOOK_FRAMES == 0
        if shot.points is not None:
            return self._search_lost(frame, shot.points, thorough)
        usable = self.in_view(frame, thorough)
        shot.seen = len(usable)
        return self._choose(frame, usable)

    def _choose(self, frame: Frame, usable: list[Mesh]) -> Mesh | None:
        """The face to follow in this shot, and whose it is."""
        shot, seconds = self.shot, float(frame.time)
        looks = [look_at(frame.picture, mesh.points) for mesh in usable]
        meant = list(range(len(usable)))
        if self.choice.rule == "largest" and len(usable) > 1:
            meant = best_to_follow(usable, looks, self.people)
        chosen = choose_face([usable[i] for i in meant], self.choice, frame)
        if chosen is None:
            return None
        at = next(i for i, mesh in enumerate(usable) if mesh is chosen)
        known = [person for person in self.people if person.unlikeness(looks[at]) < LIKE]
        shot.person = known[0] if known else Person(looks[at])
        if not known:
            self.people = [*self.people[: MOST_PEOPLE - 1], shot.person]
        shot.sure = self.steps
        shot.look_due = (frame.index + LOOK_FRAMES, seconds + LOOK_SECONDS)
        for mesh in usable:
            if mesh is not chosen:
                shot.company.meet(frame.picture, mesh, seconds)
        return chosen

    def in_view(self, frame: Frame, thorough: bool) -> list[Mesh]:
        """The faces that a shot could follow from this frame on."""
        shot = self.shot
        found = look(self.networks, frame.picture, thorough)
        rarely = float(frame.time) >= shot.rare_due
        if rarely and not (found and min(face.score for face in found) >= SURE):
            found = look_closely(self.networks, frame.picture, found)
        meshes = self.seeker.settle_all(frame.picture, found)
        if not meshes and rarely:
            meshes = self.seeker.search_tiles(frame.picture)
            shot.rare_due = float(frame.time) + shot.rare_wait
            shot.rare_wait *= 2  # a long stretch without faces should not cost much
        return [mesh for mesh in meshes if is_large_enough(mesh.points)] or meshes

    def _search_lost(self, frame: Frame, lost: np.ndarray, thorough: bool) -> Mesh | None:
        """The face (468, 3) that was followed until now, if it turned up near where it was lost."""
        shot, box, turn = self.shot, face_box(lost), quarters_of(lost)
        points = None if shot.person is None else shot.company.returned(shot.person)
        if points is not None:
            shot.sure = self.steps
            return self.seeker.follow(frame.picture, points)
        reach = TURNS_UP + REACH_PER_SECOND * float(frame.time - shot.time)
        found = look_near(self.networks, frame.picture, box, turn)
        found += look(self.networks, frame.picture, thorough, turn)
        for face in sorted(found, key=lambda face: box_distance(box, face.box)):
            if box_distance(box, face.box) > reach:
                continue
            mesh = self.seeker.settle(frame.picture, face)
            if mesh is None or face_step(lost, mesh.points) > 1.5 * reach or shot.company.on(mesh.points):
                continue
            shown = shot.company.spare(look_at(frame.picture, mesh.points), mesh.points)
            if self._is_meant(shown, face):
                shot.sure = self.steps
                return mesh
            shot.company.meet(frame.picture, mesh, float(frame.time), doubtful=True)
        return None

    def _is_meant(self, shown: Looks, face: Detection) -> bool:
        """Whether a face that turned up is the followed person's, not one of the others'."""
        shot = self.shot
        if shot.person is None:
            return True
        unlike = shot.person.unlikeness(shown)
        rivals = [person.unlikeness(shown) for person in shot.company.people]
        if rivals and min(rivals) < unlike:
            return False
        noticed = shot.company.boxes
        taken = len(noticed) and overlap(face.box, noticed).max() > SAME_FACE
        return unlike < (LIKE if taken else UNLIKE)
