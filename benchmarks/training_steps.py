"""One step of each full-size training on this machine: CPU-seconds, and the most memory that it took.

python benchmarks/training_steps.py [sync dnet lnet enet] [--device cpu] [--batch 1] [--keep FOLDER]

Weights are drawn by chance and the judges' too: the arithmetic is that of a real run, all its losses are on.
What came out is saved, exported, and loaded as a dub loads it. Each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import this_pack  # noqa: F401 - makes the pack importable
import torch
from retalk_nodes.models.catalog import NETWORKS, catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.retalk_core.training import export, runs
from retalk_nodes.retalk_core.training.data.cartoons import cartoon_set
from retalk_nodes.retalk_core.training.engine import TrainingEngine
from retalk_nodes.retalk_core.training.judges import JudgeFiles
from retalk_nodes.retalk_core.training.loop import learn
from retalk_nodes.retalk_core.training.settings import from_plain, to_plain

KINDS = ("sync", "dnet", "lnet", "enet")
CHANGED: dict[str, dict[str, Any]] = {  # so that the first step is one of the last stage, with every loss
    "sync": {},
    "dnet": {"warp_steps": 0},
    "lnet": {"sync_below": 1e9},
    "enet": {"half_steps": 0, "whole_steps": 0},
}


class DrawnJudges(JudgeFiles):
    """Judges whose weights are drawn by chance."""

    def load(self, key: str, wanted: str, needed_for: str) -> torch.nn.Module:
        return NETWORKS[key].build.create().eval().requires_grad_(False)


def one_step(kind: str, device: str, batch: int, keep: Path | None) -> None:
    """A step in this process, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        pace = {
            "steps": 1,
            "batch": max(batch, 2) if kind == "sync" else batch,
            "accumulate": 1,
            "device": device,
            "tell_every": 1,
        }
        pace |= {"validate_every": 10**9, "draw_every": 10**9}
        run = from_plain(runs.TRAININGS[kind].presets["full"], {**CHANGED[kind], "pace": pace})
        talks, training = cartoon_set(4, 1), runs.TRAININGS[kind]
        task = training.make(run, talks, *([DrawnJudges()] if training.judged else []))
        if kind == "lnet":
            task.memory["sync_on"] = 1.0
        task.validate = lambda network: {task.score: 0.0}  # type: ignore[method-assign]
        task.strip = lambda network: None  # type: ignore[method-assign]
        begun, clock = time.process_time(), time.monotonic()
        learnt = learn(task, TrainingEngine(device), Path(folder) / "run", to_plain(run))
        seconds, waited = time.process_time() - begun, time.monotonic() - clock
        path = export.export_run(Path(folder) / "run", (keep or Path(folder)) / f"{kind}.safetensors")
        load_network(catalog[export.NETWORKS[kind]], path)
        size = path.stat().st_size / 1e6
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    losses = ", ".join(sorted(learnt.losses))
    words = (
        f"batch {run.pace.batch}, {seconds:.0f} CPU-seconds a step with saving ({waited:.0f} by the clock)"
    )
    words += f", {most:.1f} GB, file {size:.0f} MB"
    print(f"{kind}: {words}; {losses}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave what was exported there")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    for kind in args.kinds or KINDS:
        if args.here:
            one_step(kind, args.device, args.batch, args.keep)
        else:
            words = [sys.executable, __file__, kind, "--here", "--device", args.device]
            words += ["--keep", str(args.keep.resolve())] if args.keep else []
            subprocess.run([*words, "--batch", str(args.batch)], check=True)


if __name__ == "__main__":
    main()
