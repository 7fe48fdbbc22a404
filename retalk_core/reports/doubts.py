"""What looks doubtful about a dub, judged by its pixels while it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from ..compute.aside import put_aside
from ..crops.patch import Patch
from ..faces.canonical import eye_distance, head_poses
from ..faces.detect import FaceNetworks, look_near
from ..faces.mesh import find_mesh, quarters_of, region_of_points
from ..metrics.mouth import lip_sharpness, mouth_thumb
from ..metrics.surroundings import (
    brightness_step,
    cheek_tint,
    foreign_part,
    lip_contrast,
    mouth_shift,
    proportions,
    share_outside,
    skin_change,
    view_mouth,
)
from ..times import timecode
from ..types import FaceTrack, Pixels

Severity = Literal["slight", "serious"]
MOST = 0.5  # of the edited frames: beyond it the whole result is doubtful, or a doubt serious
JOINED = 0.25  # seconds between doubtful frames that are told as one range
STANDSTILL = 0.001  # flicker of a source whose mouth does not move at all
SAMPLED = 3  # the face is found anew in every third frame
DETECTED = 25  # and detected anew in every 25th
REDRAWN = 0.3  # of the lips must be edited for an edit to be a mouth's
ROWS_AT_ONCE = 512  # of a track, so that a long one doesn't fill the memory
SHOWN_RANGES = 4  # of a doubt, in words


@dataclass(frozen=True)
class DoubtKind:
    """One thing that may be wrong, by a figure of a frame."""

    limit: float  # beyond it a frame is doubtful
    serious: float  # beyond it seriously
    words: str
    advice: str  # one thing to do
    least: float | None = None  # the figure is a ratio, and below this a frame is doubtful too

    def doubts(self, value: float) -> bool:
        """Whether a figure is doubtful."""
        return self.gravity(value) > 1

    def gravity(self, value: float) -> float:
        """How far a figure is from what is usual; 1 at the limit."""
        if self.least is not None and value < self.least:
            return self.least / max(value, 1e-6)
        return value / self.limit


_SKIP = "leave these ranges out (--edit-only, or Edit Track)"
_COVER = "protect what covers the mouth by a mask (Dub Video), or leave these ranges out (--edit-only)"
_COMPARE = (
    "compare these ranges with the source (--sheet), and leave them out if they look wrong (--edit-only)"
)
_STEP = "follow the face without smoothing (--smoothing none, or Dub Options)"
_TURN = "choose the face (--face-at, or Detect Faces), or leave these ranges out (--edit-only)"
_CHOOSE = "choose the face (--face-at, or Detect Faces), or leave these ranges out (--edit-only)"
# Set on some clips and judged on others; docs/measured.md tells on which, and what that showed.
KINDS: Mapping[str, DoubtKind] = {
    "outside": DoubtKind(
        limit=0.15,
        serious=0.5,
        words="the mouth lies outside the frame",
        advice=_SKIP,
    ),
    "covered": DoubtKind(
        limit=1.0,
        serious=2.0,
        words="no lips are to be seen where the mouth should be",
        advice=_COVER,
    ),
    "foreign": DoubtKind(
        limit=0.04,
        serious=0.3,
        words="something that is no skin lies in the edit below the lips",
        advice=_COVER,
    ),
    "brightness": DoubtKind(
        limit=0.12,
        serious=0.3,
        words="the new mouth is brighter or darker than the face around it",
        advice=_SKIP,
    ),
    "skin": DoubtKind(
        limit=0.1,
        serious=0.2,
        words="the skin around the lips came out changed",
        advice=_SKIP,
    ),
    "sharpness": DoubtKind(
        limit=2.2,
        serious=4.0,
        words="the lips are much sharper or softer than the source's",
        advice=_COMPARE,
        least=0.45,
    ),
    "flicker": DoubtKind(
        limit=3.0,
        serious=6.0,
        words="the mouth flickers more than the source's",
        advice=_SKIP,
    ),
    "place": DoubtKind(
        limit=0.03,
        serious=0.1,
        words="the face is found elsewhere than the track has it",
        advice=_STEP,
    ),
    "detector": DoubtKind(
        limit=0.22,
        serious=0.4,
        words="the mouth is detected elsewhere than the track has it",
        advice=_TURN,
    ),
    "person": DoubtKind(
        limit=0.06,
        serious=0.1,
        words="the tracked face is unlike itself: another person's, perhaps",
        advice=_CHOOSE,
    ),
    "colour": DoubtKind(
        limit=0.15,
        serious=0.3,
        words="the tracked face's colour is unlike its own elsewhere in the shot",
        advice=_CHOOSE,
    ),
}


@dataclass(frozen=True)
class Doubt:
    """Something that looks wrong, where, and what to do about it."""

    kind: str  # a key of `KINDS`
    severity: Severity
    frames: int
    ranges: tuple[tuple[float, float], ...]  # seconds of the output
    worst: float  # the kind's figure where it is worst
    words: str
    advice: str  # "": none

    def __str__(self) -> str:
        shown = [f"{timecode(start)} to {timecode(end)}" for start, end in self.ranges[:SHOWN_RANGES]]
        if len(self.ranges) > SHOWN_RANGES:
            shown.append(f"{len(self.ranges) - SHOWN_RANGES} more ranges")
        where = ", ".join(shown)
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.severity}: {self.words} in {self.frames} frames ({where}){advice}"


@dataclass(frozen=True)
class Judged:
    """All doubts about a dub."""

    doubts: tuple[Doubt, ...]
    frames: int  # that any of them is about
    edited: int  # frames whose mouths were edited and looked at


class DoubtWatch:
    """Judges each frame of a dub as it is finished; keeps a few bytes of each."""

    def __init__(
        self,
        track: FaceTrack,
        rows: np.ndarray,
        times: Sequence[Fraction],
        end: Fraction,
        faces: FaceNetworks | None = None,
    ) -> None:
        """Get ready.

        rows:  (T,) the row of the track that each output frame shows
        times: of the output frames; `end` is when the last one stops showing
        faces: finds faces anew; None: figures that need it are left out
        """
        self._track, self._rows, self._faces = track, rows, faces
        self._seconds = np.array([float(time) for time in (*times, end)])
        self._shot = track.shot.numpy()
        self._doubtful = {kind: np.zeros(len(rows), bool) for kind in KINDS}
        self._worst: dict[str, float] = {}
        self._edited = np.zeros(len(rows), bool)
        self._tints = np.zeros((len(rows), 3), np.float32)
        self._usual = dict(_usual_proportions(track))
        self._held: dict[str, float] = {}  # figures of the last frame that was sampled
        self._seen = 0  # edited frames
        self._second = _Second()

    def see(self, output: int, before: Pixels, after: Pixels, patch: Patch | None) -> None:
        """Judge one output frame, in order: its pixels (H, W, 3) before and after the edit."""
        row = int(self._rows[output])
        if self._second.ends_before(self._seconds[output], int(self._shot[row])):
            self._close_second()
        if patch is None or not bool(self._track.present[row]):
            return
        mesh = self._track.mesh[row].numpy()
        view = view_mouth(before, after, patch.support, patch.box.corner, mesh)
        outside = share_outside(mesh, self._track.frame_size)
        if not view.lips.any() or view.edited[view.lips].mean() < REDRAWN:
            return  # a mask keeps the mouth as it was
        self._edited[output] = True
        self._tints[output] = cheek_tint(before, mesh)
        shown = {
            "outside": outside,
            "covered": 0.006 / max(lip_contrast(view), 1e-6),
            "foreign": foreign_part(view),
            "brightness": brightness_step(view),
            "skin": skin_change(view),
            "person": self._strangeness(row),
            **self._found_anew(before, mesh),
        }
        for kind, value in shown.items():
            self._note(kind, output, value)
        self._second.add(output, before, after, mesh, self._seconds[output], int(self._shot[row]))
        self._seen += 1

    def judged(self) -> Judged:
        """Everything that is doubtful, the most serious first."""
        self._close_second()
        self._judge_colours()
        found = [self._doubt(kind) for kind in KINDS if self._doubtful[kind].any()]
        found.sort(key=lambda doubt: (doubt.severity != "serious", -doubt.frames))
        together = np.any(list(self._doubtful.values()), axis=0)
        return Judged(tuple(found), int(together.sum()), int(self._edited.sum()))

    def _note(self, kind: str, output: int, value: float) -> None:
        if not KINDS[kind].doubts(value):
            return
        self._doubtful[kind][output] = True
        self._worst[kind] = max(self._worst.get(kind, value), value, key=KINDS[kind].gravity)

    def _strangeness(self, row: int) -> float:
        """How far a face's proportions are from the usual ones of its shot, in eye distances."""
        here = proportions(self._track.mesh[row : row + 1].numpy())[0]
        return float(np.linalg.norm(here - self._usual[int(self._shot[row])], axis=1).mean())

    def _found_anew(self, pixels: Pixels, mesh: np.ndarray) -> dict[str, float]:
        """How far the face lies from where it is found anew; between samples as in the last one."""
        if self._faces is None:
            return {}
        if self._seen % SAMPLED == 0:
            found = find_mesh(self._faces.mesh, pixels, region_of_points(mesh))
            self._held["place"] = mouth_shift(mesh, found.points)
        if self._seen % DETECTED == 0:
            self._held["detector"] = _detected_shift(self._faces, pixels, mesh)
        return self._held

    def _close_second(self) -> None:
        for kind, value in self._second.figures():
            for output in self._second.outputs:
                self._note(kind, output, value)
        self._second = _Second()

    def _judge_colours(self) -> None:
        shots = self._shot[self._rows]
        for shot in np.unique(shots[self._edited]):
            outputs = np.flatnonzero(self._edited & (shots == shot))
            tints = self._tints[outputs]
            off = np.abs(np.log(tints / np.median(tints, axis=0))).max(axis=1)
            for output, value in zip(outputs.tolist(), off.tolist(), strict=True):
                self._note("colour", output, value)

    def _doubt(self, kind: str) -> Doubt:
        row, frames = KINDS[kind], np.flatnonzero(self._doubtful[kind])
        worst = self._worst[kind]
        grave = row.gravity(worst) > row.gravity(row.serious) or len(frames) > MOST * self._edited.sum()
        return Doubt(
            kind=kind,
            severity="serious" if grave else "slight",
            frames=len(frames),
            ranges=tuple(doubtful_ranges(frames, self._seconds)),
            worst=round(worst, 3),
            words=row.words,
            advice=row.advice,
        )


class _Second:
    """Figures that need about a second of one shot: sharpness and flicker."""

    def __init__(self) -> None:
        self.outputs: list[int] = []
        self._begun, self._shot = 0.0, -1
        self._sharpness: list[tuple[float, float]] = []  # before, after
        self._flicker: list[tuple[float, float]] = []
        self._thumbs: list[tuple[np.ndarray, np.ndarray]] = []

    def ends_before(self, seconds: float, shot: int) -> bool:
        """Whether a frame belongs to another second or shot."""
        return bool(self.outputs) and (seconds - self._begun >= 1 or shot != self._shot)

    def add(
        self, output: int, before: Pixels, after: Pixels, mesh: np.ndarray, seconds: float, shot: int
    ) -> None:
        if not self.outputs:
            self._begun, self._shot = seconds, shot
        elif output != self.outputs[-1] + 1:
            self._thumbs = []
        self.outputs.append(output)
        self._sharpness.append((lip_sharpness(before, mesh), lip_sharpness(after, mesh)))
        pose = head_poses(mesh[None])
        self._thumbs = [*self._thumbs[-2:], (mouth_thumb(before, pose), mouth_thumb(after, pose))]
        if len(self._thumbs) == 3:
            one, two, three = (np.stack(pair) for pair in self._thumbs)
            first, second = np.abs(one - 2 * two + three).mean(axis=1)
            self._flicker.append((float(first), float(second)))

    def figures(self) -> Iterator[tuple[str, float]]:
        """Each kind's figure: after against before."""
        for kind, values, least in (("sharpness", self._sharpness, 0.002), ("flicker", self._flicker, 0.005)):
            if len(values) >= 3:
                before, after = np.mean(values, axis=0)
                if kind == "flicker" and before < STANDSTILL:
                    continue  # nothing to compare with: in a still picture every word would be a flicker
                yield kind, float((after + least) / (before + least))


def _usual_proportions(track: FaceTrack) -> Iterator[tuple[int, np.ndarray]]:
    """Each shot's median proportions (11, 3), from at most 512 of its rows."""
    present, shots = track.present.numpy(), track.shot.numpy()
    for shot in np.unique(shots[present]).tolist():
        rows = np.flatnonzero(present & (shots == shot))
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS_AT_ONCE)).astype(int)]
        usual = np.median(proportions(track.mesh.numpy()[some]), axis=0)
        put_aside(track.mesh.numpy())
        yield shot, usual


def _detected_shift(faces: FaceNetworks, pixels: Pixels, mesh: np.ndarray) -> float:
    """How far the mouth lies from the nearest detected one, in eye distances; 0 where no face is detected."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    found = look_near(faces, pixels, np.concatenate([low, high]), quarters_of(mesh))
    mouth = mesh[[13, 14], :2].mean(axis=0)
    steps = [float(np.linalg.norm(face.keypoints[3] - mouth)) for face in found]
    return min(steps) / eye_distance(mesh) if steps else 0.0


def doubtful_ranges(frames: np.ndarray, seconds: np.ndarray) -> Iterator[tuple[float, float]]:
    """Ranges of seconds around frames; `seconds` has one more entry than there are frames."""
    start = stop = None
    for frame in frames.tolist():
        begins, ends = float(seconds[frame]), float(seconds[frame + 1])
        if stop is not None and start is not None and begins - stop > JOINED:
            yield round(start, 3), round(stop, 3)
            start = None
        start, stop = (begins if start is None else start), ends
    if start is not None and stop is not None:
        yield round(start, 3), round(stop, 3)
