"""The first pass: plan which frame is shown when, listen to the voice, follow the face and read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..compute.memory import return_freed
from ..engines.embedded.engine import MouthPlan
from ..engines.lender import Lender
from ..engines.likeness import Likeness, learn_likeness, wanted_expression
from ..errors import NoFaceError, OptionError
from ..faces.edits import part_of_track, tracked_face
from ..faces.follow import track_faces
from ..faces.s3fd import FaceBoxes, find_boxes
from ..faces.track import SMALLEST_FACE, TrackedFace
from ..media.clip import Clip
from ..media.planes.ahead import Glance, made_at
from ..media.reader import prefetch
from ..media.voice import Voice
from ..stages.lips.base import HeardVoice
from ..stages.lips.syncers import SYNCERS
from ..stages.speech import SAMPLE_RATE
from ..types import FaceTrack, Frame
from ..visemes.drive import MouthDrive, mouth_drive, sample_drive
from .options import DubOptions
from .remember import remembered_boxes, remembered_likeness, remembered_track
from .session import Session
from .strength import edit_strength
from .timeline import Timeline, plan_timeline


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that synthesis needs to know of a clip and a voice."""

    clip: Clip
    timeline: Timeline
    first: int  # the clip's frame that the track begins with
    tracked: TrackedFace
    drive: MouthDrive
    plan: MouthPlan
    loudness: np.ndarray  # (T,) 0..1 in each output frame
    reasons: tuple[str, ...]  # T; why an output frame is left alone, or ""
    notes: tuple[str, ...]  # what a person should know of the voice
    spectrogram: HeardVoice | None  # of what is said, where a network that draws the lips hears it
    boxes: FaceBoxes | None  # where the engine frames faces by a detector
    likeness: Likeness | None  # where the engine neutralises expressions

    @property
    def shot(self) -> np.ndarray:
        """The shot (T,) that each output frame belongs to."""
        return self.tracked.track.shot.numpy()[self.plan.rows]

    def frames_at(self, rows: Sequence[int]) -> Iterable[Frame]:
        """Decode the frames of the given rows of the track, in rising order."""
        return self.clip.frames([self.first + row for row in rows])


def analyse(session: Session) -> Analysis:
    """Make the first pass. Raises InputError, OptionError, NoFaceError, CheckpointError."""
    with session.timed("listen"):
        timeline = _plan(session.clip, Fraction(len(session.heard), SAMPLE_RATE), session.options)
        drive, spectrogram = _listen(session, session.heard, timeline)
    return_freed()  # a long voice was measured in many long rows
    shown = range(min(timeline.source), max(timeline.source) + 1)
    with session.timed("track"):
        tracked = remembered_track(session.store, lambda: _follow(session, shown))
    return_freed()
    stages, boxes, likeness = session.choice.stages, None, None
    if stages is not None and stages.face_boxes == "s3fd":
        with session.timed("frame"):
            boxes = remembered_boxes(session.store, lambda: _frame(session, shown, tracked.track))
    if stages is not None and stages.calms:
        with session.timed("fit"):
            likeness = remembered_likeness(session.store, lambda: _learn(session, shown, tracked.track))
    late = Fraction(session.options.voice_offset, 1000)
    opening, width, loudness, speaking = sample_drive(drive, [time - late for time in timeline.times])
    rows = np.array(timeline.source) - shown.start
    show, reasons = edit_strength(tracked, rows, timeline, speaking, session.options)
    plan = MouthPlan(rows, session.options.mouth_opening * opening, width, speaking, show)
    return Analysis(
        clip=session.clip,
        timeline=timeline,
        first=shown.start,
        tracked=tracked,
        drive=drive,
        plan=plan,
        loudness=loudness,
        reasons=reasons,
        notes=(*session.heard.notes, *drive.notes),
        spectrogram=spectrogram,
        boxes=boxes,
        likeness=likeness,
    )


def _plan(clip: Clip, voice_seconds: Fraction, options: DubOptions) -> Timeline:
    return plan_timeline(
        clip.times,
        clip.end,
        clip.rate,
        voice_seconds,
        longer=options.longer,
        shorter=options.shorter,
        start=options.start,
        duration=options.duration,
        constant_rate=options.constant_rate,
        still=clip.is_still,
    )


def _listen(session: Session, voice: Voice, timeline: Timeline) -> tuple[MouthDrive, HeardVoice | None]:
    """What the voice does over the timeline, and its spectrogram for the engine that hears it."""
    begin = round(session.options.start * SAMPLE_RATE)
    spoken = voice.part(begin, max(round(timeline.voice_end * SAMPLE_RATE), 1))
    stages, tell = session.choice.stages, session.progress("listen")
    if stages is None:
        drive = mouth_drive(
            spoken,
            transcript=session.options.transcript,
            language=session.options.language,
            within=(float(session.options.start), len(voice) / SAMPLE_RATE),
            phones=session.options.phones,
            progress=tell,
        )
        return drive, None
    drive = mouth_drive(spoken, phones=False, progress=tell)
    return drive, SYNCERS[stages.lips].spectrogram(spoken)


def _follow(session: Session, shown: range) -> TrackedFace:
    """The face in the clip's frames that are shown: as it was given, or found."""
    options = session.options
    if options.track is not None:
        return _given_track(options.track, session.clip, shown)
    glance = Glance()
    return track_faces(
        prefetch(made_at(session.clip.frames(shown), glance)),
        session.faces,
        choice=options.face,
        smoothing=options.smoothing,
        covers=options.covers,
        glance=glance,
        frame_count=len(shown),
        progress=session.progress("track"),
    )


def _given_track(track: FaceTrack, clip: Clip, shown: range) -> TrackedFace:
    """The part of a given track that is shown.

    raises: OptionError where it is another clip's, NoFaceError where no frame that is shown has the face
    """
    if len(track) != len(clip) or track.frame_size != clip.size:
        sizes = [f"{width}x{height}" for height, width in (track.frame_size, clip.size)]
        raise OptionError(
            f"The face track is of {len(track)} frames of {sizes[0]}, but the clip has {len(clip)} of "
            f"{sizes[1]}. Make the track from this clip."
        )
    part = part_of_track(track, slice(shown.start, shown.stop))
    if not part.present.any():
        raise NoFaceError(len(part), SMALLEST_FACE, part.frame_size)
    return tracked_face(part)


def _frame(session: Session, shown: range, track: FaceTrack) -> FaceBoxes:
    """The face's boxes, as S3FD draws them."""
    with session.networks.borrow("s3fd") as detector:
        return find_boxes(_frames(session, shown), track, detector, session.progress("frame"))


def _learn(session: Session, shown: range, track: FaceTrack) -> Likeness:
    """What D-Net must be told of the clip."""
    assert session.choice.stages is not None
    templates = session.networks.file("expression")
    problems = session.networks.refused("expression") if templates is None else []
    lender = Lender(session.networks, batch=session.options.batch, batches=session.batches)
    with lender.using("face3d", "fit") as (regressor, batch):
        return learn_likeness(
            _frames(session, shown),
            track,
            regressor,
            wanted_expression(session.choice.stages, templates, regressor, session.faces, problems),
            batch_size=batch,
            progress=session.progress("fit"),
        )


def _frames(session: Session, shown: range) -> Iterator[Frame]:
    return prefetch(session.clip.frames(shown))
