"""Loads networks as a user would, and looks inside them while they run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import recipe
import torch
from retalk_nodes.models import checkpoint
from retalk_nodes.models.network import Layout
from retalk_nodes.models.stylegan.tiles import Area, Tile
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)
SMALLEST = 45  # dB, of a picture in lower precision
PARTS = (  # of a picture of 512: a mouth, one that lies low in a corner, all but the border, a single pixel
    Area(316, 166, 454, 342),
    Area(401, 0, 512, 299),
    Area(1, 3, 510, 511),
    Area(0, 511, 1, 512),
)


def loaded(network: N, layout: Layout, name: str, folder: Path, seed: int = 0) -> N:
    """The network, filled through the real loader from a file like the official one."""
    return checkpoint.load(network, recipe.recipe_weights(name, seed, folder), layout, name)


def run(network: nn.Module, picture: Tensor, parts: dict[str, nn.Module]) -> dict[str, Tensor]:
    """What the named parts give for a picture, the last if it is several; under "" what the network gives."""
    seen: dict[str, Tensor] = {}

    def note(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(_: nn.Module, given: object, result: Tensor | Tile | tuple[Tensor | Tile, ...]) -> None:
            last = result if isinstance(result, (Tensor, Tile)) else result[-1]
            seen.setdefault(name, (last.values if isinstance(last, Tile) else last).clone())

        return hook

    hooks = [part.register_forward_hook(note(name)) for name, part in parts.items()]
    with torch.inference_mode():
        seen[""] = network(picture)
    for hook in hooks:
        hook.remove()
    return seen


def decibels(given: Tensor, expected: Tensor) -> float:
    """The PSNR of a picture in [-1, 1]."""
    return 10 * math.log10(2**2 / (given.float() - expected).square().mean().item())


def assert_part(part: Tensor, whole: Tensor, area: Area) -> None:
    """Compare a part of pictures with what the whole ones (B, 3, 512, 512) show there."""
    expected = Tile.whole(whole).cut(area)
    torch.testing.assert_close(part, expected, rtol=0, atol=1e-5)
