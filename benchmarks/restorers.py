"""How long GPEN and GFPGAN take on this CPU against plain ones, and the memory of all.

python benchmarks/restorers.py [gpen] [gfpgan] [--batches 1 8] [--rounds 2] [--no-memory]

Plain are the tests' formulas for GPEN and the class in spandrel for GFPGAN. Both ways restore the same
pictures in turn, in one run. Seconds are the process's own, on all cores together, so that other programs
disturb them less. Memory is measured apart, in a process for each network.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "helpers")]

import conftest  # noqa: E402, F401, brings the pack and the recipe's weights
import plain_gpen  # noqa: E402
import recipe  # noqa: E402
from retalk_nodes.models import checkpoint  # noqa: E402
from retalk_nodes.models.faces import parsing  # noqa: E402
from retalk_nodes.models.restorers import gfpgan, gpen  # noqa: E402

Restore = Callable[[Tensor], Tensor]
NAMES = ("gpen", "plain gpen", "gfpgan", "plain gfpgan", "parsenet")


def load(name: str) -> Restore:
    """A network with the recipe's weights."""
    if name == "plain gpen":
        weights = recipe.recipe_tensors("gpen", seed=0)
        return lambda picture: plain_gpen.restore(weights, picture)
    if name == "plain gfpgan":
        return load_spandrels()
    builders = {
        "gpen": (gpen.GPEN, gpen.LAYOUT),
        "gfpgan": (gfpgan.GFPGAN, gfpgan.LAYOUT),
        "parsenet": (parsing.ParseNet, parsing.PARSENET),
    }
    build, layout = builders[name]
    with tempfile.TemporaryDirectory() as folder:
        return checkpoint.load(build(), recipe.recipe_weights(name, 0, Path(folder)), layout, name)


def load_spandrels() -> Restore:
    """GFPGAN as spandrel runs it."""
    from spandrel.architectures.GFPGAN import GFPGAN as Original  # noqa: N811, a class

    network = Original(
        out_size=512, num_style_feat=512, channel_multiplier=2, num_mlp=8, input_is_latent=True,
        different_w=True, narrow=1, sft_half=True,
    ).eval()  # fmt: skip
    network.load_state_dict(recipe.recipe_tensors("gfpgan", 0))
    return lambda picture: network(picture, return_rgb=False, randomize_noise=False)[0]


def pictures(batch: int) -> Tensor:
    """Drawn pictures (B, 3, 512, 512) in [-1, 1]."""
    return torch.from_numpy(recipe.image_u8(0, "bench", (batch, 3, 512, 512))) / 127.5 - 1


def seconds(run: Restore, given: Tensor) -> tuple[float, Tensor]:
    """CPU seconds for one picture, and what came out."""
    start = time.process_time()
    result = run(given)
    return (time.process_time() - start) / len(given), result


def compare(name: str, batches: list[int], rounds: int) -> None:
    """Print a network's time beside that of the plain one."""
    ours, plain = load(name), load(f"plain {name}")
    for batch in batches:
        given = pictures(batch)
        ours(given)
        plain_least = ours_least = float("inf")
        for _ in range(rounds):
            spent, expected = seconds(plain, given)
            plain_least = min(plain_least, spent)
            spent, result = seconds(ours, given)
            ours_least = min(ours_least, spent)
        off = (result - expected).abs().max().item()
        ratio = plain_least / ours_least
        print(
            f"| {name} | {batch} | {plain_least:.2f} | {ours_least:.2f} | {ratio:.2f} | {off:.1e} |",
            flush=True,
        )


def peak(name: str, batch: int) -> None:
    """Print this process's peak memory in MB once a batch was restored."""
    run = load(name)
    run(pictures(batch))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def report_memory() -> None:
    """Print each network's peak for one picture and for four, weights and libraries included."""
    for name in NAMES:
        row = []
        for batch in (1, 4):
            command = [sys.executable, __file__, "--peak", name, "--batches", str(batch)]
            row.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        slope = (row[1] - row[0]) / 3
        print(f"{name:<11} peak {row[0]} MB for 1, {row[1]} MB for 4: {slope:.0f} MB a picture", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", help="gpen, gfpgan; both by default")
    parser.add_argument("--no-memory", action="store_true", help="measure time only")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peak", choices=NAMES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    with torch.inference_mode():
        if args.peak:
            return peak(args.peak, args.batches[0])
        if not args.no_memory:
            report_memory()  # first: a child's peak counts from its parent's size
        print("| network | batch | plain, CPU s | ours | times faster | largest difference |")
        print("|---|---|---|---|---|---|")
        for name in args.networks or ("gpen", "gfpgan"):
            compare(name, args.batches, args.rounds)


if __name__ == "__main__":
    main()
