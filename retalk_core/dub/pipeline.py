"""From a clip and a voice to a clip whose lips follow that voice: analyse, then synthesise.

Both passes stream. What is kept is small: the face's track, what the engine must know of it, a few pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..compute.provider import NetworkProvider
from ..media.clip import Clip, written_as
from ..media.sound import SoundSource, SoundStream
from ..media.writer import VideoWriter
from ..reports.charts import draw_sheet
from ..reports.check import FAULTS, Checked, ResultWatch, check_result
from ..reports.doubts import DoubtWatch, Judged
from ..reports.report import Report
from ..times import exact_tick
from ..types import Progress
from ..version import __version__
from .analysis import Analysis, analyse
from .options import DubOptions
from .results import chart_of, make_report
from .session import Session, StageProgress, begin_session, quiet
from .stream import check_protected, finished_frames, make_engine


@dataclass(frozen=True, eq=False)
class Dubbed:
    """A finished dub."""

    report: Report
    chart: np.ndarray  # (h, w, 3) uint8 RGB: loudness, mouth, untouched stretches over time
    sheet: np.ndarray  # (h, w, 3) uint8 RGB: mouths before and after


@dataclass(frozen=True, eq=False)
class Synthesis:
    """What the second pass leaves beside the file."""

    watch: ResultWatch  # what to check in the file
    sound: SoundStream  # what was written beside the pictures
    judged: Judged  # what looks doubtful
    edited: int  # frames
    resumed: int  # frames that were there from an earlier run


def dub(
    clip: Clip,
    voice: SoundSource,
    output: Path,
    options: DubOptions,
    networks: NetworkProvider,
    progress: StageProgress = quiet,
    show: Callable[[np.ndarray], None] | None = None,
) -> Dubbed:
    """Give the clip's speaker a new voice.

    clip:     a clip or a still picture, from `video.open_clip`
    voice:    a sound file, or samples
    output:   the file to write; its suffix names the container
    networks: lends what finds faces, and the paper's networks where they are used
    progress: called with a stage's name, gives what is told how far the stage is; may raise to stop the work
    show:     is handed each finished frame (H, W, 3), to look at only
    raises:   InputError, OptionError, NoFaceError, CheckpointError; what was at `output` is untouched then

    Once the file is finished it stays, whatever happens: a look at it that fails is told in the report, and
    a KeyboardInterrupt from then on says in words that the file is there.
    """
    _refuse_early(clip, output, options)
    with begin_session(clip, voice, options, networks, progress) as session:
        analysis = analyse(session)
        made = synthesise(session, analysis, output, show)
        with finished(output, "only the look at it was stopped"):
            return _sum_up(session, analysis, made, output)


def _refuse_early(clip: Clip, output: Path, options: DubOptions) -> None:
    """Raise what writing the result would raise, before the minutes that it takes to come so far."""
    VideoWriter(output, clip.size, codec=options.codec, quality=options.quality)
    check_protected(clip, options.protect)
    if options.soundtrack is not None:
        SoundStream(options.soundtrack, 0, 1)


def synthesise(
    session: Session, analysis: Analysis, output: Path, show: Callable[[np.ndarray], None] | None = None
) -> Synthesis:
    """Second pass: edit and write frame by frame."""
    timeline, progress = analysis.timeline, session.progress("dub")
    track, rows = analysis.tracked.track, analysis.plan.rows
    watch = ResultWatch(track, rows, timeline.times)
    doubts = DoubtWatch(track, rows, timeline.times, timeline.end, session.faces)
    engine = make_engine(session, analysis, progress)
    edited, options = 0, session.options
    heard = session.voice if options.soundtrack is None else options.soundtrack
    sound = SoundStream(heard, options.start, timeline.end)
    with session.timed("dub"), _writer(session, analysis, sound, output) as writer:
        for shown in finished_frames(session, analysis, engine, progress=progress):
            watch.see(shown.index, shown.before, shown.after, shown.patch)
            doubts.see(shown.index, shown.before, shown.after, shown.patch)
            writer.write(shown.after, timeline.times[shown.index], timeline.durations[shown.index])
            edited += shown.patch is not None
            if show is not None:
                show(shown.after)
    return Synthesis(watch, sound, doubts.judged(), edited, engine.resumed)


def _writer(session: Session, analysis: Analysis, sound: SoundStream, output: Path) -> VideoWriter:
    clip, timeline, options = analysis.clip, analysis.timeline, session.options
    # Metadata comes before the pictures, so this is the report without what they cost and showed.
    edited = int((analysis.plan.show > 0).sum())
    report = make_report(session, analysis, output.name, edited, finished=False)
    return VideoWriter(
        output,
        clip.size,
        rate=timeline.rate,
        tick=exact_tick(timeline.times, timeline.end),
        codec=options.codec,
        quality=options.quality,
        bit_depth=clip.bit_depth,
        color=clip.color,
        sound=sound,
        pixel_aspect=clip.pixel_aspect,
        interlacing=written_as(clip),
        light=clip.light,
        metadata={
            "comment": f"The speaker's voice was replaced and the lips were made to follow it. "
            f"ReTalk {__version__}, engine {report.engine} ({report.engine_note}).",
            "retalk": report.to_json(),
        },
    )


@contextmanager
def finished(output: Path, missing: str) -> Iterator[None]:
    """What comes when the file is there: being stopped is told with its name, and with what is missing."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"{output} is finished, {missing}") from stop


def _sum_up(session: Session, analysis: Analysis, made: Synthesis, output: Path) -> Dubbed:
    """Look at the finished file again, where that is wished, and tell what there is to say."""
    checked, fault = _check(session, analysis, made, output) if session.options.check else (None, "")
    report = make_report(session, analysis, str(output), made.edited, resumed=made.resumed)
    if fault:
        report.warnings.insert(0, fault)
    report.measured = checked.measured if checked else None
    report.warnings = list(dict.fromkeys([*report.warnings, *made.sound.notes]))
    report.tell_doubts(made.judged)
    sheet = draw_sheet(made.watch.mouths, made.watch.worst)
    return Dubbed(report, chart_of(session, analysis, report, checked), sheet)


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
