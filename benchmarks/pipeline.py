"""What a dub with the paper's networks costs: time, CPU, work and memory, for each preset and stage.

python benchmarks/pipeline.py [--clip CLIP --voice VOICE] [--frames 6] [--presets fast paper original]
                              [--models FOLDER] [--device cpu] [--precision fp32] [--whole] [--json FILE]

Each preset is a process of its own. `--whole` lets the networks make whole pictures instead of what shows.
Without `--models` the weights are the tests' deterministic ones, which
cost what the official ones do, but for the parser's, which find mouths anywhere: mouths are then drawn where
the track has the lips. On a graphics card `--caps 4 6 8 12 24` also runs each preset under a limit
of so many GB, in that process only.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import this_pack  # noqa: F401 - the pack beside this file
import torch
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
from retalk_nodes.retalk_core.compute.provider import BUNDLED, LocalNetworks
from retalk_nodes.retalk_core.crops.affine import apply_affine
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import dub
from retalk_nodes.retalk_core.engines import retalk
from retalk_nodes.retalk_core.engines.base import Part
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.types import Progress
from retalk_nodes.retalk_core.weights.files import ModelFiles
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
sys.path.append(str(Path(__file__).resolve().parent))
import recipe  # beside the tests
from dub import write_clip

PRESETS = ("fast", "paper", "original")
SIZE = (700, 700)  # of the clip that is made: height, width


class WatchedNetworks(LocalNetworks):
    """Notes how long the paper's networks compute."""

    inside = 0.0  # seconds
    _watched: nn.Module | None = None

    @contextmanager
    def borrow(self, key: str) -> Iterator[nn.Module]:
        with super().borrow(key) as network:
            if key in BUNDLED:
                yield network
                return
            begun = [0.0]

            def before(*_: object) -> None:
                begun[0] = self._now()

            def after(*_: object) -> None:
                self.inside += self._now() - begun[0]

            hooks = network.register_forward_pre_hook(before), network.register_forward_hook(after)
            try:
                yield network
            finally:
                for hook in hooks:
                    hook.remove()

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def make_whole_pictures() -> None:
    """Let the engine ask for all of each picture, whatever shows of it."""

    def whole(*_: object, side: int) -> Area:
        return Area(0, 0, side, side)

    retalk.face_area = lambda masks: whole(side=masks.shape[-1])  # type: ignore[assignment]
    retalk.mouth_area = lambda track, crops, side: whole(side=side)  # type: ignore[assignment]
    retalk.crop_area = lambda target, source, side: whole(side=side)  # type: ignore[assignment]


def draw_mouths() -> None:
    """Let mouths be where the lips are, whatever the parser says, which is still asked."""
    parse = retalk.RetalkEngine._parse_mouths

    def drawn(
        self: retalk.RetalkEngine, part: Part, restored: torch.Tensor, progress: Progress
    ) -> torch.Tensor:
        masks = torch.zeros_like(parse(self, part, restored, progress))
        side = masks.shape[-1]
        crops = self._cutter.crops(self._restorer_framing, part)
        lips = self._track.landmarks[torch.from_numpy(part.rows), 48:].numpy()
        for mask, affine, points in zip(masks, crops.frame_to_crop.numpy(), lips, strict=True):
            outline = cv2.convexHull((side * apply_affine(affine, points)).astype(np.int32))
            cv2.fillPoly(mask.numpy(), [outline], 1.0)
        return masks

    retalk.RetalkEngine._parse_mouths = drawn  # type: ignore[method-assign]


def measure(args: argparse.Namespace, preset: str) -> dict[str, Any]:
    """Dub some frames in this process."""
    if args.whole:
        make_whole_pictures()
    if args.recipe:
        draw_mouths()
    if args.cap and args.device.startswith("cuda"):
        total = torch.cuda.get_device_properties(args.device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(args.cap * 1e9 / total, 1.0))
    clip = open_clip(args.clip)
    rate = clip.rate or Fraction(25)
    networks = WatchedNetworks(
        ModelFiles([args.models]), device=args.device, precision=args.precision, resident=args.resident
    )
    options = DubOptions(engine="retalk", preset=preset, check=False)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "out.mp4"
        warm_up = replace(options, duration=1 / rate)
        if not args.cold:
            dub(clip, args.voice, output, warm_up, networks)  # reads the files
        networks.inside = 0.0
        cpu, clock = time.process_time(), time.perf_counter()
        report = dub(clip, args.voice, output, replace(options, duration=args.frames / rate), networks).report
        cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
        inside = networks.inside
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        work = 0.0
        if not args.no_work:
            with FlopCounterMode(display=False) as counter:
                dub(clip, args.voice, output, warm_up, networks)
            work = counter.get_total_flops() / 1e12
    frames = report.frames_out
    cuda = torch.cuda.max_memory_allocated() / 1e6 if args.device.startswith("cuda") else None
    return {
        "preset": preset,
        "frames": frames,
        "cpu_seconds_per_frame": cpu / frames,
        "seconds_per_frame": clock / frames,
        "share_outside_networks": 1 - inside / clock,
        "tflop_per_frame": work,
        "peak_mb": peak,
        "graphics_peak_mb": cuda,
        "stages": {stage: seconds / frames for stage, seconds in report.seconds.items()},
        "device": report.networks["device"],
        "precision": report.networks["precision"],
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("--clip", type=Path, help="default: a portrait that moves, 700 pixels square")
    words.add_argument("--voice", type=Path, default=SHIPPED_VOICE)
    words.add_argument("--frames", type=int, default=6)
    words.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS)
    words.add_argument("--models", type=Path, help="a folder with the official files")
    words.add_argument("--device", default="cpu")
    words.add_argument("--precision", default="fp32")
    words.add_argument("--resident", default="auto")
    words.add_argument("--caps", nargs="*", type=float, default=[], help="GB of graphics memory")
    words.add_argument(
        "--no-work", action="store_true", help="don't count operations, which takes a frame more"
    )
    words.add_argument("--whole", action="store_true", help="make whole pictures, whatever shows of them")
    words.add_argument("--cold", action="store_true", help="count the reading of the files too")
    words.add_argument("--json", type=Path)
    words.add_argument("--one", choices=PRESETS, help=argparse.SUPPRESS)
    words.add_argument("--recipe", action="store_true", help=argparse.SUPPRESS)
    words.add_argument("--cap", type=float, default=0.0, help=argparse.SUPPRESS)
    args = words.parse_args()
    if args.one:
        print(json.dumps(measure(args, args.one)))
        return
    with tempfile.TemporaryDirectory() as name:
        if args.models is None:
            args.models, args.recipe = recipe.recipe_folder(Path(name)), True
        if args.clip is None:
            args.clip = Path(name) / "clip.mp4"
            write_clip(args.clip, None, SIZE, 1)
        found = [_as_process(args, preset) for preset in args.presets]
        _print_tables(found)
        capped = _print_caps(args)
    if args.json:
        args.json.write_text(json.dumps({"presets": found, "caps": capped}, indent=2))


def _as_process(args: argparse.Namespace, preset: str, cap: float = 0.0) -> dict[str, Any]:
    kept = ("clip", "voice", "frames", "models", "device", "precision", "resident")
    command = [sys.executable, __file__, "--one", preset, "--cap", str(cap)]
    for name in kept:
        command += [f"--{name}", str(getattr(args, name))]
    command += ["--no-work"] * (args.no_work or cap > 0) + ["--cold"] * args.cold
    command += ["--whole"] * args.whole + ["--recipe"] * args.recipe
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"preset": preset, "failed": done.stderr.strip().splitlines()[-1]}
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _print_tables(found: Sequence[dict[str, Any]]) -> None:
    print("| preset | CPU s/frame | s/frame | outside networks | TFLOP/frame | peak MB | where |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for each in found:
        if "failed" in each:
            print(f"| {each['preset']} | failed: {each['failed']} |")
            continue
        print(
            f"| {each['preset']} | {each['cpu_seconds_per_frame']:.2f} | {each['seconds_per_frame']:.2f} | "
            f"{each['share_outside_networks']:.1%} | {each['tflop_per_frame']:.3f} | {each['peak_mb']:.0f} | "
            f"{each['device']}, {each['precision']} |"
        )
    print("\n| preset | seconds per frame of each stage |\n| --- | --- |")
    for each in found:
        stages = ", ".join(f"{stage} {spent:.3f}" for stage, spent in each.get("stages", {}).items())
        print(f"| {each['preset']} | {stages} |")


def _print_caps(args: argparse.Namespace) -> list[dict[str, Any]]:
    print("\n| graphics memory | preset | peak MB | s/frame |\n| --- | --- | --- | --- |")
    if not torch.cuda.is_available():
        print("| any | all | unmeasured: no graphics card here | unmeasured |")
        return []
    capped = []
    for cap in args.caps:
        for preset in args.presets:
            each = {"cap_gb": cap, **_as_process(args, preset, cap)}
            capped.append(each)
            told = each.get("failed") or f"{each['graphics_peak_mb']:.0f} | {each['seconds_per_frame']:.3f}"
            print(f"| {cap:g} GB | {preset} | {told} |", flush=True)
    return capped


if __name__ == "__main__":
    main()
