"""A receipt for an installation: what is here, how fast it is, and how a known clip comes out.

A clip is dubbed with its own voice and held against itself: there is a truth then. Nothing is kept.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ...models.catalog import ROWS
from ..compute.devices import choose_device, device_name
from ..compute.provider import LocalNetworks
from ..dub.choose import choose_engine
from ..dub.options import DubOptions
from ..dub.pipeline import Dubbed, dub
from ..dub.session import StageProgress, quiet
from ..errors import RetalkError
from ..media.clip import Clip, part_of
from ..media.reader import open_clip
from ..media.sound import SoundSource
from ..stages.options import Stages
from ..types import Progress
from ..version import __version__
from ..weights.files import ModelFiles
from .judge import Judgement, judge
from .question import Question, plain_metrics
from .tell import lines

SECONDS = 120.0  # that all of it may take
_LONGEST, _SHORTEST = Fraction(5), Fraction(1, 5)  # seconds of the clip that are dubbed
_FOR_DUBS = 0.35  # of the time that is left after a short trial; the rest is for judging
LIBRARIES = ("torch", "torchvision", "numpy", "opencv-python", "av", "librosa", "facexlib", "pocketsphinx")


@dataclass(frozen=True, eq=False)
class Receipt:
    """What was found."""

    dubbed: Dubbed
    judgement: Judgement
    length: Fraction  # seconds of the clip
    spent: float  # seconds of work
    own_voice: bool  # the clip spoke with its own voice, so that there was a truth


def selfcheck(
    clip: Clip,
    voice: SoundSource | None,
    networks: LocalNetworks,
    progress: StageProgress = quiet,
    seconds: float = SECONDS,
) -> Receipt:
    """Dub a part of a clip and judge it, in two minutes where the machine allows.

    voice:   what it shall say; None: its own voice, against which the result is held
    seconds: that all of it may take; a slow machine dubs less of the clip, but at least 0.2 seconds
    raises:  InputError, NoFaceError; CheckpointError for weights that break while they compute; RetalkError
             where the time is over
    """
    begun = time.perf_counter()
    progress = in_time(progress, seconds)
    with tempfile.TemporaryDirectory(prefix="retalk-") as folder:
        output = Path(folder) / "out.mkv"
        sound = clip.path if voice is None else voice
        length = min(_SHORTEST, clip.end)
        options = _options(networks, own_voice=voice is None)
        dubbed = dub(clip, sound, output, replace(options, duration=length), networks, progress)
        trial = time.perf_counter() - begun
        affordable = Fraction(_FOR_DUBS * max(seconds - trial, 0) / max(trial, 1e-3)) * length
        if min(affordable, clip.end) > 2 * length:
            length = min(affordable.limit_denominator(1000), clip.end, _LONGEST)
            dubbed = dub(clip, sound, output, replace(options, duration=length), networks, progress)
        question = Question(
            result=open_clip(output),
            source=part_of(clip, Fraction(0), length),
            voice=sound if voice is not None else None,
            truth=voice is None,
            names=_names(networks),
        )
        judgement = judge(question, networks, progress)
    return Receipt(dubbed, judgement, length, time.perf_counter() - begun, voice is None)


def in_time(progress: StageProgress, seconds: float) -> StageProgress:
    """Progress that raises RetalkError once so much time has gone by."""
    until = time.perf_counter() + seconds

    def begin(stage: str) -> Progress:
        tell = progress(stage)

        def told(done: int, total: int | None) -> None:
            if time.perf_counter() > until:
                raise RetalkError(
                    f"This takes more than {seconds:g} s and was stopped (at the stage {stage}): the machine "
                    "is too slow or too busy for these networks. Try again when nothing else runs on it."
                )
            tell(done, total)

        return told

    return begin


def _options(networks: LocalNetworks, *, own_voice: bool) -> DubOptions:
    """A lossless dub by the best engine there is, so that no encoder is judged with it.

    own_voice: its frames show the truth, so a frame must not lend its own mouth: the shot's first face serves
               the paper's networks for all of them
    """
    options = DubOptions(codec="ffv1")
    choice = choose_engine(options, networks)
    if choice.preset is None or not own_voice:
        return options
    batch = 1 if networks.device.type == "cpu" else None  # a processor can be stopped between pictures only
    return replace(options, preset=choice.preset, stages=Stages.of(choice.preset, one_shot=True), batch=batch)


def _names(networks: LocalNetworks) -> tuple[str, ...]:
    """What is judged: all that there are weights for, but for what takes long and says nothing of lips."""
    extra = {"syncnet": ("lse_d", "lse_c", "sync_offset"), "arcface": ("identity",)}
    extra |= {"lpips": ("lower_face_lpips",)}
    have = [name for key, names in extra.items() if not networks.lacking([(key,)]) for name in names]
    return (*(name for name in plain_metrics() if name != "niqe"), *have)


def receipt_lines(receipt: Receipt) -> Iterator[str]:
    """What was found, as text to paste into a report; it names no folder."""
    report = receipt.dubbed.report
    yield (
        f"dubbed: {float(receipt.length):.2f} s, {report.frames_out} frames of {report.frame_size[1]}x"
        f"{report.frame_size[0]}, engine {report.engine} ({report.engine_note})"
    )
    for stage, spent in report.seconds.items():
        yield f"  {stage}: {spent:.2f} s, {spent / max(report.frames_out, 1):.3f} s a frame"
    if report.networks:
        yield f"  computed in {report.networks['precision']} on {report.networks['device']}"
    yield from (f"  left as it was: {stretch}" for stretch in report.untouched)
    yield from (f"  note: {warning}" for warning in report.warnings)
    if receipt.own_voice:
        yield "Held against the truth, since the clip spoke with its own voice:"
        if report.preview:
            yield "  the preview lends the clip's own mouths, the frame's own too: its figures flatter it"
        else:
            yield "  the reference is each shot's first face"
    else:
        yield "Held against the source; with another voice there is no truth: name a clip with sound for one."
    yield from (f"  {line}" for line in lines(receipt.judgement) if not _is_chatter(line))
    yield f"took {receipt.spent:.0f} s"


def _is_chatter(line: str) -> bool:
    """What a receipt does without: metrics that can't be told, and the paper's figures."""
    return "unavailable (" in line or line.startswith(("The paper's", "  LRS2", "  HDTF"))


def machine_lines() -> Iterator[str]:
    """System, Python, libraries, and what there is to compute on."""
    yield f"ReTalk {__version__} selfcheck"
    yield f"system: {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    have = [f"{name} {found}" for name in LIBRARIES if (found := _version_of(name))]
    yield f"libraries: {', '.join(have)}"
    device = choose_device("auto")
    memory = ""
    if device.type == "cuda":
        memory = f", {torch.cuda.get_device_properties(device).total_memory / 1e9:.0f} GB"
    cores = f"{os.cpu_count()} processors, {torch.get_num_threads()} threads"
    yield f"computes on: {device_name(device)}{memory}; {cores}"


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        if name == "opencv-python" and (cv2 := sys.modules.get("cv2")):
            found: Any = cv2
            return f"{found.__version__} (another build)"
        return ""


def weight_lines(files: ModelFiles) -> Iterator[str]:
    """Which files of weights are there, by name and hash, and what is odd about them."""
    any_found = False
    for key in dict.fromkeys(row.place_key for row in ROWS):
        found = files.find(key)
        for problem in files.refused(key):
            yield f"weights refused: {_without_folders(problem, files)}"
        if found is None:
            continue
        any_found = True
        path, known = found
        odd = f"; {_without_folders(known.warning, files)}" if known.warning else ""
        yield f"weights: {key}: {path.name}, sha256 {known.sha256[:16]}{odd}"
    if not any_found:
        yield "weights: none found, so the preview ran"


def _without_folders(words: str, files: ModelFiles) -> str:
    """Words without the folders' names: a receipt is pasted where others read it."""
    for folder in files.folders:
        words = words.replace(f"{folder}{os.sep}", "")
    return words
