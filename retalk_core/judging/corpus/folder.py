"""Judge a folder: each video by itself, written down as soon as it is done, and all as one corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...compute.provider import NetworkProvider
from ...dub.session import StageProgress, quiet
from ...errors import InputError, RetalkError
from ...files import write_file
from ...media.reader import open_clip
from ..judge import judge
from ..look import SAMPLES
from ..question import Question
from .features import FeatureShelf, PictureFeatures, distances, videos_in
from .intervals import Interval, corpus_values

Row = dict[str, Any]  # what is known of one video, as it is written down


@dataclass(frozen=True, kw_only=True)
class FolderQuestion:
    """Which videos are to be judged, and against what."""

    folder: Path
    sources: Path | None = None  # one for all, or a folder in which their names begin those of the results
    real: Path | None = None  # a folder of real videos, for FID and KID
    frames: int = SAMPLES  # of each video, that are compared with real ones
    report: Path | None = None  # what is written down there is not judged again
    # What else is asked of each video, by the fields of `Question`
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Corpus:
    """What was found about all videos together."""

    rows: tuple[Row, ...]  # of every video; one that failed says why
    values: Mapping[str, Interval]  # of the metrics that all judged videos have
    references: Mapping[str, Mapping[str, Interval]]  # the same of the sources, by the row's name
    made: PictureFeatures | None  # None: nobody asked for distances
    real: PictureFeatures | None
    why_not: str = ""  # why there are no distances although they were asked for

    @property
    def judged(self) -> int:
        """Videos that have figures."""
        return sum("metrics" in row for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        apart = {} if self.made is None or self.real is None else distances(self.made, self.real)
        return {
            "videos": list(self.rows),
            "corpus": {name: vars(each) for name, each in self.values.items()},
            "references": {
                row: {name: vars(each) for name, each in values.items()}
                for row, values in self.references.items()
            },
            "distances": apart,
        }


def judge_folder(
    question: FolderQuestion, networks: NetworkProvider, progress: StageProgress = quiet
) -> Corpus:
    """Judge what a folder holds and isn't judged yet. Raises InputError."""
    videos = videos_in(question.folder)
    known = _known(question.report)
    rows = [
        _row(question, video, known, networks, _numbered(progress, number, len(videos)))
        for number, video in enumerate(videos, 1)
    ]
    judged = [row for row in rows if "metrics" in row]
    made, real, why = None, None, ""
    if question.real is not None:
        if networks.lacking([("inception",)]):
            why = "needs the weights of Inception: `retalk models download inception`"
        else:
            good = [Path(row["video"]) for row in judged]
            made = _features(question, good, "made", networks, progress)
            real = _features(question, videos_in(question.real), "real", networks, progress)
    return Corpus(tuple(rows), corpus_values(judged), dict(_references(judged)), made, real, why)


def _numbered(progress: StageProgress, number: int, count: int) -> StageProgress:
    return lambda stage: progress(f"{number} of {count}, {stage}")


def _row(
    question: FolderQuestion,
    video: Path,
    known: dict[str, Row],
    networks: NetworkProvider,
    progress: StageProgress,
) -> Row:
    """One video's figures; those that were written down are taken as they are while the file is the same."""
    about = {**_identity(video), "asked": _asked(question)}
    row = known.get(video.name, {})
    if {key: row.get(key) for key in about} == about and "metrics" in row:
        return row
    source = _of_the_same_name(question.sources, video)
    voice = question.asked.get("voice") or video.stem
    row = {**about, "clip": (source or video).stem, "voice": str(voice)}
    try:
        asked = Question(
            result=open_clip(video), source=None if source is None else open_clip(source), **question.asked
        )
        row |= judge(asked, networks, progress).to_dict()
    except RetalkError as error:  # one video doesn't take the others along
        row["failed"] = str(error)
    known[video.name] = row
    if question.report is not None:
        told = json.dumps({"videos": list(known.values())}, indent=2, ensure_ascii=False)
        write_file(question.report, f"{told}\n".encode())
    return row


def _identity(video: Path) -> dict[str, Any]:
    state = video.stat()
    return {"video": str(video), "size": state.st_size, "changed": state.st_mtime_ns}


def _asked(question: FolderQuestion) -> dict[str, str]:
    """What the figures depend on beside the video."""
    return {"sources": str(question.sources), **{name: str(each) for name, each in question.asked.items()}}


def _of_the_same_name(sources: Path | None, video: Path) -> Path | None:
    """The source of a video: one for all, or in a folder the one whose name begins the video's."""
    if sources is None or not sources.is_dir():
        return sources
    fitting = [path for path in sources.iterdir() if video.stem.startswith(path.stem)]
    if not fitting:
        raise InputError(f"{sources} has no file whose name begins that of {video.name}: name it like that.")
    return max(fitting, key=lambda path: len(path.stem))


def _known(report: Path | None) -> dict[str, Row]:
    """What was written down before, by the videos' names."""
    if report is None:
        return {}
    try:
        stored = json.loads(report.read_text("utf-8"))
        return {Path(row["video"]).name: row for row in stored["videos"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{report} is there already, but is no report of a folder: choose another name for the report."
        ) from error


def _features(
    question: FolderQuestion,
    videos: list[Path],
    side: str,
    networks: NetworkProvider,
    progress: StageProgress,
) -> PictureFeatures | None:
    """What Inception sees in some videos; kept beside the report. None: no videos."""
    report = question.report
    shelf = FeatureShelf(None if report is None else report.with_suffix(".features") / side)
    parts = [
        shelf.of(video, question.frames, networks, progress(f"{side}, {number} of {len(videos)}"))
        for number, video in enumerate(videos, 1)
    ]
    return PictureFeatures.together(parts) if parts else None


def _references(judged: list[Row]) -> Iterator[tuple[str, Mapping[str, Interval]]]:
    """The corpus values of the sources with each kind of voice; a source counts as often as it was dubbed."""
    names = dict.fromkeys(name for row in judged for name in row.get("references", {}))
    for name in names:
        rows = [{**row, "metrics": row["references"].get(name, {})} for row in judged if "references" in row]
        yield name, corpus_values(rows)
