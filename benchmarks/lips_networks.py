"""What L-Net and E-Net cost on this CPU, beside plain formulas on the checkpoint's own keys.

python benchmarks/lips_networks.py [lnet] [enet] [--runs 5] [--batches 1 8] [--no-memory]

Weights are the tests' deterministic ones. Both ways run in turn and the least of each counts, as CPU
seconds of all threads and by the clock, so that the ratios hold on a busy machine too. Memory is the slope
of a process's peak over batches of 1 to 4.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from retalk_nodes.models.checkpoint import load
from retalk_nodes.models.lips import enet, lnet
from torch import Tensor

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
import plain_lips  # beside the tests, as is the recipe
import recipe

Run = Callable[[], Tensor]
SHAPES = {"lnet": ((1, 80, 16), (6, 96, 96)), "enet": ((3, 96, 96), (3, 384, 384))}
LARGEST = 4  # batch for the slope of memory


def prepare(name: str, way: str, batch: int, folder: Path) -> Run:
    """A network, or its plain formulas, ready to run on random pictures."""
    torch.manual_seed(0)
    inputs = [torch.rand(batch, *shape) for shape in SHAPES[name]]
    if way == "plain":
        weights = torch.load(folder / f"{name}.pth", mmap=True)["state_dict"]
        formulas = {"lnet": plain_lips.l_net, "enet": plain_lips.e_net_own}[name]
        return lambda: formulas(weights, *inputs)
    network = lnet.LNet() if name == "lnet" else enet.ENet()
    layout = lnet.LAYOUT if name == "lnet" else enet.LAYOUT
    filled = load(network, folder / f"{name}.pth", layout, name)
    return lambda: filled(*inputs)


def measure_speed(name: str, batch: int, runs: int, folder: Path) -> dict[str, tuple[float, float]]:
    """CPU seconds and seconds by the clock, per picture, of both ways."""
    ways = {way: prepare(name, way, batch, folder) for way in ("plain", "network")}
    least = dict.fromkeys(ways, (math.inf, math.inf))
    with torch.inference_mode():
        for _ in range(runs + 1):  # the first warms up and is hardly ever the least
            for way, run in ways.items():
                spent, clock = time.process_time(), time.perf_counter()
                run()
                spent, clock = time.process_time() - spent, time.perf_counter() - clock
                least[way] = (min(least[way][0], spent / batch), min(least[way][1], clock / batch))
    return least


def measure_peak(name: str, way: str, batch: int, folder: Path) -> float:
    """A process's peak in MB."""
    run = prepare(name, way, batch, folder)
    with torch.inference_mode():
        run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1e-3)


def measure_slope(name: str, way: str, folder: Path) -> float:
    """MB that another picture in the batch adds to the peak."""
    peaks = []
    for batch in (1, LARGEST):
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a peak never falls again
            peaks.append(pool.apply(measure_peak, (name, way, batch, folder)))
    return (peaks[1] - peaks[0]) / (LARGEST - 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", help="lnet, enet; both by default")
    parser.add_argument("--runs", type=int, default=5, help="of which the fastest counts")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--no-memory", action="store_true", help="measure time only")
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| network | batch | plain, CPU s (clock s) | ours | times faster |\n|---|---|---|---|---|")
    names = args.networks or list(SHAPES)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            tensors = recipe.recipe_tensors(name, 0, only=r"^(?!low_res\.)")
            torch.save({"state_dict": tensors}, Path(folder) / f"{name}.pth")
            for batch in args.batches:
                least = measure_speed(name, batch, args.runs, Path(folder))
                plain, ours = least["plain"], least["network"]
                cells = (f"{plain[0]:.2f} ({plain[1]:.2f})", f"{ours[0]:.2f} ({ours[1]:.2f})")
                ratio = f"{plain[0] / ours[0]:.2f} ({plain[1] / ours[1]:.2f})"
                print(f"| {name} | {batch} | {' | '.join(cells)} | {ratio} |", flush=True)
        for name in [] if args.no_memory else names:
            slopes = {way: measure_slope(name, way, Path(folder)) for way in ("plain", "network")}
            print(f"{name}: a picture more takes {slopes['network']:.0f} MB, plain {slopes['plain']:.0f} MB")


if __name__ == "__main__":
    main()
