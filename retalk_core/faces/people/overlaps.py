"""Two faces in one place: which of them is in front, and what of a mouth it hides."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..canonical import OUTER_LIP, load_mouth_model
from ..mesh import FACE_OVAL, Mesh, box_area, face_box
from .likeness import LIKE, Looks, Person

_GRID = 96  # pixels of the picture in which outlines are compared
HEAD = 1.12  # the outline of a head, hair and ears included, in sizes of its face's oval
LIPS_ROOM = 1.25  # around the lips, in their own size: what an edit draws there must be free
HIDDEN = 0.06  # of the lips and that room; from here on the mouth is hidden
KNOWN_FRAMES = 8  # a person who was seen in fewer is compared with the other half of the own face
_OWN = 0.93  # of the followed face's oval: what of it may move before another's face
_SOFT = 0.015  # of the face's height: the blur of a mask's edge
NOT_TINY = 0.2  # of the largest face; someone known who is smaller than this is passed over
SURELY = 0.6  # a change of colour that can't mean more than a change


@dataclass(frozen=True, eq=False)
class Neighbour:
    """Another person's face beside or before the one that is followed."""

    outline: np.ndarray  # (36, 2) its oval in frame pixels
    before: bool  # it hides the other; else it lies beside or behind it


def covered_by(
    points: np.ndarray, look: Looks, person: Person, other: np.ndarray, outlook: Looks, stranger: Person
) -> float:
    """How much more a face is hidden by another one than the other way round; above 0 the other is in front.

    points, other: (468, 3) the meshes; look, outlook: what they look like; person, stranger: who they are
    returns:       0 where they don't overlap
    """
    ours, theirs = inside_outline(other, points), inside_outline(points, other)
    if not ours.any() and not theirs.any():
        return 0.0
    return _hidden(look, person, ours) - _hidden(outlook, stranger, theirs)


def best_to_follow(meshes: Sequence[Mesh], looks: Sequence[Looks], people: Sequence[Person]) -> list[int]:
    """Which of several faces come into question where nobody said whom to follow: places in the sequence.

    people: who was followed before; whoever is among them and not tiny is preferred. A mouth that another
            face hides is the last choice.
    """
    fresh = [Person(look) for look in looks]
    free = [
        i for i in range(len(meshes)) if not _is_hidden(i, [mesh.points for mesh in meshes], looks, fresh)
    ] or list(range(len(meshes)))
    largest = max(box_area(face_box(meshes[i].points)) for i in free)
    for person in sorted(people, key=lambda person: -person.frames):
        known = [i for i in free if person.unlikeness(looks[i]) < LIKE]
        known = [i for i in known if box_area(face_box(meshes[i].points)) > NOT_TINY * largest]
        if known:
            return [min(known, key=lambda i: person.unlikeness(looks[i]))]
    return free


def _is_hidden(at: int, points: list[np.ndarray], looks: Sequence[Looks], people: list[Person]) -> bool:
    """Whether another face is before the mouth of one."""
    before = [
        points[i][list(FACE_OVAL), :2]
        for i in range(len(points))
        if i != at and covered_by(points[at], looks[at], people[at], points[i], looks[i], people[i]) > 0
    ]
    return bool(before) and hidden_lips(points[at], before) > HIDDEN


def inside_outline(outer: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points (468, 2 or 3) lie inside the oval of another face (468, 2 or 3): (468,) bool."""
    oval = outer[list(FACE_OVAL), :2].astype(np.float32)
    return np.array([cv2.pointPolygonTest(oval, (float(x), float(y)), False) >= 0 for x, y in points[:, :2]])


def spared(look: Looks, points: np.ndarray, others: Sequence[np.ndarray]) -> Looks:
    """What of a look (468, 3) no other face, which may be in front, has a part in."""
    seen = look.seen
    for other in others:
        seen = seen & ~inside_outline(other, points)
    return Looks(look.colours, seen)


def hidden_lips(points: np.ndarray, outlines: list[np.ndarray]) -> float:
    """The share of the lips, and of some room around them, that heads before a face hide, in [0, 1].

    points: (468, 2 or 3); outlines: (36, 2) the ovals of faces in front of it
    """
    lips = grown(points[list(OUTER_LIP), :2], LIPS_ROOM)
    low, span = lips.min(axis=0), max(float(np.ptp(lips, axis=0).max()), 1e-3)
    mouth = _filled([lips], low, span)
    heads = _filled([grown(outline, HEAD) for outline in outlines], low, span)
    return float((mouth & heads).sum() / max(int(mouth.sum()), 1))


def neighbours_mask(
    neighbours: Sequence[Neighbour], points: np.ndarray, corner: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Where an edit must leave other people's faces alone: (h, w) float32, 1 on them, soft at the edge.

    points: (468, 2 or 3) the followed face; corner, size: of the part of the frame that is asked for

    Those in front are kept with some room around them, of those behind only what the followed face leaves.
    Its own edge before them is kept, too: a jaw that moves there would drag their faces along.
    """
    mask = np.zeros(size, np.float32)
    own = points[list(FACE_OVAL), :2]
    for behind in (True, False):  # what is in front is drawn last
        for each in neighbours:
            if each.before != behind:
                outline = grown(each.outline, HEAD) if each.before else each.outline
                _fill(mask, outline - corner, 1.0)
        if behind:
            _fill(mask, grown(own, _OWN) - corner, 0.0)
    soft = _SOFT * float(np.linalg.norm(own[0] - own[len(own) // 2]))
    return cv2.GaussianBlur(mask, (0, 0), max(soft, 0.5))


def _fill(mask: np.ndarray, outline: np.ndarray, value: float) -> None:
    corners = np.round((outline - 0.5) * 16).astype(np.int32)  # four binary places
    cv2.fillPoly(mask, [corners], value, lineType=cv2.LINE_8, shift=4)


def grown(outline: np.ndarray, times: float) -> np.ndarray:
    """An outline (n, 2) so many times as large about its middle."""
    middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
    return middle + times * (outline - middle)


def _filled(outlines: list[np.ndarray], low: np.ndarray, span: float) -> np.ndarray:
    mask = np.zeros((_GRID, _GRID), np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [np.round((outline - low) * (_GRID / span)).astype(np.int32)], 1)
    return mask > 0


def _hidden(look: Looks, person: Person, part: np.ndarray) -> float:
    """How far a part (468,) bool of a face looks as if something were before it."""
    part = part & look.seen
    if not part.any():
        return 0.0
    if person.frames >= KNOWN_FRAMES:
        changes = person.changes(look).clip(max=SURELY)
        rest = look.seen & ~part
        usual = float(np.nanmedian(changes[rest])) if rest.any() else 0.0
        return float(np.nanmean(changes[part])) - usual
    mirror = _mirrored()
    halves = part & ~part[mirror] & look.seen[mirror]
    if not halves.any():
        return 0.0
    return float(np.abs(look.colours - look.colours[mirror]).max(axis=1).clip(max=SURELY)[halves].mean())


@functools.lru_cache(maxsize=1)
def _mirrored() -> np.ndarray:
    """The point (468,) on the other half of the face that each has for a counterpart."""
    reference = load_mouth_model().reference
    mirrored = reference * (-1.0, 1.0, 1.0)
    return np.linalg.norm(reference[:, None] - mirrored[None], axis=2).argmin(axis=0)
