"""The `retalk` command: dub a clip, inspect one, make the demo, look after the weights."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from .. import __version__
from .cli_options import dub_options, face_choice
from .errors import InputError, OptionError, RetalkError

if TYPE_CHECKING:  # imported where they are used: --help shall not wait for torch
    from .jobs import StoredJob
    from .model_files import ModelFiles
    from .networks import LocalNetworks
    from .pipeline import Dubbed
    from .types import Progress

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FAILED, MISTAKE, INTERRUPTED = 1, 3, 130
STAGES = {
    "listen": "listening",
    "track": "finding the face",
    "frame": "framing the face",
    "fit": "reading its expression",
    "dub": "dubbing",
    "check": "checking",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    returns: 0; 1 for what the user can put right; 3 for a mistake of ours; 130 when stopped
    Words that can't be understood exit with 2.
    """
    args = _parser().parse_args(argv)
    try:
        with _stopping_cleanly():
            args.run(args)
    except RetalkError as error:
        print(f"retalk: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("retalk: stopped; nothing was written.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # a mistake of ours: say so in a line, and where with -v
        if args.verbose:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        print(
            f"retalk: this should not have happened ({what}). Please report it with what -v prints.",
            file=sys.stderr,
        )
        return MISTAKE
    return 0


@contextmanager
def _stopping_cleanly() -> Iterator[None]:
    """Being terminated cleans up as Ctrl-C does. Only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


# Words of the command line


def _parser() -> argparse.ArgumentParser:
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
    dub.set_defaults(run=_run_dub)
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
    inspect.set_defaults(run=_run_inspect)
    inspect.add_argument("clip", type=Path)
    inspect.add_argument("-o", "--output", type=Path, help="a video with the track drawn in, or a .png sheet")
    _add_face_choice(inspect.add_argument_group("whose face"))
    _add_talk(inspect)


def _add_demo(commands: _Commands) -> None:
    demo = commands.add_parser("demo", help="dub a public-domain portrait with a synthetic voice")
    demo.set_defaults(run=_run_demo)
    demo.add_argument("-o", "--output", type=Path, default=Path("out/demo.mp4"), help="default: out/demo.mp4")
    _add_talk(demo)


def _add_models(commands: _Commands) -> None:
    models = commands.add_parser("models", help="list, download, verify and convert files of weights")
    actions = models.add_subparsers(title="actions", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="what is there, what is missing, where it is looked for")
    listing.set_defaults(run=_run_models_list)
    listing.add_argument("--json", action="store_true", help="print it as JSON")

    getting = actions.add_parser("download", help="fetch official files and check them")
    getting.set_defaults(run=_run_models_download)
    getting.add_argument("names", nargs="*", metavar="NAME", help="such as dnet, gfpgan or GFPGANv1.4.pth")
    getting.add_argument("--preset", choices=("fast", "paper", "original"), help="all that a preset lacks")
    getting.add_argument("--mirror", action="append", default=[], metavar="URL", help="try URL/FILE first")
    getting.add_argument("--proxy", metavar="URL", help="default: the environment's")
    getting.add_argument("-q", "--quiet", action="store_true", help="no progress bars")

    checking = actions.add_parser("verify", help="check hashes, sizes and tensors")
    checking.set_defaults(run=_run_models_verify)
    checking.add_argument("names", nargs="*", metavar="NAME", help="default: all that are there")
    checking.add_argument("--run", dest="try_out", action="store_true", help="also run each network once")

    converting = actions.add_parser("convert", help="write weights as safetensors")
    converting.set_defaults(run=_run_models_convert)
    converting.add_argument("file", type=Path)
    converting.add_argument("-o", "--output", type=Path, help="default: the same name, .safetensors")
    converting.add_argument("--half", action="store_true", help="in 16 bits: half the size, less exact")

    for action in (listing, getting, checking):
        action.add_argument("--folder", type=Path, help="look, or put files, here and nowhere else")
    for action in (listing, getting, checking, converting):
        action.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")


def _add_jobs(commands: _Commands) -> None:
    jobs = commands.add_parser("jobs", help="list or clear what --work-dir keeps")
    actions = jobs.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the jobs in a folder, their size and age")
    listing.set_defaults(run=_run_jobs_list)
    clearing = actions.add_parser("clear", help="remove jobs; a running one stays")
    clearing.set_defaults(run=_run_jobs_clear)
    clearing.add_argument("--older-than", type=float, metavar="DAYS", help="only those unused for so long")
    for action in (listing, clearing):
        action.add_argument("folder", type=Path, help="what was given as --work-dir")
        action.add_argument("-v", "--verbose", action="store_true", help="say where a mistake happened")


# What the commands do


def _run_dub(args: argparse.Namespace) -> None:
    from .pipeline import dub
    from .video import open_clip

    _check_results(
        given=(args.clip, args.voice, args.soundtrack, args.face_mask),
        made=(args.output, args.sheet, args.chart, args.report),
    )
    options = dub_options(args)
    clip = open_clip(args.clip)
    with _Bars(args.quiet) as bars:
        dubbed = dub(clip, args.voice, args.output, options, _networks(args), bars)
    _hand_over(dubbed, args)


def _networks(args: argparse.Namespace) -> LocalNetworks:
    from .model_files import ModelFiles
    from .networks import LocalNetworks

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
    from .pictures import write_file, write_picture

    for path, picture in ((args.sheet, dubbed.sheet), (args.chart, dubbed.chart)):
        if path:
            write_picture(path, picture)
    if args.report:
        write_file(args.report, f"{dubbed.report.to_json()}\n".encode())
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())


def _run_inspect(args: argparse.Namespace) -> None:
    from .faces import load_face_networks, track_faces
    from .overlay import describe_track, overlay_sheet, track_lines, write_overlay
    from .pictures import write_picture
    from .video import open_clip, prefetch

    _check_results(given=(args.clip, args.face_mask), made=(args.output,))
    clip = open_clip(args.clip)
    frames = range(len(clip.times))
    with _Bars(args.quiet) as bars:
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


def _run_demo(args: argparse.Namespace) -> None:
    from .demo import run_demo

    with _Bars(args.quiet) as bars:
        dubbed, sheet = run_demo(args.output, bars)
    print(dubbed.report.to_json() if args.json else dubbed.report.to_text())
    if not args.json:
        print(f"\nvideo: {args.output}\ncontact sheet: {sheet}")


def _run_jobs_list(args: argparse.Namespace) -> None:
    from .jobs import list_jobs

    found = list_jobs(_existing(args.folder))
    for job in found:
        print(_job_line(job))
    if not found:
        print(f"{args.folder} holds no jobs.")


def _run_jobs_clear(args: argparse.Namespace) -> None:
    from .jobs import clear_jobs

    days = None if args.older_than is None else timedelta(days=args.older_than)
    for job in clear_jobs(_existing(args.folder), older_than=days):
        print(f"removed: {_job_line(job)}")


def _existing(folder: Path) -> Path:
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike a Path's, it never raises
        raise InputError(f"The folder {folder} does not exist. Name the one that was given as --work-dir.")
    return folder


def _job_line(job: StoredJob) -> str:
    used = datetime.fromtimestamp(job.used).isoformat(" ", "minutes")
    return f"{job.key}  {job.chunks} chunks, {job.size / 1e6:.1f} MB, last used {used}"


def _run_models_list(args: argparse.Namespace) -> None:
    from .model_commands import survey, survey_lines

    files = _model_files(args)
    if args.json:
        print(json.dumps(survey(files), indent=2, ensure_ascii=False))
        return
    for line in survey_lines(files):
        print(line)


def _run_models_download(args: argparse.Namespace) -> None:
    from .download import Route
    from .model_commands import fetch

    route = Route.of(args.mirror, args.proxy)
    with _Bars(args.quiet) as bars:
        fetch(args.names, args.preset, _model_files(args), args.folder, route, bar=bars.of_bytes)


def _run_models_verify(args: argparse.Namespace) -> None:
    from .model_commands import verify

    for line in verify(_model_files(args), args.names, run=args.try_out):
        print(line, flush=True)


def _run_models_convert(args: argparse.Namespace) -> None:
    from .model_commands import convert

    print(f"written: {convert(args.file, args.output, half=args.half)}")


def _model_files(args: argparse.Namespace) -> ModelFiles:
    from .model_files import ModelFiles

    return ModelFiles([args.folder] if args.folder else None)


# Progress


class _Bars:
    """One progress bar for each stage, with rate and remaining time; on a terminal or in a log."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *failure: object) -> None:
        self._close()

    def __call__(self, stage: str) -> Progress:
        return self._open(STAGES.get(stage, stage), " s" if stage == "listen" else " frames")

    def of_bytes(self, name: str) -> Progress:
        """A bar that counts bytes."""
        return self._open(name, "B", unit_scale=True)

    def _open(self, words: str, unit: str, **more: Any) -> Progress:  # noqa: ANN401
        from tqdm import tqdm

        self._close()
        seen_live = sys.stderr.isatty()
        bar = tqdm(
            desc=words,
            unit=unit,
            disable=self._quiet,
            mininterval=0.2 if seen_live else 15,
            leave=True,
            file=sys.stderr,
            **more,
        )
        self._bar = bar

        def tell(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return tell

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
