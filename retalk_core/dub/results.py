"""Sum up a dub: the report, the chart and the sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...models.catalog import catalog
from ..fields import Option, changed, options_of
from ..files import sha256_of
from ..marks.cells.payload import PICTURE_BITS
from ..marks.cells.spectrum import SOUND_BITS
from ..marks.identity import mark_id
from ..marks.plan import Marking
from ..media.clip import written_as
from ..media.color import LightLevels
from ..media.fields import KEPT
from ..media.sound import SoundArray
from ..provenance.finish import Files
from ..provenance.statement import Statement, id_word
from ..reports.charts import Scene
from ..reports.check import Checked
from ..reports.report import Report, stretches
from ..stages.options import Stages
from ..version import __version__
from .analysis import Analysis
from .options import DubOptions
from .remember import job_parts
from .session import Session


def make_report(
    session: Session,
    analysis: Analysis,
    output: str,
    edited: int,
    *,
    resumed: int = 0,
    finished: bool = True,
    marking: Marking | None = None,
) -> Report:
    """What there is to say, but for what only the finished file can show.

    output:   the file's path, or what else the result is called
    edited:   how many frames were edited, or are about to be
    resumed:  how many were taken over from an earlier run
    finished: whether it is known by now what the work cost
    marking:  what the result is marked with
    """
    choice, timeline, tracked = session.choice, analysis.timeline, analysis.tracked
    spent = session.spent if finished else {}
    return Report(
        output=output,
        engine=choice.engine,
        engine_note=choice.note,
        preview=choice.engine == "embedded",
        frame_size=analysis.clip.size,
        frames_in=len(analysis.clip.times),
        frames_out=len(timeline),
        frames_edited=edited,
        seconds_out=float(timeline.end),
        faces_seen=int(tracked.faces_seen.max()),
        people_seen=tracked.people,
        untouched=stretches(timeline.times, timeline.end, analysis.reasons, analysis.shot),
        warnings=_warnings(session, analysis),
        seconds={stage: round(seconds, 2) for stage, seconds in spent.items()},
        mouth_source=analysis.drive.source if choice.engine == "embedded" else "the voice's mel spectrogram",
        preset=choice.preset or "",
        networks=_computed(session) if finished and choice.engine == "retalk" else {},
        lacking=list(choice.lacking),
        refused=dict(choice.refused),
        frames_resumed=resumed,
        mark="" if marking is None else marking.words,
        mark_id="" if marking is None else f"{marking.number:016x}",
        marks_before=() if marking is None else marking.before,
    )


def make_statement(session: Session, analysis: Analysis, marking: Marking | None) -> Statement:
    """How the dub is made, without names, paths and moments."""
    choice, options, networks = session.choice, session.options, session.networks
    if marking is not None:
        number = marking.number
    else:
        number = mark_id(job_parts(session.clip, session.voice, options, choice, networks))
    made_of = files_of(session)
    return Statement(
        id=id_word(number),
        version=__version__,
        engine=choice.engine,
        preset=choice.preset or "",
        generative=choice.engine != "embedded",
        frames=len(analysis.timeline),
        edited=int((analysis.plan.show > 0).sum()),
        clip=sha256_of(made_of.clip) if made_of.clip else "",
        voice=sha256_of(made_of.voice) if made_of.voice else "",
        picture_bits=PICTURE_BITS if marking is not None and marking.picture else 0,
        sound_bits=SOUND_BITS if marking is not None and marking.sound else 0,
        weights={key: networks.identity(key) for key in choice.borrowed},
        options=_chosen(options, DubOptions()) | _chosen(choice.stages, Stages.of(options.preset)),
    )


def files_of(session: Session) -> Files:
    """The clip's and the voice's files, where they are files."""
    clip, voice = session.clip.path, session.voice
    heard = None if isinstance(voice, SoundArray) else Path(voice)
    return Files(clip if clip.is_file() else None, heard)


def _chosen(options: Any, plain: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass of options
    """Options that differ from the plain ones and say nothing of a person: no text, no path, no picture."""
    if options is None:
        return {}
    holder: type = type(options)
    asked = [each for each in options_of(holder) if each.kind not in ("transcript", "text", "path")]
    pairs = ((each.name, _told(getattr(options, each.name)), getattr(plain, each.name)) for each in asked)
    return {name: value for name, value, usual in pairs if value != _told(usual)}


def _told(value: object) -> Any:  # noqa: ANN401 - plain
    """An option's value as JSON has it; None for what isn't told."""
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _told(each) for name, each in value.items()}
    if isinstance(value, tuple) and all(isinstance(each, Fraction | tuple) for each in value):
        return [_told(each) for each in value]
    return None


def _computed(session: Session) -> dict[str, Any]:
    """What computed how: device, precision, files, and how many pictures at a time."""
    return {**session.networks.describe(), "batches": dict(session.batches.chosen)}


def _warnings(session: Session, analysis: Analysis) -> list[str]:
    clip, tracked = analysis.clip, analysis.tracked
    found = list(clip.notes)
    if clip.damaged:
        found.append(
            f"{len(clip.damaged)} frames of the clip could not be decoded; each shows the frame before it"
        )
    height, width = clip.size
    if height % 2 or width % 2:
        found.append(f"{width}x{height} is odd: the encoder repeats the last row or column where it must")
    found += _interlaced(session, analysis)
    if clip.light != LightLevels() and session.options.codec in ("prores", "ffv1"):
        found.append(
            f"HDR10's mastering display and light levels can't be written with {session.options.codec}: set "
            "them when it is exported, or choose h264 or hevc"
        )
    if tracked.filled.any():
        found.append(f"the face was hidden in {int(tracked.filled.sum())} frames and was filled in between")
    found += _covered(analysis)
    if analysis.boxes is not None and analysis.boxes.inferred.any():
        missed, shown = int(analysis.boxes.inferred.sum()), int(tracked.track.present.sum())
        found.append(f"S3FD did not see the face in {missed} of {shown} frames: they are framed by the track")
    found += _unheeded(session)
    found += session.choice.hints
    if session.choice.engine == "embedded" and session.options.work_dir is not None:
        found.append("nothing was kept for resuming: the embedded engine begins anew in less time")
    found += analysis.notes
    for key, fewer in session.batches.fewest.items():
        found.append(
            f"memory ran out: {catalog[key].title} saw {fewer} pictures at a time at the least instead of "
            f"{session.batches.chosen[key]}, and in reduced precision pixels may differ by a few levels from "
            f"those of a run with room"
        )
    stages = session.choice.stages
    if stages and stages.calms and session.networks.file("expression") is None:
        found += session.networks.refused("expression")
    if not analysis.drive.speaking.any():
        found.append("no speech was heard in the voice: the mouth stays shut")
    return found


def _covered(analysis: Analysis) -> Iterator[str]:
    """What to say where something lies before the mouth."""
    covered = analysis.reasons.count("mouth covered")
    if covered and not (analysis.plan.show > 0).any():
        yield (
            f"the mouth is covered in {covered} of {len(analysis.reasons)} frames and is nowhere seen: "
            "nothing was edited. If it is free, choose the face (--face-at, or Detect Faces), or dub as if "
            "nothing lay before it (--no-covers)"
        )


def _interlaced(session: Session, analysis: Analysis) -> list[str]:
    """What to say of a clip whose frames show two moments each."""
    clip, source = analysis.clip, np.array(analysis.timeline.source)
    if clip.interlacing == "undone":
        return ["deinterlaced: the lines of each frame showed two moments, and now show one"]
    if clip.interlacing not in KEPT:
        if session.options.deinterlace:
            return ["the clip was to be deinterlaced, but is a still picture or pictures in memory"]
        return []
    kept = f"both are kept, {clip.interlacing} field first"
    if written_as(clip) == "none":
        kept = "the clip is turned on its side, so the file can't say so and is called progressive"
    told = [
        f"interlaced: the lines of each frame show two moments; {kept}; the mouth is made for one of them: "
        "if it frays where the head moves, deinterlace the clip"
    ]
    if (np.diff(source) < 0).any():
        told.append("interlaced: where the clip is played backwards, the two moments of a frame still go on")
    return told


def _unheeded(session: Session) -> Iterator[str]:
    """Choices that the engine that ran does without."""
    options, engine = session.options, session.choice.engine
    others = [each for each in options_of(DubOptions) if each.engine not in ("", engine)]
    # Off, or nothing, is what an engine does anyway that knows no such thing.
    vain = [each for each in others if getattr(options, each.name) not in (None, False, each.default)]
    if engine == "embedded":  # it has no stages
        vain += changed(options.chosen_stages, Stages.of(options.preset))
    yield from not_heeded(engine, vain)


def not_heeded(engine: str, vain: Sequence[Option]) -> Iterator[str]:
    """A note that names options which were chosen in vain; none where there are none."""
    if vain:
        names = ", ".join(each.name.replace("_", " ") for each in vain)
        yield f"not heeded, since the engine {engine} does without: {names}"


def scene_of(session: Session, analysis: Analysis, report: Report, checked: Checked | None) -> Scene:
    """Loudness, mouth and untouched stretches over time, to be drawn."""
    return Scene(
        times=np.array([float(time) for time in analysis.timeline.times]),
        loudness=analysis.loudness,
        wanted=analysis.plan.opening if session.choice.engine == "embedded" else None,
        seen=checked.opening if checked else None,
        cuts=np.flatnonzero(np.diff(analysis.shot)) + 1,
        untouched=report.untouched,
    )
