"""What `retalk train` does, and its words."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .bars import Bars

if TYPE_CHECKING:
    from collections.abc import Callable

TRAINED = {
    "sync": "the expert that tells whether lips and speech belong together",
    "dnet": "D-Net, which changes an expression",
    "lnet": "L-Net, which draws lips",
    "enet": "E-Net, which redraws a face sharply",
}


def learn_train(train: argparse.ArgumentParser) -> None:
    """Its words."""
    from .words import read_path

    actions = train.add_subparsers(title="actions", required=True, metavar="ACTION")
    _learn_prepare(actions.add_parser("prepare", help="turn talking videos into a set to learn from"))
    _learn_enhance(actions.add_parser("enhance-set", help="make E-Net's set of sharp faces with GPEN"))
    for kind, told in TRAINED.items():
        each = actions.add_parser(kind, help=f"train {told}")
        each.set_defaults(run=run_training, kind=kind)
        each.add_argument("settings", nargs="*", help="a file RUN.toml, and words such as pace.steps=1000")
        each.add_argument("--knobs", action="store_true", help="list every setting with its reason")
        _add_usual(each)
    person = actions.add_parser("personalise", help="fit E-Net or L-Net to one speaker's clip")
    person.set_defaults(run=run_personalise)
    person.add_argument("clip", type=read_path, help="a clip of one person who speaks")
    person.add_argument(
        "-o", "--output", type=read_path, required=True, help="the file to write: .safetensors"
    )
    person.add_argument("--network", choices=("enet", "lnet"), default="enet", help="default: enet")
    person.add_argument("--from", dest="begin", type=read_path, metavar="FILE", help="weights to begin with")
    person.add_argument(
        "--lnet", default="official", help="for E-Net: L-Net's file; default: the installed one"
    )
    person.add_argument("--minutes", type=float, default=30.0, help="at most; default: 30")
    person.add_argument(
        "--keep-worse", action="store_true", help="write the result although it became no better"
    )
    person.add_argument("--strip", type=read_path, metavar="PICTURE", help="before and after, side by side")
    person.add_argument(
        "--settings", nargs="*", default=[], metavar="NAME=VALUE", help="words such as pace.batch=1"
    )
    _add_rights(person)
    _add_usual(person)
    export = actions.add_parser(
        "export", help="write a run's network as a file that is loaded like any other"
    )
    export.set_defaults(run=run_export)
    export.add_argument("source", type=read_path, help="a run's folder, or one of its states")
    export.add_argument("-o", "--output", type=read_path, required=True, help="the file: .safetensors")
    export.add_argument("--licence", default="", help="of the result; default: that of what it learnt from")
    export.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")


def _learn_prepare(prepare: argparse.ArgumentParser) -> None:
    from .words import read_path

    prepare.set_defaults(run=run_prepare)
    prepare.add_argument("folder", type=read_path, help="of videos, folders within too")
    prepare.add_argument("-o", "--output", type=read_path, required=True, metavar="SET", help="its folder")
    prepare.add_argument("--layout", choices=("any", "lrs2", "voxceleb", "hdtf"), default="any")
    prepare.add_argument("--coefficients", action="store_true", help="read 3DMM coefficients too, for D-Net")
    prepare.add_argument(
        "--references", action="store_true", help="make D-Net's calm faces too, for L-Net; reads coefficients"
    )
    prepare.add_argument("--processes", type=int, default=1, metavar="N", help="that work side by side")
    filters = prepare.add_argument_group("what is learnt from")
    filters.add_argument("--least-face", type=int, default=64, metavar="PIXELS", help="default: 64")
    filters.add_argument("--most-yaw", type=float, default=45.0, metavar="DEGREES", help="default: 45")
    filters.add_argument(
        "--expert", type=read_path, metavar="FILE", help="drop clips whose sound is late or early"
    )
    _add_rights(prepare)
    _add_usual(prepare)


def _learn_enhance(enhance: argparse.ArgumentParser) -> None:
    from .words import read_path

    enhance.set_defaults(run=run_enhance)
    enhance.add_argument("folder", type=read_path, metavar="SET", help="a prepared set")
    enhance.add_argument("-o", "--output", type=read_path, required=True, help="the folder of the sharp set")
    enhance.add_argument("--device", default="auto", help="cpu, cuda, …; default: the fastest there is")
    _add_usual(enhance)


def _add_rights(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rights", default="", metavar="WORDS", help="the licence, or whose consent there is"
    )


def _add_usual(command: argparse.ArgumentParser) -> None:
    from .words import read_path

    command.add_argument("--models", type=read_path, metavar="FOLDER", help="look for weights here only")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    command.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")


def run_prepare(args: argparse.Namespace) -> None:
    from ..training.data.layouts import find_videos
    from ..training.data.prepare import Filters
    from ..training.data.sets import REPORT, SHEET, prepare_set

    videos = find_videos(args.folder, args.layout)
    filters = Filters(least_face=args.least_face, most_yaw=args.most_yaw)
    with Bars(args.quiet) as bars:
        found = prepare_set(
            videos,
            args.output,
            _rights(args.rights, args.folder),
            filters,
            coefficients=args.coefficients,
            references=args.references,
            models=args.models,
            expert=args.expert,
            processes=args.processes,
            progress=bars.of("preparing", " videos"),
        )
    kept = sum(not each.dropped for each in found)
    print(
        f"{kept} of {len(found)} videos can be learnt from; {args.output / REPORT} and {args.output / SHEET}"
    )
    for each in found:
        if each.dropped:
            print(f"dropped: {each.name}: {each.dropped}")


def run_enhance(args: argparse.Namespace) -> None:
    from ..training.data.enhance import enhance_set

    with Bars(args.quiet) as bars:
        made = enhance_set(
            args.folder,
            args.output,
            models=args.models,
            device=args.device,
            progress=bars.of("enhancing", " frames"),
        )
    print(f"{len(made)} clips are sharp now: {args.output}")


def _rights(stated: str, source: Path) -> str:
    """The licence or consent; a person at a terminal is asked for it."""
    if stated or not (sys.stdin and sys.stdin.isatty()):
        return stated
    print(f"Under which licence, or with whose consent, may {source} be learnt from?", file=sys.stderr)
    return input("> ")


def run_training(args: argparse.Namespace) -> None:
    from ..training.runs import knob_lines, read_settings, start

    files = [word for word in args.settings if "=" not in word]
    words = [word for word in args.settings if "=" in word]
    if args.knobs:
        print("\n".join(knob_lines(args.kind, words)))
        return
    if len(files) > 1:
        from ..errors import OptionError

        raise OptionError(f"{files[1]!r} is a second file of settings: give one, and words with = in them.")
    run = read_settings(args.kind, Path(files[0]) if files else None, words)
    with Bars(args.quiet) as bars:
        learnt = start(
            args.kind, run, models=args.models, progress=bars.of("learning", " steps"), tell=_teller()
        )
    losses = ", ".join(f"{name} {value:.4g}" for name, value in learnt.losses.items())
    begun = f" (went on from {learnt.begun})" if learnt.begun else ""
    print(f"{learnt.steps} steps{begun} in {learnt.seconds:.0f} s: {losses}")
    print(
        f"{run.out} holds log, strips and states; `retalk train export {run.out} -o FILE` writes the network"
    )


def _teller() -> Callable[[str], None]:
    return lambda words: print(words, file=sys.stderr)


def run_export(args: argparse.Namespace) -> None:
    from ..training.export import export_run

    print(f"written: {export_run(args.source, args.output, args.licence)}")


def run_personalise(args: argparse.Namespace) -> None:
    from ..training.personalise import Personal, personalise

    wanted = Personal(
        network=args.network,
        begin=args.begin,
        lnet=args.lnet,
        minutes=args.minutes,
        words=tuple(args.settings),
        models=args.models,
        keep_worse=args.keep_worse,
    )
    rights = _rights(args.rights, args.clip)
    with Bars(args.quiet) as bars:
        made = personalise(args.clip, args.output, rights, wanted, args.strip, bars.of("learning", " steps"))
    for doubt in made["doubts"]:
        print(f"doubtful: {doubt}.", file=sys.stderr)
    print(json.dumps(made, indent=2))
