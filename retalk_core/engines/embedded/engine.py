"""Lip sync without checkpoints: one clip's mouth, moved by a voice, dressed in the clip's own pictures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...compute.aside import put_aside
from ...covers.hold import freest, hidden_rows
from ...crops.patch import Patch
from ...types import FaceTrack, Frame, Pixels
from .face import Face, Jaws
from .gather import gather_teeth
from .light import in_one_light
from .render import render_mouth, textures_for
from .retrieval import (
    Bank,
    Mouths,
    TextureChoice,
    bank_size,
    choose_textures,
    distinct,
    fill_bank,
    lip_shapes,
    patch_box,
)
from .shape import ShotShapes, learn_shot, outright_shape, place_mouth, teeth_places, wanted_drivers
from .teeth import Teeth

LONGEST_RUN = 1500  # frames whose textures are chosen together
SHOTS_KEPT = 2  # playing to and fro crosses the same cut again soon
MESHES_AT_ONCE = 64  # frames


@dataclass(frozen=True, eq=False)
class MouthPlan:
    """What the mouth does in each of T output frames."""

    rows: np.ndarray  # (T,) the row of the track that is shown
    opening: np.ndarray  # (T,) 0..1
    width: np.ndarray  # (T,) -1..1
    speaking: np.ndarray  # (T,) bool
    show: np.ndarray  # (T,) 0..1; how far the edit shows, 0 leaves the frame alone


@dataclass(frozen=True, eq=False)
class Shot:
    """All that is known of one shot, its bank of pictures included."""

    shapes: ShotShapes
    row_of: dict[int, int]  # from rows of the track to rows of the shot
    bank: Bank
    bank_mesh: np.ndarray  # (m, 468, 3)
    mouths: Mouths  # of all rows of the shot
    teeth: Teeth


@dataclass(frozen=True, eq=False)
class Run:
    """Consecutive output frames of one shot, and what they are dressed in."""

    shot: Shot
    outputs: np.ndarray  # (T,) output frames
    rows: np.ndarray  # (T,) rows of the shot
    drivers: np.ndarray  # (T, 3)
    choice: TextureChoice


class EmbeddedEngine:
    """Edits a stream of frames; keeps no more than two shots' banks and one run's plan in memory."""

    resumed = 0  # frames; it takes nothing over from an earlier run
    note = "preview without checkpoints: the clip's own mouth pictures, warped to the voice"

    def __init__(
        self,
        track: FaceTrack,
        plan: MouthPlan,
        frames_at: Callable[[Sequence[int]], Iterable[Frame]],
        bit_depth: int = 8,
    ) -> None:
        """frames_at decodes the frames of the given rows of the track, which are in rising order."""
        self._bytes_per_pixel = 3 if bit_depth <= 8 else 6
        self._track = track
        self._mesh = track.mesh.numpy()
        self._plan = plan
        self._frames_at = frames_at
        self._shots: OrderedDict[int, Shot] = OrderedDict()
        self._shown = track.present.numpy() & ~hidden_rows(track)

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        """Pair each output frame, in order, with the pixels to put into it (None: it stays as it is)."""
        stream = iter(frames)
        for outputs in self._runs():
            run = self._prepare(outputs) if self._edited(outputs).any() else None
            for output in outputs:
                frame = next(stream)
                yield frame, self._edit(run, output, frame.picture) if run else None

    def _runs(self) -> Iterator[np.ndarray]:
        shot = self._track.shot.numpy()[self._plan.rows]
        cuts = np.flatnonzero(np.diff(shot)) + 1
        for part in np.split(np.arange(len(shot)), cuts):
            yield from (part[i : i + LONGEST_RUN] for i in range(0, len(part), LONGEST_RUN))

    def _edited(self, outputs: np.ndarray) -> np.ndarray:
        return (self._plan.show[outputs] > 0) & self._shown[self._plan.rows[outputs]]

    def _prepare(self, outputs: np.ndarray) -> Run:
        plan = self._plan
        shot = self._shot(int(self._track.shot[plan.rows[outputs[0]]]))
        outputs = outputs[self._edited(outputs)]
        rows = np.array([shot.row_of[row] for row in plan.rows[outputs].tolist()])
        wanted = wanted_drivers(shot.shapes, plan.opening[outputs], plan.width[outputs])
        choice = choose_textures(
            _wanted_mouths(shot.shapes, rows, wanted, shot.mouths.light),
            shot.mouths[rows],
            shot.mouths[shot.bank.rows],
            shot.bank,
            plan.speaking[outputs],
        )
        return Run(shot, outputs, rows, wanted, choice)

    def _shot(self, number: int) -> Shot:
        if number not in self._shots:
            while len(self._shots) >= SHOTS_KEPT:
                self._shots.popitem(last=False)
            self._shots[number] = self._learn(number)
        self._shots.move_to_end(number)
        return self._shots[number]

    def _learn(self, number: int) -> Shot:
        track = self._track
        frames = np.flatnonzero(self._shown & (track.shot == number).numpy())
        seconds = float(track.times[frames[-1]] - track.times[frames[0]])
        rate = (frames[-1] - frames[0]) / seconds if seconds > 0 else 25.0
        shapes = learn_shot(track, frames, rate)
        light = None if track.light is None else track.light.numpy()
        mouths = _given_mouths(shapes, self._mesh, None if light is None else light[frames])
        nearest = frames[shapes.pose.scale.argmin()]  # the largest face has the largest pictures
        box = patch_box(self._mesh[nearest, :, :2], track.frame_size)
        free = np.flatnonzero(freest(track, frames))
        rows = free[distinct(mouths[free], bank_size(box.size, self._bytes_per_pixel))]
        chosen = frames[rows]
        bank = fill_bank(shapes, rows, self._mesh[chosen], self._frames_at(chosen.tolist()))
        if light is not None:
            bank = replace(bank, thumbs=in_one_light(bank.thumbs, light[chosen]))
        row_of = {int(frame): row for row, frame in enumerate(frames)}
        teeth = gather_teeth(shapes, bank, self._mesh[chosen])
        return Shot(shapes, row_of, bank, self._mesh[chosen], mouths, teeth)

    def _edit(self, run: Run, output: int, pixels: Pixels) -> Patch | None:
        place = int(np.searchsorted(run.outputs, output))
        if place == len(run.outputs) or run.outputs[place] != output:
            return None
        shot, row = run.shot, run.rows[place : place + 1]
        mesh = self._mesh[self._plan.rows[output]]
        show = self._plan.show[output : output + 1].astype(np.float32)
        wanted = run.drivers[place : place + 1]
        target = place_mouth(shot.shapes, row, mesh[None], wanted, show)[0]
        upper, lower = teeth_places(shot.shapes.neutral_at(row), wanted)[0]
        jaws = Jaws(shot.shapes.pose[row], upper, lower)
        face = Face(mesh, target, float(wanted[0, 0]), float(show[0]), jaws)
        textures = textures_for(
            pixels,
            face,
            float(shot.mouths.opening[row[0]]),
            run.choice.entries[place],
            run.choice.shares[place],
            shot.bank,
            shot.bank_mesh,
            shot.mouths.opening[shot.bank.rows],
        )
        return render_mouth(pixels, face, textures, shot.teeth)


def _given_mouths(shapes: ShotShapes, mesh: np.ndarray, light: np.ndarray | None) -> Mouths:
    def canonical(rows: np.ndarray) -> np.ndarray:
        faces = mesh[shapes.frames[rows]]
        put_aside(mesh)
        return shapes.pose[rows].to_canonical(faces)

    lips = _in_chunks(canonical, len(shapes.frames))
    return Mouths(lips, shapes.drivers[:, 0], shapes.pose.rotation, light)


def _wanted_mouths(
    shapes: ShotShapes, rows: np.ndarray, wanted: np.ndarray, light: np.ndarray | None
) -> Mouths:
    def canonical(places: np.ndarray) -> np.ndarray:
        return outright_shape(shapes, rows[places], wanted[places])

    lit = None if light is None else light[rows]
    return Mouths(_in_chunks(canonical, len(rows)), wanted[:, 0], shapes.pose.rotation[rows], lit)


def _in_chunks(canonical: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """Lip shapes of many mouths; the whole meshes of a long shot would fill the memory."""
    parts = [
        np.arange(start, min(start + MESHES_AT_ONCE, count)) for start in range(0, count, MESHES_AT_ONCE)
    ]
    return np.concatenate([lip_shapes(canonical(part)) for part in parts])
