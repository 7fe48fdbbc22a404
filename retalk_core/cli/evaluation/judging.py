"""What `retalk eval` and `retalk selfcheck` do: judge a video, a folder of them, or this installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import OptionError
from ..bars import Bars

if TYPE_CHECKING:
    import argparse

    from ...compute.provider import LocalNetworks


def run_judge(args: argparse.Namespace) -> None:
    from ...files import PICTURE_SUFFIXES
    from ...places import check_place

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
    from ...files import write_file, write_picture
    from ...judging.judge import judge
    from ...judging.question import Question
    from ...judging.tell import draw_judgement, lines
    from ...media.reader import open_clip

    if args.real is not None:
        raise OptionError("--real compares a folder's pictures with those of real videos: judge a folder.")
    source = None if args.source is None else open_clip(args.source)
    question = Question(result=open_clip(args.video), source=source, **_asked(args))
    with Bars(args.quiet) as bars:
        found = judge(question, _networks(args), bars)
    told = json.dumps({"video": str(args.video), **found.to_dict()}, indent=2, ensure_ascii=False)
    if args.chart:
        write_picture(args.chart, draw_judgement(found))
    if args.report:
        write_file(args.report, f"{told}\n".encode())
    print(told if args.json else "\n".join(lines(found)))


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """What is asked of each video, by the fields of `Question`."""
    from ...visemes.text.transcript import read_transcript
    from ..options import read_face

    return {
        "voice": args.voice,
        "transcript": read_transcript(args.transcript) if args.transcript else "",
        "language": args.language,
        "truth": args.truth,
        "faces_only": args.faces_only,
        "names": args.metrics,
        "face": read_face(args),
        "references": not args.no_references,
    }


def _networks(args: argparse.Namespace) -> LocalNetworks:
    from ...compute.provider import LocalNetworks
    from ...weights.files import ModelFiles

    return LocalNetworks(ModelFiles([args.models]) if args.models else None)


def _judge_folder(args: argparse.Namespace) -> None:
    from ...judging.corpus.folder import FolderQuestion, judge_folder
    from ...judging.tell import corpus_lines

    if args.chart:
        raise OptionError("--chart draws one video over time: judge one, not a folder.")
    if args.frames < 1:
        raise OptionError(f"--frames is {args.frames}, but must be at least 1.")
    question = FolderQuestion(
        folder=args.video,
        sources=args.source,
        real=args.real,
        frames=args.frames,
        report=args.report,
        asked=_asked(args),
    )
    with Bars(args.quiet) as bars:
        corpus = judge_folder(question, _networks(args), bars)
    if args.json:
        print(json.dumps(corpus.to_dict(), indent=2, ensure_ascii=False))
        return
    for line in corpus_lines(corpus):
        print(line)


def run_selfcheck(args: argparse.Namespace) -> None:
    from ...judging.selfcheck import machine_lines, receipt_lines, selfcheck, weight_lines
    from ...media.reader import open_clip
    from ...weights.files import ModelFiles
    from ..demo import SHIPPED_CLIP, SHIPPED_VOICE

    voice: Path | None = args.voice
    if args.clip is None and voice is None:
        voice = SHIPPED_VOICE
    clip = open_clip(args.clip or SHIPPED_CLIP)
    if voice is None and not clip.has_sound:
        raise OptionError(f"{args.clip} has no sound to be held against: give it a voice with --voice.")
    files = ModelFiles([args.models] if args.models else None)
    for line in (*machine_lines(), *weight_lines(files)):  # first: they are worth having whatever comes
        print(line, flush=True)
    with Bars(args.quiet) as bars:
        receipt = selfcheck(clip, voice, _networks(args), bars)
    for line in receipt_lines(receipt):
        print(line)
