"""What draws the lips, beside L-Net: CPU seconds a frame, and every choice around it.

python benchmarks/other_lips.py speed [--frames 8] [--runs 3] [--models FOLDER]
python benchmarks/other_lips.py matrix CLIP VOICE [--frames 2] [--side 256] [--models FOLDER]
                                                          [--lips WORD ...]

Weights are the tests' deterministic ones, or those of a folder. `speed` shows each network the frame itself
as its reference and gives CPU seconds of all threads, the least of some runs; `fast` is all that its preset
computes for a frame. `matrix` makes a dub for each network x reference x E-Net x restorer x paste, of a
clip's first frames made small, with all networks loaded once. It counts frames that are missing or come at
another time, and pixels that differ from the clip outside what was pasted, and fails where there are any.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.analysis import analyse
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.session import begin_session, quiet
from retalk_nodes.retalk_core.dub.stream import finished_frames, make_engine
from retalk_nodes.retalk_core.images import eight_bit, shrink
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.writer import VideoWriter
from retalk_nodes.retalk_core.stages.lips.enet import enhance_identity
from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.times import exact_tick
from retalk_nodes.retalk_core.types import silent
from retalk_nodes.retalk_core.weights.files import ModelFiles

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
import recipe  # beside the tests

PASTES = ("face", "box")


def spent(run: Callable[[], object], runs: int) -> float:
    """CPU seconds of all threads, the least of some runs."""
    least = math.inf
    with torch.inference_mode():
        for _ in range(runs):
            begun = time.process_time()
            run()
            least = min(least, time.process_time() - begun)
    return least


def measure_speed(frames: int, runs: int, files: ModelFiles) -> None:
    """Print a line for each network, and one for all that the preset `fast` computes."""
    sound = torch.from_numpy(recipe.noise(0, "voice", (frames * 640 + 8000,)) * 0.1).float()
    seconds = {}
    for word, syncer in SYNCERS.items():
        networks = {key: files.load(key) for key in syncer.wants.networks}
        faces = torch.from_numpy(
            recipe.image_u8(0, "face", (frames, 3, syncer.wants.seen, syncer.wants.seen))
        )
        pictures = faces.permute(0, 2, 3, 1).float() / 255
        windows = syncer.windows(syncer.spectrogram(sound), [Fraction(i, 25) for i in range(frames)])
        batch = min(cost.most for key in networks if (cost := NETWORKS[key].cost))

        draw = partial(syncer.sync, networks, pictures, pictures, windows, batch_size=batch, progress=silent)
        seconds[word] = spent(draw, runs) / frames
        print(f"{word:12} {seconds[word]:.3f} CPU seconds a frame", flush=True)
    fast = seconds["lnet"] + _rest_of_fast(frames, runs, files)
    print(f"{'fast':12} {fast:.3f} CPU seconds a frame: 3DMM, D-Net, L-Net, E-Net")
    for word, value in seconds.items():
        print(f"{word:12} {value / fast:.2f} of fast's")


def _rest_of_fast(frames: int, runs: int, files: ModelFiles) -> float:
    """CPU seconds a frame of what `fast` computes beside L-Net."""
    face3d, dnet, enet = (files.load(key) for key in ("face3d", "dnet", "enet"))
    small, large = torch.rand(frames, 96, 96, 3), torch.rand(frames, 384, 384, 3)
    regress = spent(lambda: face3d(torch.rand(frames, 3, 224, 224)), runs)
    calm = spent(
        lambda: [dnet(torch.rand(1, 3, 256, 256), torch.rand(1, 73, 26)) for _ in range(frames)], runs
    )
    sharpen = spent(lambda: enhance_identity(enet, small, large), runs)
    return (regress + calm + sharpen) / frames


def small_clip(clip: Clip, frames: int, side: int, path: Path) -> Clip:
    """The first frames of a clip, losslessly, with a longer side of so many pixels."""
    shown = list(itertools.islice(clip.frames(), frames))
    scale = side / max(clip.size)
    pictures = [shrink(eight_bit(frame.pixels), scale) for frame in shown]
    size = pictures[0].shape[:2]
    with VideoWriter(path, size, rate=clip.rate, tick=exact_tick(clip.times, clip.end), codec="ffv1") as file:
        for picture, time_of, duration in zip(pictures, clip.times, clip.durations, strict=False):
            file.write(picture, time_of, duration)
    return open_clip(path)


@dataclass
class Counted:
    """What a dub gave."""

    frames: int = 0
    edited: int = 0
    outside: int = 0  # pixels that differ where nothing was pasted
    late: int = 0  # frames that show another moment than they should
    wanted: int = 0  # frames

    @property
    def right(self) -> bool:
        return self.frames == self.wanted == self.edited and not self.outside and not self.late


def dub_and_count(clip: Clip, voice: Path, stages: Stages, networks: LocalNetworks) -> Counted:
    """Make a dub as long as the clip, and look at each of its frames."""
    options = DubOptions(engine="retalk", stages=stages, duration=clip.end)
    counted = Counted(wanted=len(clip))
    with begin_session(clip, voice, options, networks, quiet) as session:
        analysis = analyse(session)
        own = list(clip.frames())
        for number, each in enumerate(finished_frames(session, analysis, make_engine(session, analysis))):
            changed = (each.before != each.after).any(axis=2)
            if each.patch is not None:
                counted.edited += 1
                changed[each.patch.box.slices] &= ~each.patch.support
            exact = analysis.timeline.times[number] == clip.times[number]
            same = np.array_equal(each.before, own[number].pixels)
            counted.late += not (exact and same)
            counted.frames += 1
            counted.outside += int(np.count_nonzero(changed))
        counted.late += analysis.timeline.end != clip.end
    return counted


def recipe_files(folder: Path) -> Path:
    """A folder with all networks by the recipe."""
    files = folder / "files"
    files.mkdir()
    recipe.recipe_folder(files)
    recipe.add_other_lips(files)
    (files / "wav2lip.pth").symlink_to(files / "wav2lip_gan.pth")  # told apart by their names
    return files


def measure_matrix(clip: Clip, voice: Path, networks: LocalNetworks, lips: Sequence[str]) -> bool:
    """Print a line for each dub, and say whether all are right."""
    choices = list(itertools.product(lips, (True, False), (True, False), ("gfpgan", "off"), PASTES))
    right, all_begun = 0, time.process_time()
    for word, calm, sharp, restore, paste in choices:
        stages = Stages(lips=word, neutralise=calm, enhance=sharp, restore=restore, paste=paste)  # type: ignore[arg-type]
        begun = time.process_time()
        counted = dub_and_count(clip, voice, stages, networks)
        right += counted.right
        words = f"calm {calm!s:5} enhance {sharp!s:5} restore {restore:6} paste {paste:4}"
        print(
            f"{word:12} {words} {counted.frames} of {counted.wanted} frames, {counted.edited} edited, "
            f"{counted.late} late, {counted.outside} pixels outside, {time.process_time() - begun:.0f} s",
            flush=True,
        )
    took = time.process_time() - all_begun
    print(f"{right} of {len(choices)} dubs are right; {took:.0f} CPU seconds", flush=True)
    return right == len(choices)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_subparsers(dest="what", required=True)
    speed = what.add_parser("speed")
    speed.add_argument("--frames", type=int, default=8)
    speed.add_argument("--runs", type=int, default=3)
    matrix = what.add_parser("matrix")
    matrix.add_argument("clip", type=Path)
    matrix.add_argument("voice", type=Path)
    matrix.add_argument("--frames", type=int, default=2)
    matrix.add_argument("--side", type=int, default=256)
    matrix.add_argument("--lips", nargs="+", choices=tuple(SYNCERS), default=tuple(SYNCERS))
    for each in (speed, matrix):
        each.add_argument("--models", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        models = ModelFiles([args.models or recipe_files(Path(made))])
        if args.what == "speed":
            measure_speed(args.frames, args.runs, models)
            return
        networks = LocalNetworks(models, device="cpu", precision="fp32", resident="together")
        clip = small_clip(open_clip(args.clip), args.frames, args.side, Path(made) / "small.mkv")
        if not measure_matrix(clip, args.voice, networks, args.lips):
            sys.exit(1)


if __name__ == "__main__":
    main()
