"""Find a mark in a clip's pictures: on faces, or over whole frames, cropped ones too."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.canonical import STABLE
from ..faces.detect import load_face_networks
from ..images import eight_bit
from ..types import Progress, silent
from .choice import MarkedPlace
from .found import PUBLIC_KEY, MarkFound
from .frame import FRAME_SAMPLES, read_frame
from .cells.payload import PICTURE_BITS, Reading, read_cells, threshold
from .cells.plane import affine_of_stable, face_plane, frame_affine, residual
from .seek import MOST_FOLLOWED, FaceFollower, Seen
from .cells.swing import Swung, Tally

LEAST_PICTURES = 1.0  # of pictures, below which nothing can be said
FIRST_LOOK = 5.0  # seconds after which it is seen whether a mark shows by now; each next one at twice as many
LOOKS = (MOST_FOLLOWED + 2) * 12  # places and times at which a mark may be found
SURPLUS = 2.0  # standard deviations above the threshold with which a search may end early


def find_picture_mark(
    frames: Iterable[np.ndarray],
    fps: float,
    *,
    key: bytes = PUBLIC_KEY,
    progress: Progress | None = None,
    times: Sequence[float] | None = None,
) -> MarkFound:
    """Look for a mark in a clip's pictures, on up to three faces and over the whole frame.

    frames:  (H, W, 3) RGB uint8 or uint16, in order and none left out; streamed, each looked at once. No more
             are taken once the mark is read for sure
    fps:     frames per second
    times:   when each frame is shown, in seconds, for clips whose frames aren't shown equally long
    returns: the verdict. `score` and `threshold` are standard deviations of the mark's known part; where the
             number could be read, by how far all of it exceeds its own threshold counts

    That nothing is found doesn't mean that a clip is real. Memory doesn't grow with the clip.
    """
    search, tell = _Search(key, FaceFollower(load_face_networks())), progress or silent
    look_due = FIRST_LOOK
    for index, pixels in enumerate(frames):
        seconds = index / fps if times is None else float(times[index])
        search.see(pixels, seconds)
        tell(index + 1, None)
        if seconds >= look_due:
            look_due = 2 * seconds
            if search.is_sure():
                break
    return search.verdict()


def find_own_mark(
    frames: Iterable[tuple[np.ndarray, float]], meshes: Sequence[np.ndarray], key: bytes = PUBLIC_KEY
) -> MarkFound:
    """The same for a clip whose face was followed already.

    frames: (H, W, 3) RGB uint8 or uint16 and the second at which it is shown, in order
    meshes: as many, (468, 2 or 3) of the face in each frame
    """
    search = _Search(key, follower=None)
    for (pixels, seconds), mesh in zip(frames, meshes, strict=True):
        search.see_face(pixels, seconds, mesh)
    return search.verdict()


@dataclass(frozen=True, eq=False)
class Looked:
    """What swung in a clip, whatever the key."""

    faces: list[Swung]  # of the face's plane
    frame: Swung  # (FRAME_SAMPLES, FRAME_SAMPLES)


def look_through(frames: Iterable[np.ndarray], times: Iterable[float]) -> Looked:
    """Look through a clip, to read it under many keys; frames and times as `find_picture_mark` has them."""
    search = _Search(PUBLIC_KEY, FaceFollower(load_face_networks()))
    for pixels, seconds in zip(frames, times, strict=True):
        search.see(pixels, seconds)
    search.rest()
    return search.swung


class _Search:
    """What was seen of a clip so far."""

    def __init__(self, key: bytes, follower: FaceFollower | None) -> None:
        self._key = key
        self._follower = follower
        self._faces = [Tally(face_plane().carries.shape) for _ in range(MOST_FOLLOWED)]
        self._frame = Tally((FRAME_SAMPLES, FRAME_SAMPLES))
        self._span = (np.inf, -np.inf)

    def see_face(self, pixels: np.ndarray, seconds: float, mesh: np.ndarray) -> None:
        """Look at the next frame, where a mesh (468, 2 or 3) says where its face is."""
        luma = cv2.cvtColor(eight_bit(pixels), cv2.COLOR_RGB2GRAY)
        self._span = min(self._span[0], seconds), max(self._span[1], seconds)
        nobody = (None,) * (MOST_FOLLOWED - 1)
        self._add(Seen(seconds, luma, (mesh[list(STABLE), :2], *nobody), cut=False))

    def see(self, pixels: np.ndarray, seconds: float) -> None:
        """Look at the next frame."""
        assert self._follower is not None
        small = eight_bit(pixels)
        luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        self._span = min(self._span[0], seconds), max(self._span[1], seconds)
        for seen in self._follower.see(small, luma, seconds):
            self._add(seen)

    def _add(self, seen: Seen) -> None:
        if seen.cut:
            for tally in (*self._faces, self._frame):
                tally.cut()
        whole = residual(seen.luma, frame_affine(seen.luma.shape), FRAME_SAMPLES, samples=2)
        self._frame.add(whole, seen.seconds)
        for tally, stable in zip(self._faces, seen.stable, strict=True):
            if stable is not None:
                values = residual(seen.luma, affine_of_stable(stable), face_plane().side)
                tally.add(values, seen.seconds)

    def rest(self) -> None:
        """Take in the frames that waited for others."""
        for seen in self._follower.rest() if self._follower is not None else ():
            self._add(seen)

    def is_sure(self) -> bool:
        """Whether a number was read that nobody will doubt."""
        best = self._best()
        return best is not None and best[0].number is not None and best[0].score > threshold(LOOKS) + SURPLUS

    def verdict(self) -> MarkFound:
        """What all that was seen says."""
        self.rest()
        needed, best = threshold(LOOKS), self._best()
        if best is None:
            words = f"less than {LEAST_PICTURES:g} s of pictures: too little to look at"
            return MarkFound(False, None, PICTURE_BITS, 0.0, needed, words=words)
        reading, where = best
        present = reading.score >= needed
        return MarkFound(
            present=present,
            id=reading.number if present else None,
            bits=PICTURE_BITS,
            score=reading.score,
            threshold=needed,
            heat=reading.heat,
            where=where if present else "",
        )

    def _best(self) -> tuple[Reading, MarkedPlace] | None:
        """What says most, and where it lies."""
        if self._span[1] - self._span[0] < LEAST_PICTURES:
            return None
        swung = self.swung
        readings: list[tuple[Reading, MarkedPlace]] = [
            (read_cells(each, face_plane(), self._key, LOOKS), "face") for each in swung.faces
        ]
        cropped = self._follower is not None
        readings.append((read_frame(swung.frame, self._key, LOOKS, cropped=cropped), "frame"))
        return max(readings, key=lambda each: each[0].score)

    @property
    def swung(self) -> Looked:
        """What swung so far, on faces and over the frame."""
        faces = [tally.swung for tally in self._faces if tally.seconds >= LEAST_PICTURES]
        if len(faces) > 1:
            faces.append(functools.reduce(operator.add, faces))  # someone who kept no place over cuts
        return Looked(faces, self._frame.swung)
