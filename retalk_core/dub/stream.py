"""The second pass as one stream: every output frame comes out here, edited and finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..compute.aside import put_aside
from ..crops.patch import Patch, paste_patch, spare, spare_part
from ..engines.base import Engine, LipsPlan
from ..engines.chunks import ChunkedEngine
from ..engines.cutter import Cutter
from ..engines.embedded.engine import EmbeddedEngine
from ..engines.lender import Lender
from ..engines.retalk import RetalkEngine
from ..engines.uncovered import UncoveredEngine, without_covers
from ..errors import InputError
from ..faces.people.overlaps import neighbours_mask
from ..faces.track import TrackedFace
from ..images import white_of
from ..media.clip import Clip
from ..media.reader import prefetch
from ..types import Frame, Progress, silent
from .analysis import Analysis
from .session import Session

REST = 500  # frames, after which the faces of those that are done leave memory


@dataclass(frozen=True, eq=False)
class Finished:
    """One output frame."""

    index: int  # in the output
    frame: Frame  # of the clip, as it was decoded
    patch: Patch | None  # what is put into it; None: it stays as it is

    @property
    def before(self) -> np.ndarray:
        """Its pixels (H, W, 3) in the clip."""
        return self.frame.pixels

    @cached_property
    def after(self) -> np.ndarray:
        """Its pixels (H, W, 3) in the result."""
        if self.patch is None:
            return self.before
        pixels = self.before.copy()  # the clip may show this frame again
        paste_patch(pixels, self.patch)
        return pixels


Step = Callable[[Finished], Finished]


def finished_frames(
    session: Session, analysis: Analysis, engine: Engine, progress: Progress = silent
) -> Iterator[Finished]:
    """Each output frame, in order, with what was put into it.

    progress: told the frames that the consumer is done with; may raise to stop the work
    """
    steps, total = steps_of(session, analysis), len(analysis.timeline)
    frames = prefetch(analysis.clip.frames(analysis.timeline.source))
    for index, (frame, patch) in enumerate(engine.edits(frames)):
        shown = Finished(index, frame, patch)
        for step in steps:
            shown = step(shown)
        yield shown
        if index % REST == REST - 1:
            put_aside(analysis.tracked.track.mesh.numpy())
        progress(index + 1, total)


def steps_of(session: Session, analysis: Analysis) -> list[Step]:
    """What every output frame goes through behind the engine, in this order."""
    protect, steps = session.options.protect, list[Step]()
    if any(analysis.tracked.neighbours):
        steps.append(keep_neighbours(analysis.tracked, analysis.plan.rows))
    if protect is not None:
        steps.append(protecting(protect, analysis))
    return steps


def protecting(protect: np.ndarray | Clip, analysis: Analysis) -> Step:
    """A step that leaves what is to be protected: a mask, or a clip of masks."""
    if isinstance(protect, np.ndarray):
        return keep_protected(protect)
    shown = analysis.timeline.source if len(protect) > 1 else [0] * len(analysis.timeline)
    return keep_marked(protect.frames(shown))


def keep_neighbours(tracked: TrackedFace, rows: np.ndarray) -> Step:
    """A step that leaves other people's faces as they are; rows (T,) of the track that are shown."""

    def step(shown: Finished) -> Finished:
        row = int(rows[shown.index])
        if shown.patch is None or not tracked.neighbours[row]:
            return shown
        own, box = tracked.track.mesh[row].numpy(), shown.patch.box
        kept = neighbours_mask(tracked.neighbours[row], own, box.corner, box.size)
        return replace(shown, patch=spare_part(shown.patch, shown.before, kept))

    return step


def keep_protected(protect: np.ndarray) -> Step:
    """A step that leaves pixels as they are where a mask, (H, W) or (T, H, W) in [0, 1], is 1."""

    def step(shown: Finished) -> Finished:
        if shown.patch is None:
            return shown
        return replace(shown, patch=spare(shown.patch, shown.before, protect, shown.frame.index))

    return step


def keep_marked(masks: Iterable[Frame]) -> Step:
    """The same by one picture for each output frame, in order: white where the frame stays as it is."""
    stream = iter(masks)

    def step(shown: Finished) -> Finished:
        mask = next(stream).pixels
        if shown.patch is None:
            return shown
        kept = mask.max(axis=2).astype(np.float32) / white_of(mask)
        return replace(shown, patch=spare(shown.patch, shown.before, kept, 0))

    return step


def check_protected(clip: Clip, protect: np.ndarray | Clip | None) -> None:
    """Refuse masks that aren't of the clip's frames. Raises InputError."""
    if protect is None or isinstance(protect, np.ndarray) or len(protect) in (1, len(clip)):
        return
    raise InputError(
        f"{protect.path} has {len(protect)} frames, but the clip to protect parts of has {len(clip)}: give a "
        "picture, or a video of as many frames."
    )


def make_engine(session: Session, analysis: Analysis, progress: Progress = silent) -> Engine:
    """The engine that was chosen, ready to edit the timeline's frames."""
    engine = _bare_engine(session, analysis, progress)
    track, mouth = analysis.tracked.track, analysis.plan
    return engine if track.cover is None else UncoveredEngine(engine, track, mouth.rows, mouth.show)


def _bare_engine(session: Session, analysis: Analysis, progress: Progress) -> Engine:
    """The engine that is shown faces without what lies before them."""
    track, mouth, choice = analysis.tracked.track, analysis.plan, session.choice
    frames_at = without_covers(analysis.frames_at, track)
    if choice.stages is None:
        return EmbeddedEngine(track, mouth, frames_at, analysis.clip.bit_depth)
    assert analysis.spectrogram is not None
    late = Fraction(session.options.voice_offset, 1000)
    times = [max(time - late, Fraction(0)) for time in analysis.timeline.times]
    plan = LipsPlan(mouth.rows, mouth.show, times, analysis.spectrogram)
    editor = RetalkEngine(
        track,
        plan,
        choice.stages,
        choice.chosen,
        Lender(session.networks, batch=session.options.batch, timed=session.timed, batches=session.batches),
        Cutter(
            track,
            face_boxes=None if analysis.boxes is None else analysis.boxes.boxes,
            smooth=session.options.smoothing != "none",
            timed=session.timed,
        ),
        frames_at,
        analysis.likeness,
    )
    return ChunkedEngine(editor, track, plan, store=session.store, progress=progress)
