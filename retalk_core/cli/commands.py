"""What each of the `retalk` command's commands does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, OptionError
from ..imports import without_tidying
from .bars import Bars

if TYPE_CHECKING:
    import argparse
    from datetime import timedelta

    from ..compute.provider import LocalNetworks
    from ..dub.pipeline import Dubbed
    from ..resume.store import StoredWork
    from ..weights.files import ModelFiles

MOST_DAYS = 1_000_000


# Clips


def run_dub(args: argparse.Namespace) -> None:
    with without_tidying():
        from ..dub.pipeline import dub, finished
        from ..media.reader import open_clip
    from ..places import check_place
    from .options import read_dub_options

    _keep_apart(
        given=(
            args.clip,
            args.voice,
            args.soundtrack,
            args.mask,
            args.protect,
            args.transcript,
            _picture_of(args.expression),
        ),
        made=(args.output, args.sheet, args.chart, args.report),
    )
    _check_pictures(args.sheet, args.chart)
    if args.report:
        check_place(args.report, "the report", may_stream=True)
    options = read_dub_options(args)
    clip = open_clip(args.clip)
    with finished(args.output, "but not all that was wished beside it"):
        with Bars(args.quiet) as bars:
            dubbed = dub(clip, args.voice, args.output, options, _networks(args), bars)
        dubbed.report.warnings += _computed_in_vain(args, dubbed.report.engine)
        _hand_over(dubbed, args)


def _computed_in_vain(args: argparse.Namespace, engine: str) -> list[str]:
    """A note on how networks were to compute where none of them did."""
    from ..compute.options import Computing
    from ..dub.results import not_heeded
    from ..fields import changed
    from .options import read_computing

    how = read_computing(args)
    vain = changed(how, Computing(models=how.models))  # files were looked for, whatever came of it
    return list(not_heeded(engine, vain)) if engine == "embedded" else []


def _networks(args: argparse.Namespace) -> LocalNetworks:
    from ..compute.provider import LocalNetworks
    from .options import read_computing

    return LocalNetworks.of(read_computing(args))


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
        return os.path.realpath(one) == os.path.realpath(other)  # behind all links


def _hand_over(dubbed: Dubbed, args: argparse.Namespace) -> None:
    from ..files import write_file, write_picture

    wished: tuple[tuple[Path | None, Callable[[Path], None]], ...] = (
        (args.sheet, lambda path: write_picture(path, dubbed.sheet)),
        (args.chart, lambda path: write_picture(path, dubbed.chart)),
        (args.report, lambda path: write_file(path, f"{dubbed.report.to_json()}\n".encode())),
    )
    failed: list[InputError] = []  # one that can't be written doesn't take the others along
    for path, write in wished:
        try:
            if path:
                write(path)
        except InputError as error:
            failed.append(error)
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())
    if args.json and dubbed.report.last_word:
        print(dubbed.report.last_word, file=sys.stderr)
    if failed:
        raise InputError(f"{' '.join(map(str, failed))} The video {args.output} is finished.")


def run_inspect(args: argparse.Namespace) -> None:
    import json

    from ..faces.detect import load_face_networks
    from ..faces.follow import track_faces
    from ..files import PICTURE_SUFFIXES, write_picture
    from ..media.reader import open_clip, prefetch
    from ..media.writer import check_video_place
    from ..reports.track import describe_track, overlay_sheet, track_lines, write_overlay
    from .options import read_face

    _keep_apart(given=(args.clip, args.mask), made=(args.output,))
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
            choice=read_face(args),
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
    from .demo import run_demo
    from .options import read_dub_options

    with Bars(args.quiet) as bars:
        dubbed, sheet = run_demo(args.output, bars, read_dub_options(args).mark)
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
