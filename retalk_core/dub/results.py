"""Sum up a dub: the report, the chart and the sheet."""

from __future__ import annotations

import numpy as np

from ..reports.charts import Scene, draw_chart
from ..reports.check import Checked
from ..reports.report import Report, stretches
from .analysis import Analysis
from .session import Session


def make_report(
    session: Session, analysis: Analysis, output: str, edited: int, *, resumed: int = 0, finished: bool = True
) -> Report:
    """What there is to say, but for what only the finished file can show.

    output:   the file's path, or what else the result is called
    edited:   how many frames were edited, or are about to be
    resumed:  how many were taken over from an earlier run
    finished: whether it is known by now what the work cost
    """
    choice, timeline, tracked = session.choice, analysis.timeline, analysis.tracked
    spent = session.spent if finished else {}
    return Report(
        output=output,
        engine=choice.engine,
        engine_note=choice.note,
        frame_size=analysis.clip.size,
        frames_in=len(analysis.clip.times),
        frames_out=len(timeline),
        frames_edited=edited,
        seconds_out=float(timeline.end),
        faces_seen=int(tracked.faces_seen.max()),
        untouched=stretches(timeline.times, timeline.end, analysis.reasons, analysis.shot),
        warnings=_warnings(session, analysis),
        seconds={stage: round(seconds, 2) for stage, seconds in spent.items()},
        mouth_source=analysis.drive.source if choice.engine == "embedded" else "the voice's mel spectrogram",
        preset=choice.preset or "",
        networks=session.networks.describe() if finished and choice.engine == "retalk" else {},
        lacking=list(choice.lacking),
        refused=dict(choice.refused),
        frames_resumed=resumed,
    )


def _warnings(session: Session, analysis: Analysis) -> list[str]:
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
    if session.choice.engine == "embedded" and session.options.stages is not None:
        found.append("the stages that were asked for are the engine retalk's: the embedded engine has none")
    if session.choice.engine == "embedded" and session.options.work_dir is not None:
        found.append("nothing was kept for resuming: the embedded engine begins anew in less time")
    stages = session.choice.stages
    if stages and stages.neutralise and session.networks.file("expression") is None:
        found += session.networks.refused("expression")
    if not analysis.drive.speaking.any():
        found.append("no speech was heard in the voice: the mouth stays shut")
    return found


def chart_of(session: Session, analysis: Analysis, report: Report, checked: Checked | None) -> np.ndarray:
    """Loudness, mouth and untouched stretches over time, (h, w, 3) uint8 RGB."""
    scene = Scene(
        times=np.array([float(time) for time in analysis.timeline.times]),
        loudness=analysis.loudness,
        wanted=analysis.plan.opening if session.choice.engine == "embedded" else None,
        seen=checked.opening if checked else None,
        cuts=np.flatnonzero(np.diff(analysis.shot)) + 1,
        untouched=report.untouched,
    )
    return draw_chart(scene)
