"""The `retalk` command: dub a clip, inspect one, make the demo, look after the weights."""

from __future__ import annotations

import argparse
import json
import os
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
    from ..dub.pipeline import dub, finished
    from ..media.reader import open_clip
    from ..places import check_place

    _keep_apart(
        given=(args.clip, args.voice, args.soundtrack, args.face_mask, _picture_of(args.expression)),
        made=(args.output, args.sheet, args.chart, args.report),
    )
    _check_pictures(args.sheet, args.chart)
    if args.report:
        check_place(args.report, "the report", may_stream=True)
    options = dub_options(args)
    clip = open_clip(args.clip)
    with Bars(args.quiet) as bars:
        dubbed = dub(clip, args.voice, args.output, options, _networks(args), bars)
    with finished(args.output, "but not all that was wished beside it"):
        _hand_over(dubbed, args)


def _networks(args: argparse.Namespace) -> LocalNetworks:
    from ..compute.provider import LocalNetworks
    from ..weights.files import ModelFiles

    files = ModelFiles([args.models]) if args.models else None
    return LocalNetworks(files, device=args.device, precision=args.precision, resident=args.resident)


def _picture_of(expression: str | None) -> Path | None:
    """The picture that an expression is taken from, where it is one."""
    return None if expression in (None, "", "neutral", "smile") else Path(expression)


def _check_pictures(*pictures: Path | None) -> None:
    """Refuse, before the work, places that no picture can be written to."""
    from ..files import PICTURE_SUFFIXES
    from ..places import check_place

    for path in filter(None, pictures):
        check_place(path, "a picture", PICTURE_SUFFIXES)


def _keep_apart(given: Sequence[Path | None], made: Sequence[Path | None]) -> None:
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
        return os.path.realpath(one) == os.path.realpath(other)  # behind all links


def _hand_over(dubbed: Dubbed, args: argparse.Namespace) -> None:
    from ..files import write_file, write_picture

    failed: list[InputError] = []  # one that can't be written doesn't take the others along
    for path, write in (
        (args.sheet, lambda path: write_picture(path, dubbed.sheet)),
        (args.chart, lambda path: write_picture(path, dubbed.chart)),
        (args.report, lambda path: write_file(path, f"{dubbed.report.to_json()}\n".encode())),
    ):
        try:
            if path:
                write(path)
        except InputError as error:
            failed.append(error)
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())
    if failed:
        raise InputError(f"{' '.join(map(str, failed))} The video {args.output} is finished.")


def run_inspect(args: argparse.Namespace) -> None:
    from ..faces.detect import load_face_networks
    from ..faces.follow import track_faces
    from ..files import PICTURE_SUFFIXES, write_picture
    from ..media.reader import open_clip, prefetch
    from ..media.writer import check_video_place
    from ..reports.track import describe_track, overlay_sheet, track_lines, write_overlay

    _keep_apart(given=(args.clip, args.face_mask), made=(args.output,))
    is_picture = args.output is not None and args.output.suffix.lower() in PICTURE_SUFFIXES
    if is_picture:
        _check_pictures(args.output)
    elif args.output:
        check_video_place(args.output)
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
        if is_picture:
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
