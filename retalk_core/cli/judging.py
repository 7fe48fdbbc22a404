"""What `retalk eval` does: judge a video, or a folder of them as one corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, OptionError
from .bars import Bars

if TYPE_CHECKING:
    import argparse

    from ..compute.provider import NetworkProvider
    from ..judging.judge import Judgement, Question

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg")


def run_judge(args: argparse.Namespace) -> None:
    from ..files import PICTURE_SUFFIXES
    from ..places import check_place

    if args.report:
        check_place(args.report, "the report", may_stream=not args.video.is_dir())
    if args.chart:
        check_place(args.chart, "a picture", PICTURE_SUFFIXES)
    if args.truth and args.source is None:
        raise OptionError("--truth says that the source is the truth: name it with --source.")
    if args.video.is_dir():
        _judge_folder(args)
    else:
        _judge_one(args)


def _judge_one(args: argparse.Namespace) -> None:
    from ..files import write_file, write_picture
    from ..judging.judge import judge
    from ..judging.tell import lines

    if args.real is not None:
        raise OptionError("--real compares a folder's pictures with those of real videos: judge a folder.")
    with Bars(args.quiet) as bars:
        found = judge(_question(args, args.video, args.source), _networks(args), bars)
    told = json.dumps({"video": str(args.video), **found.to_dict()}, indent=2, ensure_ascii=False)
    if args.chart:
        write_picture(args.chart, _chart(found))
    if args.report:
        write_file(args.report, f"{told}\n".encode())
    print(told if args.json else "\n".join(lines(found)))


def _question(args: argparse.Namespace, video: Path, source: Path | None) -> Question:
    from ..judging.judge import Question
    from ..media.reader import open_clip
    from .options import read_face

    return Question(
        result=open_clip(video),
        source=None if source is None else open_clip(source),
        voice=args.voice,
        truth=args.truth,
        faces_only=args.faces_only,
        names=tuple(filter(None, (args.metrics or "").replace(" ", "").split(","))),
        face=read_face(args),
    )


def _networks(args: argparse.Namespace) -> NetworkProvider:
    from ..compute.provider import LocalNetworks
    from ..weights.files import ModelFiles

    return LocalNetworks(ModelFiles([args.models]) if args.models else None)


def _chart(found: Judgement) -> Any:  # noqa: ANN401 - a picture
    import numpy as np

    from ..reports.charts import Scene, draw_chart

    silence = np.zeros(len(found.times))
    loudness = silence if found.loudness is None else found.loudness
    return draw_chart(Scene(found.times, loudness, None, found.opening, np.zeros(0, int), ()))


# Folders


def _judge_folder(args: argparse.Namespace) -> None:
    """Judge what a folder holds and isn't judged yet; each video is written down as soon as it is done."""
    if args.chart:
        raise OptionError("--chart draws one video over time: judge one, not a folder.")
    videos = sorted(path for path in args.video.iterdir() if path.suffix.lower() in VIDEOS)
    if not videos:
        raise InputError(f"{args.video} holds no video ({', '.join(VIDEOS)}): name a folder of results.")
    known = _known(args.report) if args.report else {}
    rows = [_row(args, video, number, len(videos), known) for number, video in enumerate(videos, 1)]
    judged = [row for row in rows if "metrics" in row]
    for line in _corpus_lines(rows, judged):
        print(line)


def _row(
    args: argparse.Namespace, video: Path, number: int, count: int, known: dict[str, Any]
) -> dict[str, Any]:
    """One video's figures; those that were written down are taken as they are while the file is the same."""
    from ..errors import RetalkError
    from ..judging.judge import judge

    about = {**_identity(video), "asked": _asked(args)}
    row = known.get(video.name, {})
    if {key: row.get(key) for key in about} == about and "metrics" in row:
        return row
    source = _of_the_same_name(args.source, video)
    row = {**about, "clip": (source or video).stem, "voice": str(args.voice or video.stem)}
    try:
        with Bars(args.quiet) as bars:
            found = judge(
                _question(args, video, source),
                _networks(args),
                lambda stage: bars(f"{number} of {count}, {stage}"),
            )
        row |= found.to_dict()
    except RetalkError as error:  # one video doesn't take the others along
        row["failed"] = str(error)
    known[video.name] = row
    _write_down(args, known)
    return row


def _identity(video: Path) -> dict[str, Any]:
    state = video.stat()
    return {"video": str(video), "size": state.st_size, "changed": state.st_mtime_ns}


def _asked(args: argparse.Namespace) -> list[str]:
    """What the figures depend on beside the video."""
    return [str(getattr(args, name)) for name in ("source", "voice", "truth", "metrics", "faces_only")]


def _of_the_same_name(sources: Path | None, video: Path) -> Path | None:
    """The source of a video: one for all, or in a folder the one whose name begins the video's."""
    if sources is None or not sources.is_dir():
        return sources
    fitting = [path for path in sources.iterdir() if video.stem.startswith(path.stem)]
    if not fitting:
        raise InputError(f"{sources} has no file whose name begins that of {video.name}: name it like that.")
    return max(fitting, key=lambda path: len(path.stem))


def _known(report: Path) -> dict[str, Any]:
    """What was written down before, by the videos' names."""
    try:
        stored = json.loads(report.read_text("utf-8"))
        return {Path(row["video"]).name: row for row in stored["videos"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{report} is there already, but is no report of a folder: choose another name for the report."
        ) from error


def _write_down(args: argparse.Namespace, known: Mapping[str, Any]) -> None:
    from ..files import write_file

    if args.report:
        told = json.dumps({"videos": list(known.values())}, indent=2, ensure_ascii=False)
        write_file(args.report, f"{told}\n".encode())


def _corpus_lines(rows: list[dict[str, Any]], judged: list[dict[str, Any]]) -> Iterator[str]:
    from ..judging.corpus import corpus_values
    from ..judging.tell import paper_lines

    for row in rows:
        if "failed" in row:
            yield f"not judged: {Path(row['video']).name}: {row['failed']}"
    for name, interval in corpus_values(judged).items():
        yield f"{name:<18}{interval}"
    yield f"{len(judged)} of {len(rows)} videos judged; intervals are for other clips and other voices (95 %)"
    yield from paper_lines()
