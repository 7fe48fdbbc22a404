"""The words of the `retalk` command: what may be said to each of its commands."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

from ..version import __version__
from .commands import (
    run_demo,
    run_dub,
    run_inspect,
    run_models_convert,
    run_models_download,
    run_models_list,
    run_models_verify,
    run_work_clear,
    run_work_list,
)

NO_VALUE = re.compile(r"(?:--[^=]+=|-[A-Za-z]=?)--")


class _Words(argparse.ArgumentParser):
    """Says in words what it can't understand."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        given = sys.argv[1:] if args is None else list(args)
        for word in takewhile(lambda word: word != "--", given):
            if NO_VALUE.fullmatch(word):  # argparse would hand on an option without its value
                self.error(f"{word}: -- can't be the value of an option")
        return super().parse_known_args(given, namespace)


class _Command(_Words):
    """One command. It learns its words when it is called, so that `retalk --help` waits for none of them."""

    learn: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        learn, self.learn = self.learn, None
        if learn is not None:
            learn(self)
        return super().parse_known_args(args, namespace)


def make_parser() -> argparse.ArgumentParser:
    """All commands and their words."""
    parser = _Words(prog="retalk", description="Give a talking-head clip a new voice: the lips follow it.")
    parser.add_argument("--version", action="version", version=f"retalk {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", parser_class=_Command
    )
    for name, told, learn in (
        ("dub", "make the lips in a clip follow a voice", _learn_dub),
        ("batch", "dub all that a table names, here or on other machines", _learn_batch),
        ("inspect", "show which face would be followed, and where it is lost", _learn_inspect),
        ("demo", "dub a public-domain portrait with a synthetic voice", _learn_demo),
        ("eval", "judge any dub by the paper's metrics and more", _learn_eval),
        ("origin", "tell what a file is: signed, marked, known", _learn_origin),
        ("marks", "list, show or forget marked dubs; make a certificate", _learn_marks),
        ("selfcheck", "check this installation: a receipt to paste into a report", _learn_selfcheck),
        ("train", "train the networks on videos of your own", _learn_train),
        ("models", "list, download, verify and convert files of weights", _learn_models),
        ("work", "list or clear what --work-dir keeps", _learn_work),
    ):
        commands.add_parser(name, help=told).learn = learn
    commands.add_parser("jobs").learn = _learn_work  # an older name of `work`: without help it isn't shown
    return parser


# Commands that look at clips


def _learn_dub(dub: argparse.ArgumentParser) -> None:
    from .words import add_options, add_talk

    dub.set_defaults(run=run_dub)
    dub.add_argument("clip", type=Path, help="a clip, or a still picture")
    dub.add_argument("voice", type=Path, help="a sound file, or a clip with sound")
    dub.add_argument("-o", "--output", type=Path, required=True, help="the file to write: .mp4, .mov, .mkv")
    made = add_options(dub)["made"]
    made.add_argument("--sheet", type=Path, metavar="PICTURE", help="write mouths before and after")
    made.add_argument("--chart", type=Path, metavar="PICTURE", help="write loudness and mouth over time")
    made.add_argument("--report", type=Path, metavar="JSON", help="write the report as JSON")
    add_talk(dub)


def _learn_batch(batch: argparse.ArgumentParser) -> None:
    from .batch import run_batch_command
    from .words import add_options, add_talk, read_path

    batch.set_defaults(run=run_batch_command)
    batch.add_argument(
        "table",
        help="CSV with the columns clip, voice, output, and any option by its name; or .jsonl, one object a "
        "line; -: what is piped in",
    )
    all_jobs = batch.add_argument_group("all jobs")
    all_jobs.add_argument(
        "--results",
        type=read_path,
        metavar="FOLDER",
        help="for results.csv, .json and .html; default: beside the table, TABLE.results",
    )
    all_jobs.add_argument("--again", action="store_true", help="make results anew that are there already")
    all_jobs.add_argument("--dry-run", action="store_true", help="check every row and dub nothing")
    all_jobs.add_argument(
        "--workers", type=int, metavar="N", help="processes side by side; default: by memory and cores"
    )
    cluster = batch.add_argument_group("on other machines, by Ray (docs/scale.md)")
    cluster.add_argument(
        "--ray", metavar="ADDRESS", help="auto: the cluster of this machine; else HOST:PORT of its head"
    )
    cluster.add_argument("--cpus", type=float, default=1, metavar="N", help="that a job takes; default: 1")
    cluster.add_argument("--gpus", type=float, default=0, metavar="N", help="that a job takes; default: 0")
    cluster.add_argument("--memory", type=float, default=0, metavar="GB", help="that a job takes")
    add_options(batch)
    add_talk(batch)


def _learn_inspect(inspect: argparse.ArgumentParser) -> None:
    from .words import add_face_choice, add_talk

    inspect.set_defaults(run=run_inspect)
    inspect.add_argument("clip", type=Path)
    inspect.add_argument("-o", "--output", type=Path, help="a video with the track drawn in, or a .png sheet")
    add_face_choice(inspect.add_argument_group("whose face"))
    add_talk(inspect)


def _learn_demo(demo: argparse.ArgumentParser) -> None:
    from ..dub.options import DubOptions
    from ..fields import option_named
    from .words import add_option, add_talk

    demo.set_defaults(run=run_demo)
    demo.add_argument("-o", "--output", type=Path, default=Path("out/demo.mp4"), help="default: out/demo.mp4")
    add_option(demo, option_named(DubOptions, "mark"))
    add_talk(demo)


def _learn_eval(evaluate: argparse.ArgumentParser) -> None:
    from .evaluation.words import learn_eval

    learn_eval(evaluate)


def _learn_origin(origin: argparse.ArgumentParser) -> None:
    from .origin import run_origin
    from .words import add_talk, read_path

    origin.set_defaults(run=run_origin)
    origin.add_argument("file", type=read_path, help="a video, a picture or a sound")
    origin.add_argument(
        "--trust",
        type=read_path,
        metavar="PEM",
        help="authorities to trust; default: RETALK_TRUST names them",
    )
    origin.add_argument(
        "--mark-key", type=read_path, metavar="FILE", help="look for marks under this private key"
    )
    origin.add_argument("--heat", type=read_path, metavar="PICTURE", help="write where the mark is and isn't")
    _add_records(origin)
    add_talk(origin)


def _learn_selfcheck(check: argparse.ArgumentParser) -> None:
    from .evaluation.words import learn_selfcheck

    learn_selfcheck(check)


def _learn_train(train: argparse.ArgumentParser) -> None:
    from .training import learn_train

    learn_train(train)


# Commands that look after files


def _learn_models(models: argparse.ArgumentParser) -> None:
    from ..stages.options import PRESETS
    from .words import add_verbose, read_path

    actions = models.add_subparsers(title="actions", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="what is there, what is missing, where it is looked for")
    listing.set_defaults(run=run_models_list)
    listing.add_argument("--json", action="store_true", help="print it as JSON")

    getting = actions.add_parser("download", help="fetch official files and check them")
    getting.set_defaults(run=run_models_download)
    getting.add_argument("names", nargs="*", metavar="NAME", help="such as dnet, gfpgan or GFPGANv1.4.pth")
    getting.add_argument("--preset", choices=PRESETS, help="all that a preset lacks")
    getting.add_argument("--mirror", action="append", default=[], metavar="URL", help="try URL/FILE first")
    getting.add_argument("--proxy", metavar="URL", help="default: the environment's")
    getting.add_argument("-q", "--quiet", action="store_true", help="no progress bars")

    checking = actions.add_parser("verify", help="check hashes, sizes and tensors")
    checking.set_defaults(run=run_models_verify)
    checking.add_argument("names", nargs="*", metavar="NAME", help="default: all that are there")
    checking.add_argument("--run", dest="try_out", action="store_true", help="also run each network once")

    converting = actions.add_parser("convert", help="write weights as safetensors")
    converting.set_defaults(run=run_models_convert)
    converting.add_argument("file", type=Path)
    converting.add_argument("-o", "--output", type=Path, help="default: the same name, .safetensors")
    converting.add_argument("--half", action="store_true", help="in 16 bits: half the size, less exact")

    for action in (listing, getting, checking):
        action.add_argument(
            "--folder",
            "--models",  # as `retalk dub` calls it
            type=read_path,
            metavar="FOLDER",
            help="look, or put files, here and nowhere else",
        )
    for action in (listing, getting, checking, converting):
        add_verbose(action)


def _learn_marks(marks: argparse.ArgumentParser) -> None:
    from .origin import run_marks_certificate, run_marks_forget, run_marks_list, run_marks_show
    from .words import add_verbose

    actions = marks.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the dubs that were marked or signed here")
    listing.set_defaults(run=run_marks_list)
    showing = actions.add_parser("show", help="all that is known of one")
    showing.set_defaults(run=run_marks_show)
    showing.add_argument("id", help="its digits, or the first of them")
    forgetting = actions.add_parser("forget", help="remove what is known; files stay as they are")
    forgetting.set_defaults(run=run_marks_forget)
    forgetting.add_argument("id", nargs="?", help="its digits, or the first of them")
    forgetting.add_argument("--all", action="store_true", help="forget every dub")
    making = actions.add_parser("certificate", help="make a certificate that signs, or show the one in use")
    making.set_defaults(run=run_marks_certificate)
    making.add_argument("--holder", metavar="NAME", help="the organisation that viewers show")
    for action in (listing, showing):
        action.add_argument("--json", action="store_true", help="print it as JSON")
    for action in (listing, showing, forgetting, making):
        _add_records(action)
        add_verbose(action)


def _add_records(command: argparse.ArgumentParser) -> None:
    from .words import read_path

    command.add_argument(
        "--records",
        type=read_path,
        metavar="FOLDER",
        help="where dubs are remembered; default: RETALK_RECORDS, ComfyUI's user folder, or the platform's",
    )


def _learn_work(work: argparse.ArgumentParser) -> None:
    from .words import add_verbose, read_path

    actions = work.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what dubs left in a folder, its size and age")
    listing.set_defaults(run=run_work_list)
    clearing = actions.add_parser("clear", help="remove it; what a running dub uses stays")
    clearing.set_defaults(run=run_work_clear)
    clearing.add_argument("--older-than", type=float, metavar="DAYS", help="only what was unused for so long")
    for action in (listing, clearing):
        action.add_argument("folder", type=read_path, help="what was given as --work-dir")
        add_verbose(action)
