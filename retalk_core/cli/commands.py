"""What each of the `retalk` command's commands does."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import OptionError
from .bars import Bars

if TYPE_CHECKING:
    import argparse
    from datetime import timedelta
    from pathlib import Path

    from ..compute.provider import LocalNetworks
    from ..dub.pipeline import Dubbed
    from ..resume.store import StoredWork
    from ..weights.files import ModelFiles

MOST_DAYS = 1_000_000


# Clips


def run_dub(args: argparse.Namespace) -> None:
    from ..dub.pipeline import dub
    from ..media.reader import open_clip
    from .options import read_dub_options

    _check_results(
        given=(args.clip, args.voice, args.soundtrack, args.mask),
        made=(args.output, args.sheet, args.chart, args.report),
    )
    options = read_dub_options(args)
    clip = open_clip(args.clip)
    with Bars(args.quiet) as bars:
        dubbed = dub(clip, args.voice, args.output, options, _networks(args), bars)
    _hand_over(dubbed, args)


def _networks(args: argparse.Namespace) -> LocalNetworks:
    from ..compute.provider import LocalNetworks
    from .options import read_computing

    return LocalNetworks.of(read_computing(args))


def _check_results(given: Sequence[Path | None], made: Sequence[Path | None]) -> None:
    """Refuse results that would replace what was given or one another, or that have no folder to go to."""
    from ..files import existing_folder

    results = [path for path in made if path is not None]
    for i, path in enumerate(results):
        for other in (*filter(None, given), *results[:i]):
            if _same_file(path, other):
                raise OptionError(f"{other} would be overwritten by the result. Choose another name for it.")
        existing_folder(path.parent)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is yet to be made, or out of reach; that is told where it is opened
        return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - it doesn't look at the disk


def _hand_over(dubbed: Dubbed, args: argparse.Namespace) -> None:
    from ..files import write_file, write_picture

    for path, picture in ((args.sheet, dubbed.sheet), (args.chart, dubbed.chart)):
        if path:
            write_picture(path, picture)
    if args.report:
        write_file(args.report, f"{dubbed.report.to_json()}\n".encode())
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())
    if args.json and dubbed.report.last_word:
        print(dubbed.report.last_word, file=sys.stderr)


def run_inspect(args: argparse.Namespace) -> None:
    import json

    from ..faces.detect import load_face_networks
    from ..faces.follow import track_faces
    from ..files import write_picture
    from ..media.reader import open_clip, prefetch
    from ..reports.track import describe_track, overlay_sheet, track_lines, write_overlay
    from .options import read_face

    _check_results(given=(args.clip, args.mask), made=(args.output,))
    clip = open_clip(args.clip)
    frames = range(len(clip.times))
    with Bars(args.quiet) as bars:
        tracked = track_faces(
            prefetch(clip.frames()),
            load_face_networks(),
            choice=read_face(args),
            frame_count=len(frames),
            progress=bars("track"),
        )
        if args.output and args.output.suffix.lower() == ".png":
            write_picture(args.output, overlay_sheet(clip, tracked, frames))
        elif args.output:
            write_overlay(clip, tracked, args.output, frames, bars("drawing"))
    found = describe_track(clip, tracked, frames)
    if args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    size, *more = track_lines(found)
    print(f"{clip.path.name}: {size}", *more, sep="\n")


def run_demo(args: argparse.Namespace) -> None:
    from .demo import run_demo

    with Bars(args.quiet) as bars:
        dubbed, sheet = run_demo(args.output, bars)
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())
    if not args.json:
        print(f"\nvideo: {args.output}\ncontact sheet: {sheet}")


# What is kept for resuming


def run_work_list(args: argparse.Namespace) -> None:
    from ..resume.store import list_work

    found = list_work(_work_folder(args))
    for each in found:
        print(_work_line(each))
    if not found:
        print(f"{args.folder} holds no jobs.")


def run_work_clear(args: argparse.Namespace) -> None:
    from ..resume.store import clear_work

    for each in clear_work(_work_folder(args), older_than=_age(args.older_than)):
        print(f"removed: {_work_line(each)}")


def _age(days: float | None) -> timedelta | None:
    from datetime import timedelta

    if days is None:
        return None
    if not 0 <= days <= MOST_DAYS:  # not-a-number neither
        raise OptionError(f"--older-than is {days:g}, but must be from 0 to {MOST_DAYS:,} days.")
    return timedelta(days=days)


def _work_folder(args: argparse.Namespace) -> Path:
    from ..files import existing_folder

    folder: Path = args.folder
    return existing_folder(folder, otherwise=". Name the one that was given as --work-dir")


def _work_line(work: StoredWork) -> str:
    from datetime import datetime

    used = datetime.fromtimestamp(work.used).isoformat(" ", "minutes")
    return f"{work.key}  {work.chunks} chunks, {work.size / 1e6:.1f} MB, last used {used}"


# Weights


def run_models_list(args: argparse.Namespace) -> None:
    import json

    from ..weights.commands import survey, survey_lines

    files = _model_files(args)
    if args.json:
        print(json.dumps(survey(files), indent=2, ensure_ascii=False))
        return
    for line in survey_lines(files):
        print(line)


def run_models_download(args: argparse.Namespace) -> None:
    from ..weights.commands import fetch
    from ..weights.download import Route

    route = Route.of(args.mirror, args.proxy)
    with Bars(args.quiet) as bars:
        fetch(args.names, args.preset, _model_files(args), args.folder, route, bar=bars.of_bytes)


def run_models_verify(args: argparse.Namespace) -> None:
    from ..weights.commands import verify

    for line in verify(_model_files(args), args.names, run=args.try_out):
        print(line, flush=True)


def run_models_convert(args: argparse.Namespace) -> None:
    from ..weights.commands import convert

    print(f"written: {convert(args.file, args.output, half=args.half)}")


def _model_files(args: argparse.Namespace) -> ModelFiles:
    from ..weights.files import ModelFiles

    return ModelFiles([args.folder] if args.folder else None)
