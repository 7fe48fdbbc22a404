"""From a clip and a voice to a clip whose lips follow that voice: analyse, then synthesise.

Both passes stream. What is kept is small: the face's track, the mouth's drive, a bank of mouth pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from .charts import Scene, draw_chart, draw_sheet
from .check import Checked, ResultWatch, check_result
from .faces import FaceNetworks, TrackedFace, track_faces
from .mouth.drive import MouthDrive, mouth_drive, sample_drive
from .mouth.engine import EmbeddedEngine, MouthPlan
from .networks import FACE_NETWORKS, NetworkProvider
from .options import DubOptions
from .patches import paste_patch
from .report import Report, stretches
from .sound import SoundSource, SoundStream, read_mono
from .speech import SAMPLE_RATE
from .timeline import Timeline, exact_tick, inside, plan_timeline
from .types import Frame, Progress, silent
from .video import Clip, prefetch
from .video_writer import VideoWriter

EASE = 0.12  # seconds in which an edit fades in and out beside frames that are left alone
LONG_PAUSE = 0.5  # seconds without speech that show the original where pauses keep it
LISTEN = 0.3  # seconds after the voice in which the mouth still closes

StageProgress = Callable[[str], Progress]


def quiet(stage: str) -> Progress:
    """Tell nobody how far a stage is."""
    return silent


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


@dataclass(frozen=True, eq=False)
class Dubbed:
    """A finished dub."""

    report: Report
    chart: np.ndarray  # (h, w, 3) uint8 RGB: loudness, mouth, untouched stretches over time
    sheet: np.ndarray  # (h, w, 3) uint8 RGB: mouths before and after


def dub(
    clip: Clip,
    voice: SoundSource,
    output: Path,
    options: DubOptions,
    networks: NetworkProvider,
    progress: StageProgress = quiet,
) -> Dubbed:
    """Give the clip's speaker a new voice.

    clip:     a clip or a still picture, from `video.open_clip`
    voice:    a sound file, or samples
    output:   the file to write; its suffix names the container
    networks: lends the face detector and the face mesh
    progress: called with a stage's name, gives what is told how far the stage is; may raise to stop the work
    raises:   InputError, OptionError, NoFaceError; nothing is left at `output` then
    """
    _refuse_early(clip, output, options)
    spent: dict[str, float] = {}
    with _borrow_faces(networks) as faces:
        analysis = analyse(clip, voice, options, faces, progress, spent)
        with _timed(spent, "dub"):
            watch, edited = synthesise(analysis, voice, output, options, progress("dub"))
        checked = None
        if options.check:
            try:
                with _timed(spent, "check"):
                    checked = check_result(output, watch, faces.mesh, analysis.loudness, progress("check"))
            except BaseException:  # stopped: as at any other time, nothing is left
                output.unlink(missing_ok=True)
                raise
    return _conclude(analysis, output, watch, edited, checked, spent)


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
    spent: dict[str, float] | None = None,
) -> Analysis:
    """First pass: plan which frame is shown when, follow the face, listen to the voice."""
    spent = {} if spent is None else spent
    with _timed(spent, "listen"):
        samples = read_mono(voice, SAMPLE_RATE)
        timeline = _plan(clip, Fraction(len(samples), SAMPLE_RATE), options)
        begin = round(options.start * SAMPLE_RATE)
        spoken = samples[begin : begin + max(round(timeline.voice_end * SAMPLE_RATE), 1)]
        drive = mouth_drive(spoken, phones=options.phones, progress=progress("listen"))
    with _timed(spent, "track"):
        first, last = min(timeline.source), max(timeline.source)
        tracked = track_faces(
            prefetch(clip.frames(range(first, last + 1))),
            faces,
            choice=options.face,
            smoothing=options.smoothing,
            frame_count=last + 1 - first,
            progress=progress("track"),
        )
    opening, width, loudness, speaking = sample_drive(drive, timeline.times)
    rows = np.array(timeline.source) - first
    show, reasons = _edit_strength(tracked, rows, timeline, speaking, options)
    plan = MouthPlan(rows, opening, width, speaking, show)
    return Analysis(clip, timeline, first, tracked, drive, plan, loudness, reasons)


def synthesise(
    analysis: Analysis, voice: SoundSource, output: Path, options: DubOptions, progress: Progress = silent
) -> tuple[ResultWatch, int]:
    """Second pass: edit and write frame by frame; returns what to check, and how many were edited."""
    clip, timeline, track = analysis.clip, analysis.timeline, analysis.tracked.track

    def frames_at(rows: Sequence[int]) -> Iterable[Frame]:
        return clip.frames([analysis.first + row for row in rows])

    engine = EmbeddedEngine(track, analysis.plan, frames_at, clip.bit_depth)
    watch = ResultWatch(track, analysis.plan.rows, timeline.times)
    edited = 0
    with _writer(analysis, voice, output, options) as writer:
        edits = engine.edits(prefetch(clip.frames(timeline.source)))
        for i, (frame, patch) in enumerate(edits):
            pixels = frame.pixels
            if patch is not None:
                pixels = pixels.copy()  # the clip may show this frame again
                paste_patch(pixels, patch)
                edited += 1
            watch.see(i, frame.pixels, pixels, patch)
            writer.write(pixels, timeline.times[i], timeline.durations[i])
            progress(i + 1, len(timeline))
    return watch, edited


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


def _edit_strength(
    tracked: TrackedFace, rows: np.ndarray, timeline: Timeline, speaking: np.ndarray, options: DubOptions
) -> tuple[np.ndarray, tuple[str, ...]]:
    """How far the edit shows in each output frame (T,), and why it doesn't where it doesn't."""
    times = np.array([float(time) for time in timeline.times])
    durations = np.array([float(seconds) for seconds in timeline.durations])
    spoken = times < float(timeline.voice_end) + LISTEN
    wished = np.array([not options.edit_only or inside(options.edit_only, time) for time in timeline.times])
    heard = np.ones(len(times), bool)
    if options.pauses == "keep_original":
        heard = ~_long_pauses(speaking, durations)
    strength = tracked.track.weight.numpy()[rows] * tracked.track.present.numpy()[rows]
    strength = strength * _eased(spoken & wished & heard, durations)
    why = [
        (wished, "outside the ranges to edit"),
        (spoken, "the voice has ended"),
        (heard, "the voice rests"),
    ]
    reasons = []
    for i, row in enumerate(rows.tolist()):
        own = next((text for allowed, text in why if not allowed[i]), "") or tracked.reasons[row]
        reasons.append("" if strength[i] > 0 else own or "fading in or out")
    return strength.astype(np.float32), tuple(reasons)


def _long_pauses(speaking: np.ndarray, durations: np.ndarray) -> np.ndarray:
    pauses = np.zeros(len(speaking), bool)
    for stretch in _stretches(~speaking):
        if durations[stretch].sum() >= LONG_PAUSE:
            pauses[stretch] = True
    return pauses


def _eased(allowed: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """1 where allowed, 0 elsewhere, rising and falling over EASE inside what is allowed."""
    strength = np.zeros(len(allowed))
    for stretch in _stretches(allowed):
        since = np.cumsum(durations[stretch])
        rise = since if stretch.start > 0 else np.full(len(since), np.inf)
        left = since[-1] - since + durations[stretch]
        fall = left if stretch.stop < len(allowed) else np.full(len(since), np.inf)
        share = np.clip(np.minimum(rise, fall) / EASE, 0, 1)
        strength[stretch] = share * share * (3 - 2 * share)
    return strength


def _stretches(flags: np.ndarray) -> Iterator[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from (slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def _writer(analysis: Analysis, voice: SoundSource, output: Path, options: DubOptions) -> VideoWriter:
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
            f"ReTalk {__version__}, engine {EmbeddedEngine.name} ({EmbeddedEngine.note}).",
        },
    )


def _conclude(
    analysis: Analysis,
    output: Path,
    watch: ResultWatch,
    edited: int,
    checked: Checked | None,
    spent: dict[str, float],
) -> Dubbed:
    timeline, tracked = analysis.timeline, analysis.tracked
    shot = tracked.track.shot.numpy()[analysis.plan.rows]
    untouched = stretches(timeline.times, timeline.end, analysis.reasons, shot)
    report = Report(
        output=str(output),
        engine=EmbeddedEngine.name,
        engine_note=EmbeddedEngine.note,
        frame_size=analysis.clip.size,
        frames_in=len(analysis.clip.times),
        frames_out=len(timeline),
        frames_edited=edited,
        seconds_out=float(timeline.end),
        faces_seen=int(tracked.faces_seen.max()),
        untouched=untouched,
        warnings=_warnings(analysis),
        seconds={stage: round(seconds, 2) for stage, seconds in spent.items()},
        measured=checked.measured if checked else None,
        mouth_source=analysis.drive.source,
    )
    scene = Scene(
        times=np.array([float(time) for time in timeline.times]),
        loudness=analysis.loudness,
        wanted=analysis.plan.opening,
        seen=checked.opening if checked else None,
        cuts=np.flatnonzero(np.diff(shot)) + 1,
        untouched=untouched,
    )
    return Dubbed(report, draw_chart(scene), draw_sheet(watch.mouths))


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
    if not analysis.drive.speaking.any():
        found.append("no speech was heard in the voice: the mouth stays shut")
    return found


@contextmanager
def _borrow_faces(networks: NetworkProvider) -> Iterator[FaceNetworks]:
    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        yield FaceNetworks(*borrowed)


@contextmanager
def _timed(spent: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    try:
        yield
    finally:
        spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - begun
