"""What a part of a picture costs beside the whole: `python benchmarks/parts.py [enet] [gfpgan] [gpen]`.

The parts are those that a dub of a real clip shows. Work is counted by torch, seconds are the process's own
with one thread, the least of three; whole and part in turn. The last figure is a control: how far the part is
from the whole picture's part one row further up.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "helpers")]

import conftest  # noqa: E402, F401, brings the pack and the recipe's weights
import recipe  # noqa: E402
from retalk_nodes.models import checkpoint  # noqa: E402
from retalk_nodes.models.lips import enet  # noqa: E402
from retalk_nodes.models.restorers import gfpgan, gpen  # noqa: E402
from retalk_nodes.models.stylegan.tiles import Area  # noqa: E402

NETWORKS = {"enet": (enet.ENet, enet), "gfpgan": (gfpgan.GFPGAN, gfpgan), "gpen": (gpen.GPEN, gpen)}
MOUTH = Area(316, 150, 480, 362)
PARTS = {
    "enet": {"lower half, with room for the blend": Area(128, 0, 384, 384)},
    "gfpgan": {"mouth": MOUTH},
    "gpen": {"mouth": MOUTH, "face, as the reference": Area(121, 79, 496, 389)},
}
ROUNDS = 3


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("networks", nargs="*", choices=[*NETWORKS, []], help="all by default")
    torch.set_num_threads(1)
    print("| network, part | GFLOP | CPU s | largest difference | control |")
    print("| --- | --- | --- | --- | --- |")
    with torch.inference_mode():
        for name in words.parse_args().networks or NETWORKS:
            show(name)


def show(name: str) -> None:
    """Print a row for each part of a network's picture."""
    build, module = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        network = checkpoint.load(build(), recipe.recipe_weights(name, 0, Path(folder)), module.LAYOUT, name)
    given = module.sample()
    for what, area in PARTS[name].items():
        print(row(f"{name}, {what}", lambda: network(*given), lambda at=area: network(*given, area=at), area))
    if name == "enet":
        mouth, looks = given
        style, area = network.encoder(looks), PARTS[name]["lower half, with room for the blend"]
        kept = "enet, the same, its style kept"
        print(row(kept, lambda: network(*given), lambda: network(mouth, style, area=area), area))


def row(what: str, whole: Callable[[], Tensor], part: Callable[[], Tensor], area: Area) -> str:
    """A part beside the whole."""
    seconds = [min(spent(make) for _ in range(ROUNDS)) for make in (whole, part)]
    work = [counted(make) for make in (whole, part)]
    rows, columns = area.slices
    all_of_it, some = whole(), part()
    off = (some - all_of_it[..., rows, columns]).abs().max().item()
    moved = (some[..., 1:, :] - all_of_it[..., rows, columns][..., :-1, :]).abs().max().item()
    return (
        f"| {what} | {work[0]:.0f} to {work[1]:.0f} | {seconds[0]:.2f} to {seconds[1]:.2f} "
        f"| {off:.1e} | {moved:.2f} |"
    )


def spent(make: Callable[[], Tensor]) -> float:
    start = time.process_time()
    make()
    return time.process_time() - start


def counted(make: Callable[[], Tensor]) -> float:
    with FlopCounterMode(display=False) as counter:
        make()
    return counter.get_total_flops() / 1e9


if __name__ == "__main__":
    main()
