"""What draws the lips, beside L-Net: CPU seconds a frame, and every choice around it.

python benchmarks/other_lips.py speed [--frames 8] [--runs 3]
python benchmarks/other_lips.py matrix CLIP VOICE [--seconds 0.5]

Weights are the tests' deterministic ones. `speed` shows each network the frame itself as its reference and
gives CPU seconds of all threads, the least of some runs; `fast` is all that its preset computes for a frame.
`matrix` makes a dub for each network x reference x E-Net x restorer x paste, and counts frames and the pixels
that differ from the clip outside what was pasted.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.checkpoint import load
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.analysis import analyse
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.session import begin_session, quiet
from retalk_nodes.retalk_core.dub.stream import finished_frames, make_engine
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.stages.lips.enet import enhance_identity
from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.types import silent
from retalk_nodes.retalk_core.weights.files import ModelFiles
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
import recipe  # beside the tests


def network(key: str, folder: Path) -> nn.Module:
    """A network with the recipe's weights."""
    builder = NETWORKS[key].build
    return load(builder.create(), recipe.recipe_weights(key, 0, folder), builder.find_layout(), key)


def spent(run: Callable[[], object], runs: int) -> float:
    """CPU seconds of all threads, the least of some runs."""
    least = math.inf
    with torch.inference_mode():
        for _ in range(runs):
            begun = time.process_time()
            run()
            least = min(least, time.process_time() - begun)
    return least


def measure_speed(frames: int, runs: int, folder: Path) -> None:
    """Print a line for each network, and one for all that the preset `fast` computes."""
    sound = torch.from_numpy(recipe.noise(0, "voice", (frames * 640 + 8000,)) * 0.1).float()
    seconds = {}
    for word, syncer in SYNCERS.items():
        networks = {key: network(key, folder) for key in syncer.wants.networks}
        faces = torch.from_numpy(
            recipe.image_u8(0, "face", (frames, 3, syncer.wants.seen, syncer.wants.seen))
        )
        pictures = faces.permute(0, 2, 3, 1).float() / 255
        windows = syncer.windows(syncer.spectrogram(sound), [Fraction(i, 25) for i in range(frames)])
        batch = min(cost.most for key in networks if (cost := NETWORKS[key].cost))

        draw = partial(syncer.sync, networks, pictures, pictures, windows, batch_size=batch, progress=silent)
        seconds[word] = spent(draw, runs) / frames
        print(f"{word:12} {seconds[word]:.3f} CPU seconds a frame", flush=True)
    fast = seconds["lnet"] + _rest_of_fast(frames, runs, folder)
    print(f"{'fast':12} {fast:.3f} CPU seconds a frame: 3DMM, D-Net, L-Net, E-Net")
    for word, value in seconds.items():
        print(f"{word:12} {value / fast:.2f} of fast's")


def _rest_of_fast(frames: int, runs: int, folder: Path) -> float:
    """CPU seconds a frame of what `fast` computes beside L-Net."""
    face3d, dnet, enet = (network(key, folder) for key in ("face3d", "dnet", "enet"))
    small, large = torch.rand(frames, 96, 96, 3), torch.rand(frames, 384, 384, 3)
    regress = spent(lambda: face3d(torch.rand(frames, 3, 224, 224)), runs)
    calm = spent(
        lambda: [dnet(torch.rand(1, 3, 256, 256), torch.rand(1, 73, 26)) for _ in range(frames)], runs
    )
    sharpen = spent(lambda: enhance_identity(enet, small, large), runs)
    return (regress + calm + sharpen) / frames


def measure_matrix(clip: Path, voice: Path, seconds: Fraction, folder: Path) -> None:
    """Print a line for each dub."""
    files = folder / "files"
    files.mkdir()
    recipe.recipe_folder(files)
    recipe.add_other_lips(files)
    networks = LocalNetworks(ModelFiles([files]), device="cpu", precision="fp32")
    choices = itertools.product(SYNCERS, (True, False), (True, False), ("gfpgan", "off"), ("face", "box"))
    for word, calm, sharp, restore, paste in choices:
        stages = Stages(lips=word, neutralise=calm, enhance=sharp, restore=restore, paste=paste)  # type: ignore[arg-type]
        options = DubOptions(engine="retalk", stages=stages, duration=seconds)
        begun, shown, edited, outside = time.process_time(), 0, 0, 0
        with begin_session(open_clip(clip), voice, options, networks, quiet) as session:
            analysis = analyse(session)
            for each in finished_frames(session, analysis, make_engine(session, analysis)):
                changed = (each.before != each.after).any(axis=2)
                if each.patch is not None:
                    edited += 1
                    changed[each.patch.box.slices] &= ~each.patch.support
                shown, outside = shown + 1, outside + int(np.count_nonzero(changed))
            wanted = len(analysis.timeline)
        words = f"calm {calm!s:5} enhance {sharp!s:5} restore {restore:6} paste {paste:4}"
        took = time.process_time() - begun
        print(
            f"{word:12} {words} {shown} of {wanted} frames, {edited} edited, "
            f"{outside} pixels outside, {took:.0f} s",
            flush=True,
        )


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
    matrix.add_argument("--seconds", type=Fraction, default=Fraction(1, 2))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if args.what == "speed":
            measure_speed(args.frames, args.runs, Path(made))
        else:
            measure_matrix(args.clip, args.voice, args.seconds, Path(made))


if __name__ == "__main__":
    main()
