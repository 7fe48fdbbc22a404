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
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)
SMALLEST = 45  # dB, of a picture in lower precision


def loaded(network: N, layout: Layout, name: str, folder: Path, seed: int = 0) -> N:
    """The network, filled through the real loader from a file like the official one."""
    return checkpoint.load(network, recipe.recipe_weights(name, seed, folder), layout, name)


def run(network: nn.Module, picture: Tensor, parts: dict[str, nn.Module]) -> dict[str, Tensor]:
    """What the named parts give for a picture, the last if it is several; under "" what the network gives."""
    seen: dict[str, Tensor] = {}

    def note(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(_: nn.Module, given: object, result: Tensor | tuple[Tensor, ...]) -> None:
            seen.setdefault(name, (result if isinstance(result, Tensor) else result[-1]).clone())

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
