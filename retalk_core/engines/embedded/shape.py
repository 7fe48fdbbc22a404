"""Where every point of the face goes when the mouth opens or widens.

Shapes live in the canonical coordinates of `faces/canonical.py`; lengths are in eye distances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...compute.aside import put_aside
from ...faces.canonical import LIP_PAIRS, STABLE, Pose, load_mouth_model, measure_mouth, poses_of
from ...types import FaceTrack

SHUT = 0.004  # opening of shut lips, as landmarks see it
SPEECH_OPENING = (0.11, 0.17)  # how far people open their mouth in speech, least and most
STILL_OPENING = 0.125  # the same where there is no speech to learn it from
# Relative change of the mouth's width, from a neutral to a rounded and to a spread one: voices ask for a
# third of it or so, and people narrow their mouths by a tenth.
WIDTH_SWING = (0.26, 0.16)
PROTRUSION = 0.35  # eye distances that lips come forward, for each eye distance that the mouth grows narrower
LIPS_REACH = 0.2  # eye distances from the mouth's middle over which that falls off
LIP_EDGES = ((81, 82, 13, 312, 311), (178, 87, 14, 317, 402))  # the inner lips' middle: upper, lower
_JAW = (18, 200)  # points that go with the lower teeth; the chin is seen to move less than the jaw does
SLOW_SECONDS = 0.8  # what changes slower than this is mood, not speech, and is kept
POINTS_AT_ONCE = 39  # that are calmed together
SLOW_FRAMES = 5  # frames that share one sample of the slow residual


@dataclass(frozen=True, eq=False)
class ShotShapes:
    """One person's mouth over the frames of one shot."""

    frames: np.ndarray  # (n,) indices into the track
    pose: Pose  # of those frames
    drivers: np.ndarray  # (n, 3) as measured
    full_opening: float  # eye distances, at full voice
    neutral_width: float  # eye distances
    neutral: np.ndarray  # (blocks, 468, 3) the face with its speech taken out, slowly changing

    def neutral_at(self, rows: np.ndarray) -> np.ndarray:
        """The speechless face (len(rows), 468, 3) at rows of this shot, between its blocks' centres."""
        place = np.clip((rows + 0.5) / SLOW_FRAMES - 0.5, 0, len(self.neutral) - 1)
        before = np.floor(place).astype(int)
        after = np.minimum(before + 1, len(self.neutral) - 1)
        share = (place - before)[:, None, None].astype(np.float32)
        return self.neutral[before] * (1 - share) + self.neutral[after] * share


def learn_shot(track: FaceTrack, frames: np.ndarray, frames_per_second: float) -> ShotShapes:
    """Measure one shot's mouth: how far it opens, how wide it is, how it looks without speech.

    frames: (n,) indices of the shot's frames that show the face, at least one
    """
    mesh = track.mesh.numpy()
    # In chunks: all faces of a long shot would fill the memory.
    pose = poses_of(
        np.concatenate([mesh[frames[rows, None], list(STABLE)] for rows in _chunks(frames, mesh)])
    )
    measured = [measure_mouth(pose[rows].to_canonical(mesh[frames[rows]])) for rows in _chunks(frames, mesh)]
    opening = np.concatenate([h for h, _ in measured])
    width = np.concatenate([w for _, w in measured])
    neutral_width = float(np.median(width))
    driven = drivers(opening, width, neutral_width)
    full = float(np.clip(np.percentile(opening, 95), *SPEECH_OPENING)) if len(frames) > 1 else STILL_OPENING
    neutral = _speechless(mesh, frames, pose, driven, frames_per_second)
    return ShotShapes(frames, pose, driven, full, neutral_width, neutral)


def wanted_drivers(shapes: ShotShapes, opening: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Turn the voice's opening (T,) in [0, 1] and width (T,) in [-1, 1] into this mouth's drivers (T, 3)."""
    h = SHUT + opening * (shapes.full_opening - SHUT)
    swing = np.where(width < 0, *WIDTH_SWING)
    return drivers(h, shapes.neutral_width * (1 + swing * width), shapes.neutral_width)


def outright_shape(shapes: ShotShapes, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The face (T, 468, 3) in canonical coordinates with nothing of the old speech left in it.

    rows:   (T,) rows of the shot that are shown
    wanted: (T, 3) drivers from wanted_drivers
    """
    shape = shapes.neutral_at(rows) + np.einsum("tk,kpc->tpc", wanted, load_mouth_model().basis)
    shape[..., 2] -= _forward(shapes, wanted)
    _part_lips(shape, wanted[:, 0])
    return shape


def place_mouth(
    shapes: ShotShapes, rows: np.ndarray, mesh: np.ndarray, wanted: np.ndarray, strength: np.ndarray
) -> np.ndarray:
    """Where the face's points go, in frame pixels (T, 468, 2).

    rows, wanted: as for outright_shape
    mesh:         (T, 468, 3) the face as it stands in those frames
    strength:     (T,) in [0, 1]; 0 leaves the face as it is

    The lips are placed outright; the jaw and the cheeks are moved by the difference, so that they keep what
    is theirs; the nose and all above stay.
    """
    model, pose = load_mouth_model(), shapes.pose[rows]
    given = pose.to_canonical(mesh)
    moved = given + np.einsum("tk,kpc->tpc", wanted - shapes.drivers[rows], model.basis)
    target = moved + model.near[None, :, None] * (outright_shape(shapes, rows, wanted) - moved)
    _part_lips(target, wanted[:, 0])
    share = (strength[:, None] * model.moves)[..., None]
    target = pose.to_frame(given + share * (target - given))
    return np.where(share == 0, mesh, target)[..., :2]  # exact where nothing moves


def teeth_places(rest: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """Where the upper and the lower row of teeth are, (T, 2, 3) in canonical coordinates.

    rest:   (T, 468, 3) faces with their speech taken out
    driven: (T, 3) the drivers of their mouths

    A place is where the edge of the resting lip was: what speech does to the lips moves no tooth, and the
    lower row goes with the jaw.
    """
    places = np.stack([rest[:, list(edge)].mean(axis=1) for edge in LIP_EDGES], axis=1)
    jaw = np.einsum("tk,kc->tc", driven[:, :2], load_mouth_model().basis[:2, list(_JAW)].mean(axis=1))
    places[:, 1] += jaw
    return places


def drivers(opening: np.ndarray, width: np.ndarray, neutral_width: float) -> np.ndarray:
    """What drives the basis, (T, 3): h, 5 h² (the jaw turns, so points follow a curve), relative width."""
    return np.stack([opening, 5 * opening**2, width / neutral_width - 1], axis=1).astype(np.float32)


def _forward(shapes: ShotShapes, wanted: np.ndarray) -> np.ndarray:
    """How far forward rounded lips come (T, 468), in eye distances."""
    reference = load_mouth_model().reference
    away = np.linalg.norm((reference - reference[[13, 14]].mean(axis=0))[:, :2], axis=1)
    lips = np.exp(-0.5 * (away / LIPS_REACH) ** 2)
    return PROTRUSION * shapes.neutral_width * np.maximum(-wanted[:, 2:], 0) * lips


def _speechless(
    mesh: np.ndarray, frames: np.ndarray, pose: Pose, driven: np.ndarray, frames_per_second: float
) -> np.ndarray:
    basis = load_mouth_model().basis
    slow = np.empty((-(-len(frames) // SLOW_FRAMES), *basis.shape[1:]), np.float32)
    for rows in _chunks(frames, mesh):
        rest = pose[rows].to_canonical(mesh[frames[rows]]) - np.einsum("tk,kpc->tpc", driven[rows], basis)
        for i in range(0, len(rest), SLOW_FRAMES):
            slow[(rows[0] + i) // SLOW_FRAMES] = rest[i : i + SLOW_FRAMES].mean(axis=0)
    sigma = SLOW_SECONDS * frames_per_second / SLOW_FRAMES
    for first in range(0, slow.shape[1], POINTS_AT_ONCE):  # each by itself: no copy of them all
        some = slow[:, first : first + POINTS_AT_ONCE]
        middle = np.median(some, axis=0)
        some[:] = middle + gaussian_filter1d(some - middle, sigma, axis=0, mode="nearest")
    return slow


def _chunks(frames: np.ndarray, mesh: np.ndarray, size: int = 50 * SLOW_FRAMES) -> Iterator[np.ndarray]:
    """Rows of a shot, some at a time; the faces of those that are done leave memory."""
    for start in range(0, len(frames), size):
        yield np.arange(start, min(start + size, len(frames)))
        put_aside(mesh)


def _part_lips(points: np.ndarray, opening: np.ndarray) -> None:
    """Keep inner-lip pairs (T, 468, 3) from crossing, and from gaping where the mouth is to be shut."""
    for upper, lower in LIP_PAIRS:
        gap = points[:, lower, 1] - points[:, upper, 1]
        allowed = np.clip(gap, 0.0015, 1.4 * opening + 0.002)
        half = (allowed - gap) / 2
        points[:, lower, 1] += half
        points[:, upper, 1] -= half
