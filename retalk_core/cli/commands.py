"""The `retalk` command: dub a clip, inspect one, make the demo, look after the weights."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, OptionError
from .bars import Bars
from .options import dub_options, face_choice

if TYPE_CHECKING:
    from ..compute.provider import LocalNetworks
    from ..dub.pipeline import Dubbed
    from ..resume.store import StoredWork
    from ..weights.files import ModelFiles

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


# What the commands do


def run_dub(args: argparse.Namespace) -> None:
    from ..dub.pipeline import dub
    from ..media.reader import open_clip

    _check_results(
        given=(args.clip, args.voice, args.soundtrack, args.face_mask),
        made=(args.output, args.sheet, args.chart, args.report),
    )
    options = dub_options(args)
    clip = open_clip(args.clip)
    with Bars(args.quiet) as bars:
        dubbed = dub(clip, args.voice, args.output, options, _networks(args), bars)
    _hand_over(dubbed, args)


def _networks(args: argparse.Namespace) -> LocalNetworks:
    from ..compute.provider import LocalNetworks
    from ..weights.files import ModelFiles

    files = ModelFiles([args.models]) if args.models else None
    return LocalNetworks(files, device=args.device, precision=args.precision, resident=args.resident)


def _check_results(given: Sequence[Path | None], made: Sequence[Path | None]) -> None:
    """Refuse results that would replace what was given or one another, or that have no folder to go to."""
    results = [path for path in made if path is not None]
    for i, path in enumerate(results):
        for other in (*filter(None, given), *results[:i]):
            if _same_file(path, other):
                raise OptionError(f"{other} would be overwritten by the result. Choose another name for it.")
        if not os.path.isdir(path.parent):  # noqa: PTH112 - unlike a Path's, it never raises
            raise InputError(f"The folder {path.parent} does not exist: create it, or choose another.")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is yet to be made, or out of reach; that is told where it is opened
        return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - it never raises either


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
    from ..faces.detect import load_face_networks
    from ..faces.follow import track_faces
    from ..files import write_picture
    from ..media.reader import open_clip, prefetch
    from ..reports.track import describe_track, overlay_sheet, track_lines, write_overlay

    _check_results(given=(args.clip, args.face_mask), made=(args.output,))
    clip = open_clip(args.clip)
    frames = range(len(clip.times))
    with Bars(args.quiet) as bars:
        tracked = track_faces(
            prefetch(clip.frames()),
            load_face_networks(),
            choice=face_choice(args),
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
    from ..dub.demo import run_demo

    with Bars(args.quiet) as bars:
        dubbed, sheet = run_demo(args.output, bars)
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())
    if not args.json:
        print(f"\nvideo: {args.output}\ncontact sheet: {sheet}")


def run_jobs_list(args: argparse.Namespace) -> None:
    from ..resume.store import list_work

    found = list_work(_existing(args.folder))
    for job in found:
        print(_job_line(job))
    if not found:
        print(f"{args.folder} holds no jobs.")


def run_jobs_clear(args: argparse.Namespace) -> None:
    from ..resume.store import clear_work

    days = None if args.older_than is None else timedelta(days=args.older_than)
    for job in clear_work(_existing(args.folder), older_than=days):
        print(f"removed: {_job_line(job)}")


def _existing(folder: Path) -> Path:
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike a Path's, it never raises
        raise InputError(f"The folder {folder} does not exist. Name the one that was given as --work-dir.")
    return folder


def _job_line(job: StoredWork) -> str:
    used = datetime.fromtimestamp(job.used).isoformat(" ", "minutes")
    return f"{job.key}  {job.chunks} chunks, {job.size / 1e6:.1f} MB, last used {used}"


def run_models_list(args: argparse.Namespace) -> None:
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
