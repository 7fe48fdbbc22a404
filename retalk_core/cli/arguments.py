"""The `retalk` command: dub a clip, inspect one, make the demo, look after the weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..version import __version__
from .commands import (
    run_demo,
    run_dub,
    run_inspect,
    run_jobs_clear,
    run_jobs_list,
    run_models_convert,
    run_models_download,
    run_models_list,
    run_models_verify,
)

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


# Words of the command line


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retalk", description="Give a talking-head clip a new voice: the lips follow it."
    )
    parser.add_argument("--version", action="version", version=f"retalk {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_dub(commands)
    _add_inspect(commands)
    _add_demo(commands)
    _add_models(commands)
    _add_jobs(commands)
    return parser


def _add_dub(commands: _Commands) -> None:
    dub = commands.add_parser("dub", help="make the lips in a clip follow a voice")
    dub.set_defaults(run=run_dub)
    dub.add_argument("clip", type=Path, help="a clip, or a still picture")
    dub.add_argument("voice", type=Path, help="a sound file, or a clip with sound")
    dub.add_argument("-o", "--output", type=Path, required=True, help="the file to write: .mp4, .mov, .mkv")
    dub.add_argument(
        "--engine",
        choices=("auto", "retalk", "embedded"),
        default="auto",
        help="retalk: the paper's networks; embedded: a preview that needs no checkpoint; default: auto, "
        "the best that the files here allow",
    )
    dub.add_argument(
        "--preset",
        choices=("fast", "paper", "original"),
        default="paper",
        help="of the engine retalk. fast: D-Net, L-Net, E-Net; paper: the mouth restored too; original: the "
        "reference as well; default: paper",
    )
    _add_stages(dub)
    _add_computing(dub)

    length = dub.add_argument_group("length and time (seconds, or minutes:seconds)")
    length.add_argument(
        "--voice-longer",
        choices=("bounce", "stretch", "hold", "loop", "cut_voice"),
        default="bounce",
        help="what the picture does when the voice outlasts it; default: bounce, to and fro",
    )
    length.add_argument(
        "--voice-shorter",
        choices=("keep_clip", "end_with_voice"),
        default="keep_clip",
        help="default: keep_clip, the rest stays as it is",
    )
    length.add_argument(
        "--pauses",
        choices=("close", "keep_original"),
        default="close",
        help="what the mouth does while the voice rests; default: close",
    )
    length.add_argument("--start", default="0", help="leave out this much of clip and voice")
    length.add_argument("--duration", help="use this much of clip and voice")
    length.add_argument("--edit-only", default="", metavar="RANGES", help='such as "0:01.5-0:03, 10-12"')
    length.add_argument("--fps", metavar="RATE", help="a constant frame rate; default: the clip's own timing")
    length.add_argument("--soundtrack", type=Path, help="what the file shall sound like, if not the voice")

    face = dub.add_argument_group("whose face")
    _add_face_choice(face)
    face.add_argument(
        "--smoothing", choices=("savgol", "none"), default="savgol", help="of landmarks and boxes over time"
    )

    made = dub.add_argument_group("what is made")
    made.add_argument("--codec", choices=("h264", "prores", "ffv1"), default="h264", help="default: h264")
    made.add_argument(
        "--quality", type=int, metavar="CRF", help="of h264, 0 to 51, lower is better; default: 17"
    )
    made.add_argument(
        "--phones",
        choices=("auto", "on", "off"),
        default="auto",
        help="recognise speech sounds with pocketsphinx; default: auto, where it is installed",
    )
    made.add_argument("--sheet", type=Path, metavar="PNG", help="write mouths before and after")
    made.add_argument("--chart", type=Path, metavar="PNG", help="write loudness and mouth opening over time")
    made.add_argument("--report", type=Path, metavar="JSON", help="write the report as JSON")
    made.add_argument("--no-check", action="store_true", help="don't look at the result again")
    _add_talk(dub)


def _add_stages(dub: argparse.ArgumentParser) -> None:
    stages = dub.add_argument_group("stages of the engine retalk, where they shall differ from the preset's")
    stages.add_argument(
        "--face-boxes",
        choices=("track", "s3fd"),
        help="what the face is framed by; s3fd: the original's detector, which takes 0.6 TFLOP for each "
        "megapixel of every frame; default: track",
    )
    stages.add_argument("--no-neutralise", action="store_true", help="the frame itself is the reference")
    stages.add_argument(
        "--expression", metavar="WHICH", help="neutral, smile, or a picture; default: neutral"
    )
    stages.add_argument("--expression-strength", type=float, metavar="0..1", help="default: 1")
    stages.add_argument(
        "--expression-edit",
        action="append",
        default=[],
        metavar="N=X",
        help="add X to coefficient N (0 to 63)",
    )
    stages.add_argument("--one-shot", action="store_true", help="a shot's first face lends all its looks")
    stages.add_argument(
        "--restore-reference", action=argparse.BooleanOptionalAction, help="sharpen the reference with GPEN"
    )
    stages.add_argument("--no-enhance", action="store_true", help="leave L-Net's 96 pixels as they are")
    stages.add_argument("--noise-seed", type=int, metavar="N", help="of E-Net's noise; default: no noise")
    stages.add_argument(
        "--whole-face", action="store_true", help="E-Net's upper face too, as the original does"
    )
    stages.add_argument(
        "--upper-face", metavar="HOW", help="sad, angry, surprise, or action units such as 4=0.3,12=0.5"
    )
    stages.add_argument("--restore", choices=("auto", "gfpgan", "gpen", "off"), help="of the mouth")
    stages.add_argument("--restore-strength", type=float, metavar="0..1", help="default: 1")
    stages.add_argument(
        "--mask-smoothing",
        type=float,
        metavar="SECONDS",
        help="calm the mask of the restored mouth, which then lags that much; default: 0",
    )
    stages.add_argument("--colour-match", type=float, metavar="0..1", help="default: 1")


def _add_computing(dub: argparse.ArgumentParser) -> None:
    computing = dub.add_argument_group("how the engine retalk computes")
    computing.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps; default: auto")
    computing.add_argument(
        "--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto", help="default: auto"
    )
    computing.add_argument(
        "--resident",
        choices=("auto", "together", "one_by_one"),
        default="auto",
        help="keep all networks in memory, or one at a time; default: auto, by free memory",
    )
    computing.add_argument(
        "--batch", type=int, metavar="N", help="pictures at a time; default: by free memory"
    )
    computing.add_argument(
        "--models", type=Path, metavar="FOLDER", help="look for files here and nowhere else"
    )
    computing.add_argument(
        "--work-dir", type=Path, metavar="FOLDER", help="keep finished parts here: a stopped dub can go on"
    )
    computing.add_argument(
        "--work-limit", type=float, default=20, metavar="GB", help="that the folder may hold; default: 20"
    )


def _add_face_choice(group: argparse._ArgumentGroup) -> None:
    which = group.add_mutually_exclusive_group()
    which.add_argument("--face-index", type=int, metavar="N", help="the N-th face from the left, from 0")
    which.add_argument("--face-at", metavar="X,Y", help="the face nearest to this pixel")
    which.add_argument(
        "--face-mask", type=Path, metavar="PICTURE", help="the face that is white in this picture"
    )


def _add_talk(command: argparse.ArgumentParser) -> None:
    talk = command.add_argument_group("what is said")
    talk.add_argument("--json", action="store_true", help="print the report as JSON")
    talk.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    talk.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")


def _add_inspect(commands: _Commands) -> None:
    inspect = commands.add_parser("inspect", help="show which face would be followed, and where it is lost")
    inspect.set_defaults(run=run_inspect)
    inspect.add_argument("clip", type=Path)
    inspect.add_argument("-o", "--output", type=Path, help="a video with the track drawn in, or a .png sheet")
    _add_face_choice(inspect.add_argument_group("whose face"))
    _add_talk(inspect)


def _add_demo(commands: _Commands) -> None:
    demo = commands.add_parser("demo", help="dub a public-domain portrait with a synthetic voice")
    demo.set_defaults(run=run_demo)
    demo.add_argument("-o", "--output", type=Path, default=Path("out/demo.mp4"), help="default: out/demo.mp4")
    _add_talk(demo)


def _add_models(commands: _Commands) -> None:
    models = commands.add_parser("models", help="list, download, verify and convert files of weights")
    actions = models.add_subparsers(title="actions", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="what is there, what is missing, where it is looked for")
    listing.set_defaults(run=run_models_list)
    listing.add_argument("--json", action="store_true", help="print it as JSON")

    getting = actions.add_parser("download", help="fetch official files and check them")
    getting.set_defaults(run=run_models_download)
    getting.add_argument("names", nargs="*", metavar="NAME", help="such as dnet, gfpgan or GFPGANv1.4.pth")
    getting.add_argument("--preset", choices=("fast", "paper", "original"), help="all that a preset lacks")
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
            type=Path,
            metavar="FOLDER",
            help="look, or put files, here and nowhere else",
        )
    for action in (listing, getting, checking, converting):
        action.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")


def _add_jobs(commands: _Commands) -> None:
    jobs = commands.add_parser("jobs", help="list or clear what --work-dir keeps")
    actions = jobs.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the jobs in a folder, their size and age")
    listing.set_defaults(run=run_jobs_list)
    clearing = actions.add_parser("clear", help="remove jobs; a running one stays")
    clearing.set_defaults(run=run_jobs_clear)
    clearing.add_argument("--older-than", type=float, metavar="DAYS", help="only those unused for so long")
    for action in (listing, clearing):
        action.add_argument("folder", type=Path, help="what was given as --work-dir")
        action.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")
