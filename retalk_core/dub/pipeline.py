"""From a clip and a voice to a clip whose lips follow that voice: analyse, then synthesise.

Both passes stream. What is kept is small: the face's track, what the engine must know of it, a few pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..compute.memory import tidied
from ..compute.provider import NetworkProvider
from ..faces.edits import whole_track
from ..marks.perth import check_perth
from ..marks.plan import Marking, read_key
from ..media.clip import Clip, written_as
from ..media.codecs import Codec, codec_for
from ..media.fields import KEPT
from ..media.sound import SoundSource, SoundStream
from ..media.writer import VideoWriter, check_video_place
from ..provenance.finish import Records, Signature, finish, open_records
from ..provenance.statement import TAG, Statement
from ..reports.charts import Scene, draw_chart, draw_sheet
from ..reports.check import FAULTS, Checked, ResultWatch, check_result
from ..reports.doubts import DoubtWatch, Judged
from ..reports.faces import FacesInView, choice_of_faces
from ..reports.report import PREVIEW_WORDS, Report
from ..times import exact_tick
from ..types import FaceTrack, Progress
from ..version import __version__
from .analysis import Analysis, analyse
from .options import DubOptions
from .results import files_of, make_report, make_statement, scene_of
from .session import Session, StageProgress, begin_session, quiet
from .stream import Finished, check_protected, finished_frames, make_engine, plan_marking
from .timeline import Timeline


@dataclass(frozen=True, eq=False)
class Dubbed:
    """A finished dub."""

    report: Report
    chart: np.ndarray  # (h, w, 3) uint8 RGB: loudness, mouth, untouched stretches over time
    sheet: np.ndarray  # (h, w, 3) uint8 RGB: mouths before and after
    scene: Scene  # what the chart draws
    track: FaceTrack  # the face that was dubbed, in all of the clip's frames
    faces: FacesInView | None  # among which it was chosen; None where there was no choice


@dataclass(frozen=True, eq=False)
class Showing:
    """What is about to be shown, frame by frame."""

    engine: str
    clip: Clip
    timeline: Timeline
    sound: SoundStream


# Looks at a dub while it is made: a block in which each finished frame is handed over.
Show = Callable[[Showing], AbstractContextManager[Callable[[Finished], None]]]


@contextmanager
def unseen(showing: Showing) -> Iterator[Callable[[Finished], None]]:
    """Show the frames to nobody."""
    yield lambda shown: None


@dataclass(frozen=True, eq=False)
class Synthesis:
    """What the second pass leaves beside the file."""

    watch: ResultWatch  # what to check in the file
    sound: SoundStream  # what was written beside the pictures
    judged: Judged  # what looks doubtful
    edited: int  # frames
    statement: Statement  # what the file says of its making
    resumed: int  # frames that were there from an earlier run
    marking: Marking | None = None


def dub(
    clip: Clip,
    voice: SoundSource,
    output: Path,
    options: DubOptions,
    networks: NetworkProvider,
    progress: StageProgress = quiet,
    show: Show = unseen,
) -> Dubbed:
    """Give the clip's speaker a new voice.

    clip:     a clip or a still picture, from `video.open_clip`
    voice:    a sound file, or samples
    output:   the file to write; its suffix names the container
    networks: lends what finds faces, and the paper's networks where they are used
    progress: called with a stage's name, gives what is told how far the stage is; may raise to stop the work
    show:     looks at the finished frames while they are written
    raises:   InputError, OptionError, NoFaceError, CheckpointError; what was at `output` is untouched then

    Once the file is finished it stays, whatever happens: a look at it that fails is told in the report, and
    a KeyboardInterrupt from then on says in words that the file is there.
    """
    records = _refuse_early(clip, output, options)
    with (
        finished(output, "only the look at it was stopped"),
        begin_session(clip, voice, options, networks, progress) as session,
    ):
        analysis = analyse(session)
        marking = plan_marking(session, analysis, _codec(clip, options))
        made = synthesise(session, analysis, output, show, marking)
        with finished(output, "but is neither signed nor remembered"):
            told = finish(output, made.statement, records, files_of(session))
        return _sum_up(session, analysis, made, output, told)


def _refuse_early(clip: Clip, output: Path, options: DubOptions) -> Records:
    """Raise what writing the result would raise, before the minutes that it takes to come so far.

    Gives back what signs it and where it is remembered.
    """
    check_video_place(output, options.codec)
    VideoWriter(
        output,
        clip.size,
        codec=_codec(clip, options),
        hardware=options.hardware,
        quality=options.quality,
        bit_depth=clip.bit_depth,
    )
    check_protected(clip, options.protect)
    read_key(options.mark_key)
    if options.mark_perth and options.mark != "off":
        check_perth()
    if options.soundtrack is not None:
        SoundStream(options.soundtrack, 0, 1)
    return options.records or open_records(given=options.certificate)


def _codec(clip: Clip, options: DubOptions) -> Codec:
    """What the result is encoded with."""
    return codec_for(options.codec, clip.bit_depth, two_moments=written_as(clip) in KEPT)


def synthesise(
    session: Session,
    analysis: Analysis,
    output: Path,
    show: Show = unseen,
    marking: Marking | None = None,
) -> Synthesis:
    """Second pass: edit and write frame by frame."""
    timeline, progress = analysis.timeline, session.progress("dub")
    track, rows = analysis.tracked.track, analysis.plan.rows
    watch = ResultWatch(track, rows, timeline.times)
    doubts = DoubtWatch(track, rows, timeline.times, timeline.end, session.faces)
    engine = make_engine(session, analysis, progress)
    edited, options = 0, session.options
    heard = session.voice if options.soundtrack is None else options.soundtrack
    change = marking.mark_sound if marking is not None and (marking.sound or marking.perth) else None
    sound = SoundStream(heard, options.start, timeline.end, change)
    frame_marker = None if marking is None else marking.frame
    statement = make_statement(session, analysis, marking)
    showing = Showing(session.choice.engine, analysis.clip, timeline, sound)
    with (
        session.timed("dub"),
        _writer(session, analysis, sound, output, marking, statement) as writer,
        show(showing) as see,
    ):
        for shown in tidied(finished_frames(session, analysis, engine, progress, marking)):
            watch.see(shown.index, shown.before, shown.after, shown.patch)
            doubts.see(shown.index, shown.before, shown.after, shown.patch)
            time, after = timeline.times[shown.index], shown.after
            if frame_marker is not None:
                after = frame_marker.mark(after[:, :], float(time))
            writer.write(after, time, timeline.durations[shown.index])
            edited += shown.patch is not None
            see(shown)
    return Synthesis(watch, sound, doubts.judged(), edited, statement, engine.resumed, marking)


def _writer(
    session: Session,
    analysis: Analysis,
    sound: SoundStream,
    output: Path,
    marking: Marking | None,
    statement: Statement,
) -> VideoWriter:
    clip, timeline, options = analysis.clip, analysis.timeline, session.options
    # Metadata comes before the pictures, so this is the report without what they cost and showed.
    edited = int((analysis.plan.show > 0).sum())
    report = make_report(session, analysis, output.name, edited, finished=False, marking=marking)
    return VideoWriter(
        output,
        clip.size,
        rate=timeline.rate,
        tick=exact_tick(timeline.times, timeline.end),
        codec=_codec(clip, options),
        hardware=options.hardware,
        quality=options.quality,
        bit_depth=clip.bit_depth,
        color=clip.color,
        sound=sound,
        pixel_aspect=clip.pixel_aspect,
        interlacing=written_as(clip),
        light=clip.light,
        metadata={
            "comment": f"{f'{PREVIEW_WORDS}. ' if report.preview else ''}The speaker's voice was replaced "
            f"and the lips were made to follow it. ReTalk {__version__}, engine {report.engine} "
            f"({report.engine_note})."
            f"{f' Marked: {report.mark}.' if report.mark else ''}",
            "retalk": report.to_json(),
            TAG: statement.to_json(),
        },
    )


@contextmanager
def finished(output: Path, missing: str) -> Iterator[None]:
    """Once a result has appeared in the block, being stopped is told with its name and with what is missing.

    A stop that has words of its own keeps them. The disk is asked, since a stop comes between any two steps.
    """
    before = _identity(output)
    try:
        yield
    except KeyboardInterrupt as stop:
        if str(stop) or _identity(output) in (None, before):
            raise
        raise KeyboardInterrupt(f"{output} is finished, {missing}") from stop


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from one that replaces it; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _sum_up(session: Session, analysis: Analysis, made: Synthesis, output: Path, told: Signature) -> Dubbed:
    """Look at the finished file again, where that is wished, and tell what there is to say."""
    checked, fault = _check(session, analysis, made, output) if session.options.check else (None, "")
    report = make_report(
        session, analysis, str(output), made.edited, resumed=made.resumed, marking=made.marking
    )
    if fault:
        report.warnings.insert(0, fault)
    report.signed = told.signed
    report.measured = checked.measured if checked else None
    report.warnings = list(dict.fromkeys([*report.warnings, *made.sound.notes, *told.notes]))
    report.tell_doubts(made.judged)
    sheet = draw_sheet(made.watch.mouths, made.watch.worst)
    scene = scene_of(session, analysis, report, checked)
    faces = None
    if session.options.track is None and analysis.tracked.faces_seen.max() > 1:
        faces = choice_of_faces(analysis.clip, analysis.tracked, session.faces, analysis.first)
    track = whole_track(analysis.tracked.track, analysis.clip.times, analysis.first)
    return Dubbed(report, draw_chart(scene), sheet, scene, track, faces)


def _check(session: Session, analysis: Analysis, made: Synthesis, output: Path) -> tuple[Checked | None, str]:
    """What a look at the finished file shows, or why it failed, in words."""
    progress = _Listening(session.progress("check"))
    try:
        with session.timed("check"):
            return check_result(output, made.watch, session.faces.mesh, analysis.loudness, progress), ""
    except FAULTS as error:
        if progress.stopped:
            raise
        return None, f"the finished file could not be looked at again, so play it before you use it: {error}"


class _Listening:
    """Hands progress on, and remembers whether the listener stopped the work."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self.stopped = False

    def __call__(self, done: int, total: int | None) -> None:
        try:
            self._tell(done, total)
        except BaseException:
            self.stopped = True
            raise
