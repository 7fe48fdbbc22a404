"""What a lower precision does to the networks' results on this CPU.

python benchmarks/precision.py [NETWORK ...] [--types bfloat16 float16]

Weights are the tests' deterministic ones. Under autocast each network keeps in fp32 what it must. Printed
are the PSNR of the picture and, where there is none, the error's norm as a part of the result's.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "helpers")]

import conftest  # noqa: E402, F401, brings the pack
import recipe  # noqa: E402
from retalk_nodes.models.catalog import NETWORKS  # noqa: E402
from retalk_nodes.models.checkpoint import load  # noqa: E402


def picture(key: str, side: int, low: float = -1, high: float = 1) -> Tensor:
    """A drawn picture (1, 3, side, side)."""
    return low + torch.from_numpy(recipe.image_u8(0, key, (1, 3, side, side))).float() * ((high - low) / 255)


def vector(*shape: int) -> Tensor:
    """Small random numbers."""
    return torch.from_numpy(recipe.noise(0, "vector", (1, *shape)) * 0.3).float()


def crop_and_reference() -> Tensor:
    """What L-Net sees: a crop without its lower half, and a reference."""
    crop = picture("crop", 96, 0)
    crop[:, :, 48:] = 0
    return torch.cat([crop, picture("reference", 96, 0)], dim=1)


INPUTS: dict[str, Callable[[], tuple[Tensor, ...]]] = {
    "dnet": lambda: (picture("face", 256), vector(73, 26)),
    "lnet": lambda: (vector(1, 80, 16) / 0.3, crop_and_reference()),
    "enet": lambda: (picture("mouth", 96, 0), picture("looks", 384, 0)),
    "gpen": lambda: (picture("face", 512),),
    "gfpgan": lambda: (picture("face", 512),),
    "ganimation": lambda: (picture("face", 128), vector(17)),
    "face3d": lambda: (picture("face", 224, 0),),
}
SPANS = {"lnet": 1, "enet": 1, "dnet": 2, "gpen": 2, "gfpgan": 2, "ganimation": 2}  # from dark to bright
PARTS = {"identity": 80, "expression": 64, "texture": 80, "angles": 3, "lighting": 27, "translation": 3}


def compare(name: str, result: Tensor, expected: Tensor) -> str:
    """The difference in words."""
    if torch.equal(result, expected):
        return "the same: it computes in fp32"
    if name in SPANS:
        error = (result - expected).square().mean().sqrt().item()
        return f"{20 * math.log10(SPANS[name] / error):.1f} dB"
    parts = zip(PARTS, *(x.split(list(PARTS.values()), dim=1) for x in (result, expected)), strict=True)
    return ", ".join(f"{part} {((x - y).norm() / y.norm()).item():.1e}" for part, x, y in parts)


def first(result: Any) -> Tensor:  # noqa: ANN401
    """The picture or vector in what a network returns."""
    return (result if isinstance(result, Tensor) else result[0]).float()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="network", help=f"of {', '.join(INPUTS)}")
    parser.add_argument("--types", nargs="+", default=["bfloat16", "float16"])
    args = parser.parse_args()
    for name in args.networks or INPUTS:
        builder, inputs = NETWORKS[name].build, INPUTS[name]()
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            weights = recipe.recipe_weights(name, 0, Path(folder))
            network = load(builder.create(), weights, builder.find_layout(), name)
            expected = first(network(*inputs))
            for kind in args.types:
                with torch.autocast("cpu", getattr(torch, kind)):
                    result = first(network(*inputs))
                print(f"{name:<11} {kind:<9} {compare(name, result, expected)}", flush=True)


if __name__ == "__main__":
    main()
