"""The second pass as one stream: every output frame comes out here, edited and finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..compute.aside import put_aside
from ..crops.patch import Patch, box_around, spare, spare_part
from ..crops.region import MARGIN
from ..engines.base import Engine, LipsPlan
from ..engines.chunks import ChunkedEngine
from ..engines.cutter import Cutter
from ..engines.embedded.engine import EmbeddedEngine
from ..engines.lender import Lender
from ..engines.retalk import RetalkEngine
from ..engines.uncovered import UncoveredEngine, without_covers
from ..errors import InputError, OptionError
from ..faces.mesh import face_height
from ..faces.people.overlaps import neighbours_mask
from ..faces.track import TrackedFace
from ..images import white_of
from ..marks.choice import wanted_place
from ..marks.found import MarkFound
from ..marks.identity import mark_id
from ..marks.lay import FaceMarker
from ..marks.perth import PERTH_PRESENT, perth_presence
from ..marks.picture import find_own_mark
from ..marks.plan import Marking, read_key
from ..marks.sound import find_sound_mark
from ..media.clip import Clip
from ..media.codecs import Codec
from ..media.planes.ahead import Place, made_at
from ..media.planes.edited import EditedPicture
from ..media.reader import prefetch
from ..media.sound import read_mono
from ..stages.lips.syncers import SYNCERS
from ..stages.speech import SAMPLE_RATE
from ..types import Frame, Pixels, Progress, silent
from .analysis import Analysis
from .remember import job_parts
from .session import Session

EARLIER_FRAMES, EARLIER_SECONDS = 150, 20  # of the clip and the sound in which marks are looked for first
EDITED_AHEAD = 2  # frames
AROUND_FACE, AROUND_CROPS = 0.08, 0.5  # of its height, which the preview and networks look at beside it
REST = 500  # frames, after which the faces of those that are done leave memory


@dataclass(frozen=True, eq=False)
class Finished:
    """One output frame."""

    index: int  # in the output
    frame: Frame  # of the clip, as it was decoded
    patch: Patch | None  # what is put into it; None: it stays as it is

    @property
    def before(self) -> Pixels:
        """Its pixels (H, W, 3) in the clip."""
        return self.frame.picture

    @cached_property
    def after(self) -> Pixels:
        """Its pixels (H, W, 3) in the result."""
        patch = self.patch
        if patch is None:
            return self.before
        return EditedPicture(self.before, patch.box, patch.pixels, patch.support)


Step = Callable[[Finished], Finished]


def finished_frames(
    session: Session,
    analysis: Analysis,
    engine: Engine,
    progress: Progress = silent,
    marking: Marking | None = None,
) -> Iterator[Finished]:
    """Each output frame, in order, with what was put into it.

    marking:  what faces are marked with; a mark over the whole frame is laid by whoever writes it
    progress: told the frames that the consumer is done with; may raise to stop the work
    """
    steps, total = steps_of(session, analysis, marking), len(analysis.timeline)
    frames = prefetch(made_at(analysis.clip.frames(analysis.timeline.source), _looked_at(session, analysis)))
    edits = engine.edits(frames)
    if session.choice.stages is None:  # beside whoever looks at what it makes; networks have threads
        edits = prefetch(edits, EDITED_AHEAD)
    for index, (frame, patch) in enumerate(edits):
        shown = Finished(index, frame, patch)
        for step in steps:
            shown = step(shown)
        yield shown
        if index % REST == REST - 1:
            put_aside(analysis.tracked.track.mesh.numpy())
        progress(index + 1, total)


def _looked_at(session: Session, analysis: Analysis) -> Iterator[Place | None]:
    """Where output frames are looked at if they are edited: at the face, and what networks see around it."""
    track, plan, networks = analysis.tracked.track, analysis.plan, session.choice.stages is not None
    for row, show in zip(plan.rows.tolist(), plan.show.tolist(), strict=True):
        if show == 0:
            yield None
            continue
        points = track.mesh[row].numpy()
        height = face_height(points)
        margin = AROUND_CROPS * height + MARGIN if networks else AROUND_FACE * height
        yield box_around(points[:, :2], track.frame_size, margin=margin).slices


def steps_of(session: Session, analysis: Analysis, marking: Marking | None = None) -> list[Step]:
    """What every output frame goes through behind the engine, in this order."""
    protect, steps = session.options.protect, list[Step]()
    if any(analysis.tracked.neighbours):
        steps.append(keep_neighbours(analysis.tracked, analysis.plan.rows))
    if protect is not None:
        steps.append(protecting(protect, analysis))
    if marking is not None and marking.face is not None:
        steps.append(mark_faces(marking.face, analysis))
    return steps


def mark_faces(marker: FaceMarker, analysis: Analysis) -> Step:
    """A step that marks what was edited, and nothing else."""
    mesh, rows, times = analysis.tracked.track.mesh, analysis.plan.rows, analysis.timeline.times

    def step(shown: Finished) -> Finished:
        if shown.patch is None:
            return shown
        here, seconds = mesh[int(rows[shown.index])].numpy(), float(times[shown.index])
        return replace(shown, patch=marker.mark(shown.patch, here, seconds))

    return step


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


def plan_marking(session: Session, analysis: Analysis, codec: Codec | None) -> Marking | None:
    """What the result is marked with; None: with nothing. Marks of earlier dubs are looked for first.

    codec:  of the file that is written; None where pictures stay in memory
    raises: OptionError for a mark over whole frames that stay in memory, InputError for a key that is none
    """
    options = session.options
    place = wanted_place(options.mark, codec)
    if place is None:
        return None
    if place == "frame" and codec is None:
        raise OptionError("A mark over whole frames is laid into files only: choose mark face, or Dub Video.")
    key = read_key(options.mark_key)
    with session.timed("marks"):
        parts = job_parts(session.clip, session.voice, options, session.choice, session.networks)
        heard = _heard_first(session)
        picture = _earlier_picture_mark(analysis, key)
        sound = find_sound_mark(heard, SAMPLE_RATE, key=key, tempos=(1.0,))
        perth = (perth_presence(heard, SAMPLE_RATE) or 0.0) >= PERTH_PRESENT
    return Marking(
        where=place,
        number=mark_id(parts),
        key=key,
        # The edit draws the face anew, so that an earlier mark there is gone; one over the frame stays.
        picture=not (place == "frame" and picture.where == "frame"),
        sound=codec is not None and not sound.present,  # what stays in memory is handed on as it is heard
        before=(
            *picture.told("the clip's pictures"),
            *sound.told("the sound"),
            *(["the sound, by Perth: it is synthetic"] if perth else []),
        ),
        perth=codec is not None and options.mark_perth and not perth,
    )


def _earlier_picture_mark(analysis: Analysis, key: bytes) -> MarkFound:
    """The mark that the clip carries already, by its first seconds."""
    rows = range(min(len(analysis.tracked.track), EARLIER_FRAMES))
    frames = ((frame.pixels, float(frame.time)) for frame in analysis.frames_at(rows))
    return find_own_mark(frames, analysis.tracked.track.mesh[: len(rows)].numpy(), key)


def _heard_first(session: Session) -> np.ndarray:
    """The first seconds of the sound that the result gets, (n,) at SAMPLE_RATE; it may carry marks."""
    options = session.options
    if options.soundtrack is None:
        begin = round(options.start * SAMPLE_RATE)
        return session.heard[begin : begin + EARLIER_SECONDS * SAMPLE_RATE]
    return read_mono(options.soundtrack, SAMPLE_RATE, options.start, EARLIER_SECONDS)


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
    together = SYNCERS[choice.stages.lips].wants.together
    return ChunkedEngine(editor, track, plan, store=session.store, progress=progress, together=together)
