"""What the paper's smaller networks cost on this CPU.

python benchmarks/networks.py [NETWORK ...] [--runs 3]

Weights are the tests' deterministic ones. Plain formulas on the checkpoint's own keys run in turn with the
network, and CPU seconds of all threads count, so that the ratio holds on a busy machine too. Peak memory is
a process's own, less what it held with the network loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.checkpoint import load
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
import plain_faces  # beside the tests, as is the recipe
import recipe

BATCHES = (1, 8)


@dataclass(frozen=True)
class Case:
    """How to run a network: its inputs by shape, and its formulas."""

    shapes: tuple[tuple[int, ...], ...]  # without the batch
    low: float  # of the pictures put in; vectors are small numbers around 0
    high: float
    plain: Callable[..., Mapping[str, Tensor]]  # takes weights, then inputs

    def inputs(self, batch: int) -> tuple[Tensor, ...]:
        """Smooth pictures and random vectors."""
        return tuple(self._input(index, (batch, *shape)) for index, shape in enumerate(self.shapes))

    def _input(self, index: int, shape: tuple[int, ...]) -> Tensor:
        if len(shape) == 4:
            batch, channels, height, width = shape
            picture = torch.from_numpy(recipe.image_u8(0, str(index), (batch, channels, height, width)))
            return self.low + picture.float() * ((self.high - self.low) / 255)
        return torch.from_numpy(recipe.noise(0, str(index), shape) * 0.3).float()


CASES = {
    "dnet": Case(((3, 256, 256), (73, 26)), -1, 1, plain_faces.d_net),
    "face3d": Case(((3, 224, 224),), 0, 1, plain_faces.face3d),
    "ganimation": Case(((3, 128, 128), (17,)), -1, 1, plain_faces.ganimation),
    "s3fd": Case(((3, 480, 640),), 0, 255, plain_faces.s3fd),
}


def loaded(name: str, folder: Path) -> nn.Module:
    """A network with the recipe's weights."""
    builder = NETWORKS[name].build
    return load(builder.create(), recipe.recipe_weights(name, 0, folder), builder.find_layout(), name)


def measure_speed(name: str, batch: int, runs: int, folder: Path) -> dict[str, float]:
    """CPU seconds per picture of the network and of the formulas, the least of some runs in turn."""
    network, inputs = loaded(name, folder), CASES[name].inputs(batch)
    formulas, weights = CASES[name].plain, recipe.recipe_tensors(name, 0)
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: formulas(weights, *inputs),
        "network": lambda: network(*inputs),
    }
    spent: dict[str, float] = dict.fromkeys(ways, math.inf)
    with torch.inference_mode():
        for turn in range(runs + 1):
            for way, run in ways.items():
                start = time.process_time()
                run()
                if turn:  # the first is to warm up
                    spent[way] = min(spent[way], (time.process_time() - start) / batch)
    return spent


def measure_memory(name: str, batch: int, folder: Path) -> dict[str, float]:
    """MB that one call needs beyond the network itself."""
    network, inputs = loaded(name, folder), CASES[name].inputs(batch)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak that reading the weights left
    before = peak_memory()
    with torch.inference_mode():
        network(*inputs)
    return {"memory": peak_memory() - before}


def peak_memory() -> float:
    """The most memory in MB that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1e3  # kB; can start anew
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1e-3)


def in_own_process(function: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """Run a measurement where nothing ran before: peak memory never falls again."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def report(name: str, runs: int, folder: Path) -> None:
    """Print the rows of one network."""
    recipe.recipe_weights(name, 0, folder)
    for batch in BATCHES:
        speed = in_own_process(measure_speed, name, batch, runs, folder)
        memory = in_own_process(measure_memory, name, batch, folder)["memory"]
        ratio = f"{speed['plain'] / speed['network']:.2f}"
        cells = (name, batch, f"{speed['plain']:.3f}", f"{speed['network']:.3f}", ratio, f"{memory:.0f}")
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "networks", nargs="*", metavar="network", help=f"of {', '.join(CASES)}; all by default"
    )
    parser.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| network | batch | plain, CPU s | ours | times faster | MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.networks or CASES:
            report(name, args.runs, Path(folder))


if __name__ == "__main__":
    main()
