"""From a clip and a voice to a clip whose lips follow that voice: analyse, then synthesise.

Both passes stream. What is kept is small: the face's track, what the engine must know of it, a few pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from .batches import device_of
from .charts import Scene, draw_chart, draw_sheet
from .check import Checked, ResultWatch, check_result
from .engine import LipsPlan, RetalkEngine
from .engines import EngineChoice, choose_engine
from .errors import OptionError
from .face_boxes import FaceBoxes, find_boxes
from .faces import FaceNetworks, TrackedFace, track_faces
from .jobs import Job
from .likeness import Likeness, learn_likeness, wanted_expression
from .memory import batch_size_for, free_memory
from .mouth.drive import MouthDrive, mouth_drive, sample_drive
from .mouth.engine import EmbeddedEngine, MouthPlan
from .networks import FACE_NETWORKS, NetworkProvider
from .options import DubOptions
from .patches import Patch, paste_patch, spare
from .report import Report, stretches
from .resume import open_job, remembered_boxes, remembered_likeness, remembered_track
from .sound import SoundSource, SoundStream, read_mono
from .speech import SAMPLE_RATE, log_mel
from .strength import edit_strength
from .timeline import Timeline, exact_tick, plan_timeline
from .track_edits import part_of_track, tracked_face
from .types import FaceTrack, Frame, Progress, silent
from .video import Clip, prefetch
from .video_writer import VideoWriter

StageProgress = Callable[[str], Progress]


def quiet(stage: str) -> Progress:
    """Tell nobody how far a stage is."""
    return silent


class Engine(Protocol):
    """Edits a stream of frames."""

    name: str

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        """Pair each output frame, in order, with the pixels to put into it (None: it stays as it is)."""
        ...


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that synthesis needs to know of a clip and a voice."""

    choice: EngineChoice
    clip: Clip
    timeline: Timeline
    first: int  # the clip's frame that the track begins with
    tracked: TrackedFace
    drive: MouthDrive
    plan: MouthPlan
    loudness: np.ndarray  # (T,) 0..1 in each output frame
    reasons: tuple[str, ...]  # T; why an output frame is left alone, or ""
    mel: Tensor | None  # (80, columns) log-mel spectrogram of what is said, where the engine listens to it
    boxes: FaceBoxes | None  # where the engine frames faces by a detector
    likeness: Likeness | None  # where the engine neutralises expressions

    @property
    def shot(self) -> np.ndarray:
        """The shot (T,) that each output frame belongs to."""
        return self.tracked.track.shot.numpy()[self.plan.rows]

    def frames_at(self, rows: Sequence[int]) -> Iterable[Frame]:
        """Decode the frames of the given rows of the track, in rising order."""
        return self.clip.frames([self.first + row for row in rows])


@dataclass(frozen=True, eq=False)
class Dubbed:
    """A finished dub."""

    report: Report
    chart: np.ndarray  # (h, w, 3) uint8 RGB: loudness, mouth, untouched stretches over time
    sheet: np.ndarray  # (h, w, 3) uint8 RGB: mouths before and after


@dataclass(frozen=True, eq=False)
class Notes:
    """What is noted while the work goes on: seconds for each stage."""

    spent: dict[str, float]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time inside the block to a stage's."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = self.spent.get(stage, 0.0) + time.perf_counter() - begun


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
    raises:   InputError, OptionError, NoFaceError, CheckpointError; nothing is left at `output` then
    """
    _refuse_early(clip, output, options)
    notes = Notes({})
    choice = choose_engine(options, networks)
    with borrow_faces(networks) as faces, open_job(clip, voice, options, choice, networks) as job:
        analysis = analyse(
            clip, voice, options, faces, progress, notes, choice=choice, networks=networks, job=job
        )
        tell = progress("dub")
        engine = make_engine(analysis, options, networks, tell, notes, job)
        with notes.timed("dub"):
            watch, edited = synthesise(analysis, engine, voice, output, options, tell, show)
        checked = None
        if options.check:
            try:
                with notes.timed("check"):
                    checked = check_result(output, watch, faces.mesh, analysis.loudness, progress("check"))
            except BaseException:  # stopped: as at any other time, nothing is left
                output.unlink(missing_ok=True)
                raise
    return _conclude(analysis, engine, networks, output, watch, edited, checked, notes)


def _refuse_early(clip: Clip, output: Path, options: DubOptions) -> None:
    """Raise what writing the result would raise, before the minutes that it takes to come so far."""
    VideoWriter(output, clip.size, codec=options.codec, quality=options.quality)
    if options.soundtrack is not None:
        SoundStream(options.soundtrack, 0, 1)


def analyse(
    clip: Clip,
    voice: SoundSource,
    options: DubOptions,
    faces: FaceNetworks,
    progress: StageProgress = quiet,
    notes: Notes | None = None,
    *,
    choice: EngineChoice | None = None,
    networks: NetworkProvider | None = None,
    job: Job | None = None,
) -> Analysis:
    """First pass: plan which frame is shown when, follow the face, listen to the voice.

    choice:   None for the embedded engine
    networks: lends what the engine's first pass needs: the 3DMM regressor, a detector
    job:      remembers what the first pass finds, and gives it back
    """
    notes = notes or Notes({})
    choice = choice or EngineChoice("embedded", EmbeddedEngine.note)
    with notes.timed("listen"):
        samples = read_mono(voice, SAMPLE_RATE)
        timeline = _plan(clip, Fraction(len(samples), SAMPLE_RATE), options)
        begin = round(options.start * SAMPLE_RATE)
        spoken = samples[begin : begin + max(round(timeline.voice_end * SAMPLE_RATE), 1)]
        phones = options.phones if choice.engine == "embedded" else False
        drive = mouth_drive(spoken, phones=phones, progress=progress("listen"))
        mel = log_mel(torch.from_numpy(spoken)) if choice.engine == "retalk" else None
    first, last = min(timeline.source), max(timeline.source)
    with notes.timed("track"):
        tracked = remembered_track(
            job, lambda: _follow(clip, range(first, last + 1), options, faces, progress("track"))
        )
    boxes = likeness = None
    if choice.stages is not None and choice.stages.face_boxes == "s3fd":
        assert networks is not None
        with notes.timed("frame"):
            boxes = _frame(clip, first, tracked.track, networks, progress("frame"), job)
    if choice.stages is not None and choice.stages.neutralise:
        assert networks is not None
        with notes.timed("fit"):
            likeness = _learn(clip, first, tracked, choice, options, networks, faces, progress, job)
    opening, width, loudness, speaking = sample_drive(drive, timeline.times)
    rows = np.array(timeline.source) - first
    show, reasons = edit_strength(tracked, rows, timeline, speaking, options)
    plan = MouthPlan(rows, opening, width, speaking, show)
    return Analysis(
        choice, clip, timeline, first, tracked, drive, plan, loudness, reasons, mel, boxes, likeness
    )


def _follow(
    clip: Clip, shown: range, options: DubOptions, faces: FaceNetworks, progress: Progress
) -> TrackedFace:
    """The face in the clip's frames that are shown: as it was given, or found."""
    if options.track is not None:
        return _given_track(options.track, clip, shown)
    return track_faces(
        prefetch(clip.frames(shown)),
        faces,
        choice=options.face,
        smoothing=options.smoothing,
        frame_count=len(shown),
        progress=progress,
    )


def _given_track(track: FaceTrack, clip: Clip, shown: range) -> TrackedFace:
    """The part of a given track that is shown. Raises OptionError where it is another clip's."""
    if len(track) != len(clip) or track.frame_size != clip.size:
        sizes = [f"{width}x{height}" for height, width in (track.frame_size, clip.size)]
        raise OptionError(
            f"The face track is of {len(track)} frames of {sizes[0]}, but the clip has {len(clip)} of "
            f"{sizes[1]}. Make the track from this clip."
        )
    return tracked_face(part_of_track(track, slice(shown.start, shown.stop)))


def _frame(
    clip: Clip,
    first: int,
    track: FaceTrack,
    networks: NetworkProvider,
    progress: Progress,
    job: Job | None,
) -> FaceBoxes:
    """The face's boxes, as S3FD draws them."""

    def find() -> FaceBoxes:
        frames = prefetch(clip.frames(range(first, first + len(track))))
        with networks.borrow("s3fd") as detector:
            return find_boxes(frames, track, detector, progress)

    return remembered_boxes(job, find)


def _learn(
    clip: Clip,
    first: int,
    tracked: TrackedFace,
    choice: EngineChoice,
    options: DubOptions,
    networks: NetworkProvider,
    faces: FaceNetworks,
    progress: StageProgress,
    job: Job | None,
) -> Likeness:
    """What D-Net must be told of the clip."""
    assert choice.stages is not None
    frames = prefetch(clip.frames(range(first, first + len(tracked.track))))
    with networks.borrow("face3d") as regressor:
        wanted = wanted_expression(choice.stages, networks.file("expression"), regressor, faces)
        return remembered_likeness(
            job,
            lambda: learn_likeness(
                frames,
                tracked.track,
                regressor,
                wanted,
                batch_size=options.batch or batch_size_for("face3d", free_memory(device_of(regressor))),
                progress=progress("fit"),
            ),
        )


def make_engine(
    analysis: Analysis,
    options: DubOptions,
    networks: NetworkProvider,
    progress: Progress = silent,
    notes: Notes | None = None,
    job: Job | None = None,
) -> Engine:
    """The engine that was chosen, ready to edit the timeline's frames."""
    track, plan, choice = analysis.tracked.track, analysis.plan, analysis.choice
    if choice.stages is None:
        return EmbeddedEngine(track, plan, analysis.frames_at, analysis.clip.bit_depth)
    assert analysis.mel is not None
    return RetalkEngine(
        track,
        LipsPlan(plan.rows, plan.show, analysis.timeline.times, analysis.mel),
        analysis.likeness,
        analysis.frames_at,
        networks,
        choice.stages,
        restorer=choice.restorer,
        batch=options.batch,
        job=job,
        face_boxes=analysis.boxes.boxes if analysis.boxes is not None else None,
        smooth_boxes=options.smoothing != "none",
        timed=notes.timed if notes is not None else lambda stage: nullcontext(),
        progress=progress,
    )


def synthesise(
    analysis: Analysis,
    engine: Engine,
    voice: SoundSource,
    output: Path,
    options: DubOptions,
    progress: Progress = silent,
    show: Callable[[np.ndarray], None] | None = None,
) -> tuple[ResultWatch, int]:
    """Second pass: edit and write frame by frame; returns what to check, and how many were edited."""
    timeline = analysis.timeline
    watch = ResultWatch(analysis.tracked.track, analysis.plan.rows, timeline.times)
    edited = 0
    with _writer(analysis, engine, voice, output, options) as writer:
        for i, (frame, patch) in enumerate(edited_frames(analysis, engine, options)):
            pixels = frame.pixels
            if patch is not None:
                pixels = pixels.copy()  # the clip may show this frame again
                paste_patch(pixels, patch)
                edited += 1
            watch.see(i, frame.pixels, pixels, patch)
            writer.write(pixels, timeline.times[i], timeline.durations[i])
            progress(i + 1, len(timeline))
            if show is not None:
                show(pixels)
    return watch, edited


def edited_frames(
    analysis: Analysis, engine: Engine, options: DubOptions
) -> Iterator[tuple[Frame, Patch | None]]:
    """Each output frame, in order, with what is put into it (None: nothing), protected pixels left out."""
    frames = prefetch(analysis.clip.frames(analysis.timeline.source))
    for frame, patch in engine.edits(frames):
        if patch is not None and options.protect is not None:
            patch = spare(patch, frame.pixels, options.protect, frame.index)
        yield frame, patch


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


def _writer(
    analysis: Analysis, engine: Engine, voice: SoundSource, output: Path, options: DubOptions
) -> VideoWriter:
    clip, timeline = analysis.clip, analysis.timeline
    heard = voice if options.soundtrack is None else options.soundtrack
    return VideoWriter(
        output,
        clip.size,
        rate=timeline.rate,
        tick=exact_tick(timeline.times, timeline.end),
        codec=options.codec,
        quality=options.quality,
        bit_depth=clip.bit_depth,
        color=clip.color,
        sound=SoundStream(heard, options.start, timeline.end),
        pixel_aspect=clip.pixel_aspect,
        metadata={
            "comment": f"The speaker's voice was replaced and the lips were made to follow it. "
            f"ReTalk {__version__}, engine {engine.name} ({analysis.choice.note}).",
            # Metadata comes before the pictures, so this is the report without what they cost and showed.
            "retalk": make_report(
                analysis, engine, output.name, edited=int((analysis.plan.show > 0).sum())
            ).to_json(),
        },
    )


def _conclude(
    analysis: Analysis,
    engine: Engine,
    networks: NetworkProvider,
    output: Path,
    watch: ResultWatch,
    edited: int,
    checked: Checked | None,
    notes: Notes,
) -> Dubbed:
    timeline = analysis.timeline
    report = make_report(analysis, engine, str(output), edited, notes, networks)
    report.measured = checked.measured if checked else None
    scene = Scene(
        times=np.array([float(time) for time in timeline.times]),
        loudness=analysis.loudness,
        wanted=analysis.plan.opening if analysis.choice.engine == "embedded" else None,
        seen=checked.opening if checked else None,
        cuts=np.flatnonzero(np.diff(analysis.shot)) + 1,
        untouched=report.untouched,
    )
    return Dubbed(report, draw_chart(scene), draw_sheet(watch.mouths))


def make_report(
    analysis: Analysis,
    engine: Engine,
    output: str,
    edited: int,
    notes: Notes | None = None,
    networks: NetworkProvider | None = None,
) -> Report:
    """What there is to say, but for what only the finished file can show.

    output: the file's path, or what else the result is called
    edited: how many frames were edited, or are about to be
    """
    choice, timeline, tracked = analysis.choice, analysis.timeline, analysis.tracked
    spent = notes.spent if notes is not None else {}
    return Report(
        output=output,
        engine=engine.name,
        engine_note=choice.note,
        frame_size=analysis.clip.size,
        frames_in=len(analysis.clip.times),
        frames_out=len(timeline),
        frames_edited=edited,
        seconds_out=float(timeline.end),
        faces_seen=int(tracked.faces_seen.max()),
        untouched=stretches(timeline.times, timeline.end, analysis.reasons, analysis.shot),
        warnings=_warnings(analysis),
        seconds={stage: round(seconds, 2) for stage, seconds in spent.items()},
        mouth_source=analysis.drive.source if choice.engine == "embedded" else "the voice's mel spectrogram",
        preset=choice.preset or "",
        networks=networks.describe() if networks is not None and choice.engine == "retalk" else {},
        lacking=list(choice.lacking),
        frames_resumed=getattr(engine, "resumed", 0),
    )


def _warnings(analysis: Analysis) -> list[str]:
    clip, tracked = analysis.clip, analysis.tracked
    found = []
    if clip.damaged:
        found.append(
            f"{len(clip.damaged)} frames of the clip could not be decoded; each shows the frame before it"
        )
    height, width = clip.size
    if height % 2 or width % 2:
        found.append(f"{width}x{height} is odd: the encoder repeats the last row or column where it must")
    if tracked.filled.any():
        found.append(f"the face was hidden in {int(tracked.filled.sum())} frames and was filled in between")
    if analysis.boxes is not None and analysis.boxes.inferred.any():
        missed, shown = int(analysis.boxes.inferred.sum()), int(tracked.track.present.sum())
        found.append(f"S3FD did not see the face in {missed} of {shown} frames: they are framed by the track")
    if not analysis.drive.speaking.any():
        found.append("no speech was heard in the voice: the mouth stays shut")
    return found


@contextmanager
def borrow_faces(networks: NetworkProvider) -> Iterator[FaceNetworks]:
    """The networks that find and follow faces."""
    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        yield FaceNetworks(*borrowed)
