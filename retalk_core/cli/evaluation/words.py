"""The words of `retalk eval` and `retalk selfcheck`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..words import add_face_choice, add_option, add_talk, add_verbose, read_path

Learn = Callable[[argparse.ArgumentParser], None]


def learn_eval(evaluate: argparse.ArgumentParser) -> None:
    """Judging, comparing, asking people."""
    _add_actions(
        evaluate,
        ("judge", "judge a video, or a folder of them", _learn_judge),
        ("pairs", "pair clips of a folder with voices of others", _learn_pairs),
        ("compare", "compare systems on pairs of clip and voice", _learn_compare),
        ("study", "ask people: a page to fill in, and what they said", _learn_study),
    )


def _learn_study(study: argparse.ArgumentParser) -> None:
    _add_actions(
        study,
        ("make", "write the page and its videos", _learn_make),
        ("read", "read the answers", _learn_read),
    )


def _add_actions(command: argparse.ArgumentParser, *actions: tuple[str, str, Learn]) -> None:
    """Add actions, each of which learns its words when it is called: a list of them waits for none."""
    found = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, told, learn in actions:
        parser: Any = found.add_parser(name, help=told)  # of the command's own class
        parser.learn = learn


def names_in(words: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(filter(None, words.replace(" ", "").split(",")))


def _add_names(group: argparse._ActionsContainer, flag: str, told: str) -> None:
    group.add_argument(flag, type=names_in, default=(), metavar="NAMES", help=told)


def _add_metrics(group: argparse._ActionsContainer) -> None:
    _add_names(group, "--metrics", "such as lse_d,lse_c,cpbd; default: all")
    group.add_argument("--faces-only", action="store_true", help="pictures are faces already, as in LRS")


def _learn_judge(judge: argparse.ArgumentParser) -> None:
    from ...visemes.text.languages import AUTO, LANGUAGES
    from .judging import run_judge

    judge.set_defaults(run=run_judge)
    judge.add_argument("video", type=read_path, help="a video of anyone's making, or a folder of them")
    what = judge.add_argument_group("what it is judged against")
    what.add_argument(
        "--source", type=read_path, metavar="CLIP", help="what it was made from; a folder: by the same names"
    )
    what.add_argument("--voice", type=read_path, metavar="SOUND", help="default: the video's own sound")
    what.add_argument("--truth", action="store_true", help="the source shows what the result should be")
    what.add_argument(
        "--transcript", type=read_path, metavar="FILE", help="what the voice says: text, SRT or VTT"
    )
    what.add_argument("--language", choices=(AUTO, *LANGUAGES), default=AUTO, help="of the transcript")
    what.add_argument(
        "--real", type=read_path, metavar="FOLDER", help="real videos, for a folder's FID and KID"
    )
    how = judge.add_argument_group("how")
    _add_metrics(how)
    how.add_argument(
        "--no-references",
        action="store_true",
        help="don't judge the source too, to compare with",
    )
    how.add_argument(
        "--frames",
        type=int,
        default=64,
        metavar="N",
        help="of each video, that are compared with --real; default: 64",
    )
    how.add_argument("--models", type=read_path, metavar="FOLDER", help="look for weights here only")
    made = judge.add_argument_group("what is written")
    made.add_argument("--chart", type=read_path, metavar="PICTURE", help="loudness and mouth over time")
    made.add_argument(
        "--report", type=read_path, metavar="JSON", help="of a folder: what is there is not judged again"
    )
    add_face_choice(judge.add_argument_group("whose face"))
    add_talk(judge)


def learn_selfcheck(check: argparse.ArgumentParser) -> None:
    """Of `retalk selfcheck`."""
    from .judging import run_selfcheck

    check.set_defaults(run=run_selfcheck)
    check.add_argument(
        "clip",
        type=read_path,
        nargs="?",
        help="a clip that speaks; default: the one that ships",
    )
    check.add_argument("--voice", type=read_path, metavar="SOUND", help="what it shall say; default: its own")
    check.add_argument("--models", type=read_path, metavar="FOLDER", help="look for weights here only")
    talk = check.add_argument_group("what is said")
    talk.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    add_verbose(talk)


def _learn_pairs(pairs: argparse.ArgumentParser) -> None:
    from ...comparing.paper import PROTOCOLS
    from .comparing import run_pairs

    pairs.set_defaults(run=run_pairs)
    pairs.add_argument("folder", type=read_path, help="talking videos, also in folders below it")
    pairs.add_argument(
        "-o", "--output", type=read_path, required=True, metavar="CSV", help="the table to write"
    )
    pairs.add_argument(
        "--protocol",
        choices=tuple(PROTOCOLS),
        default="hdtf",
        help="hdtf: 100 pairs of 20 seconds; lrs2: 14,000 at their own length; default: hdtf",
    )
    pairs.add_argument("--count", type=int, metavar="N", help="of pairs; default: the protocol's")
    pairs.add_argument("--seconds", metavar="TIME", help="of each pair; default: the protocol's")
    pairs.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another one, other pairs; default: 0"
    )
    add_talk(pairs)


def _learn_compare(compare: argparse.ArgumentParser) -> None:
    from ...comparing.systems import known_systems
    from ...compute.options import Computing
    from ...fields import options_of
    from .comparing import run_compare

    compare.set_defaults(run=run_compare)
    compare.add_argument(
        "pairs", type=read_path, help="a table with the columns video and voice; `eval pairs` makes one"
    )
    compare.add_argument(
        "-o",
        "--output",
        type=read_path,
        required=True,
        metavar="FOLDER",
        help="where all is kept; what is there is not made again",
    )
    what = compare.add_argument_group("what is compared")
    _add_names(what, "--systems", f"of {', '.join(known_systems())}; default: all")
    what.add_argument("--no-parts", action="store_true", help="not the paper's method in parts")
    what.add_argument(
        "--no-own-voice", action="store_true", help="no clip with its own voice too, where there is a truth"
    )
    what.add_argument(
        "--shown",
        type=int,
        default=3,
        metavar="N",
        help="of the first pairs, in pictures and videos; default: 3",
    )
    what.add_argument(
        "--inputs-only",
        action="store_true",
        help="only cut clips and voices, for programs that don't run here",
    )
    how = compare.add_argument_group("how it is judged")
    _add_metrics(how)
    how.add_argument(
        "--real",
        type=read_path,
        metavar="FOLDER",
        help="real videos for FID and KID; default: the pairs' clips",
    )
    how.add_argument(
        "--frames", type=int, default=64, metavar="N", help="of each video, for FID and KID; default: 64"
    )
    computing = compare.add_argument_group("how networks compute")
    for each in options_of(Computing):
        if each.flag:
            add_option(computing, each)
    add_talk(compare)


def _learn_make(make: argparse.ArgumentParser) -> None:
    from .studying import run_make

    make.set_defaults(run=run_make)
    make.add_argument("results", type=read_path, help="the folder of a comparison")
    make.add_argument(
        "-o",
        "--output",
        type=read_path,
        required=True,
        metavar="FOLDER",
        help="the page and its videos, to be handed out",
    )
    make.add_argument(
        "--key", type=read_path, metavar="JSON", help="which video is whose; default: beside the folder"
    )
    _add_names(make, "--systems", "as the comparison's JSON names them; default: all that have videos")
    make.add_argument(
        "--clips", type=int, default=10, metavar="N", help="pairs, spread over the comparison's; default: 10"
    )
    make.add_argument(
        "--checks", type=int, default=2, metavar="N", help="videos that say what to choose; default: 2"
    )
    make.add_argument("--seed", type=int, default=0, metavar="N", help="of the orders; default: 0")
    add_talk(make)


def _learn_read(read: argparse.ArgumentParser) -> None:
    from .studying import run_read

    read.set_defaults(run=run_read)
    read.add_argument("answers", type=read_path, help="the folder of the raters' files")
    read.add_argument("--key", type=read_path, required=True, metavar="JSON", help="which video is whose")
    read.add_argument("--report", type=read_path, metavar="JSON", help="write what was found")
    add_talk(read)
