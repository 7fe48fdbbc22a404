"""What a batch costs in memory and time, and what bf16 gains and loses, for each of the paper's networks.

python benchmarks/memory.py [NETWORK ...] [--batches 1 2 4]

Weights are the tests' deterministic ones; each network is measured in a process of its own. Seconds are the
process's own, on all cores together, the least of some runs, so that other programs disturb them less.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "helpers")]

import conftest  # noqa: E402, F401, brings the pack and the recipe's weights
import recipe  # noqa: E402
from retalk_nodes.models.catalog import NETWORKS  # noqa: E402
from retalk_nodes.models.checkpoint import load  # noqa: E402

SPANS = {"dnet": 2, "ganimation": 2, "gpen": 2, "gfpgan": 2, "lnet": 1, "enet": 1}  # of their pictures
NAMES = tuple(NETWORKS)
RUNS = 3
STATUS = Path("/proc/self/status")  # of Linux


def build(name: str) -> nn.Module:
    """A network with the recipe's weights; one for which there are none, with those it starts with."""
    builder = NETWORKS[name].build
    if recipe.RECORDED.get(name, name) not in recipe.OFFICIAL:
        return builder.create().eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        return load(
            builder.create(), recipe.recipe_weights(name, 0, Path(folder)), builder.find_layout(), name
        )


def megabytes(field: str) -> float:
    """What the system says of this process: VmRSS now, VmHWM at most."""
    return int(STATUS.read_text().split(f"{field}:")[1].split()[0]) / 1e3


def timed(network: nn.Module, given: tuple[Tensor, ...]) -> tuple[float, Any]:
    start = time.process_time()
    result = network(*given)
    return (time.process_time() - start) / len(given[0]), result


def report_batches(name: str, network: nn.Module, batches: list[int]) -> None:
    """Print peak memory beyond what is held, and seconds a picture, for some sizes of a batch."""
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    print(f"{name}: weights {weights / 1e6:.0f} MB")
    for batch in batches:
        sample = NETWORKS[name].build.draw_sample()
        given = tuple(tensor.repeat(batch, *[1] * (tensor.dim() - 1)) for tensor in sample)
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        ctypes.CDLL(None).malloc_trim(
            0
        )  # what was freed goes back to the system, else it would be used again
        before = megabytes("VmRSS")
        network(*given)
        peak = megabytes("VmHWM") - before
        least = min(timed(network, given)[0] for _ in range(RUNS - 1))
        print(f"  batch {batch}: {peak:.0f} MB, {least:.2f} s a picture", flush=True)


def report_precision(name: str, network: nn.Module) -> None:
    """Print the time of fp32 and bf16, in turn, and the PSNR of the picture."""
    seconds, made = {True: math.inf, False: math.inf}, {}
    for _ in range(RUNS):
        for lower in seconds:
            with torch.autocast("cpu", torch.bfloat16, enabled=lower):
                spent, result = timed(network, NETWORKS[name].build.draw_sample())
            seconds[lower] = min(seconds[lower], spent)
            made[lower] = getattr(result, "picture", result).float()
    error = (made[True] - made[False]).square().mean().sqrt().item()
    psnr = 20 * math.log10(SPANS[name] / error) if error else math.inf
    print(f"  fp32 {seconds[False]:.2f} s, bf16 {seconds[True]:.2f} s, {psnr:.1f} dB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="network", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4])
    args = parser.parse_args()
    if len(args.networks) != 1:
        batches = [str(batch) for batch in args.batches]
        for name in args.networks or NAMES:
            subprocess.run([sys.executable, __file__, name, "--batches", *batches], check=True)
        return
    with torch.inference_mode():
        network = build(args.networks[0])
        report_batches(args.networks[0], network, args.batches)
        if args.networks[0] in SPANS:
            report_precision(args.networks[0], network)


if __name__ == "__main__":
    main()
