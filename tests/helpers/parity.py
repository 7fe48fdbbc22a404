"""Compares networks with recordings of the original ones, and with their plain formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import recipe
import torch
from recordings import Recording, load_recording
from retalk_nodes.models import checkpoint
from retalk_nodes.models.catalog import NETWORKS
from torch import Tensor, nn


def filled(name: str, folder: Path, seed: int = 0) -> nn.Module:
    """A network of the catalogue, filled through the real loader from a file like the official one."""
    builder = NETWORKS[name].build
    path = recipe.recipe_weights(name, seed, folder)
    return checkpoint.load(builder.create(), path, builder.find_layout(), name)


@contextmanager
def watched(tensors: dict[str, Tensor], **parts: nn.Module) -> Iterator[None]:
    """Note what parts of a network give; under a name that starts with `into_`, what they are given."""

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
            tensors[name.removeprefix("into_")] = (given[0] if name.startswith("into_") else result).clone()

        return hook

    hooks = [part.register_forward_hook(note(name)) for name, part in parts.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def recorded_inputs(name: str) -> tuple[Tensor, ...]:
    """Which are the same in whole and in thinned recordings."""
    return tuple(load_recording(name, whole=False).inputs.values())


def assert_both_recordings_have_the_same_inputs(name: str) -> None:
    """What is drawn anew for the thinned recording is what the whole one holds."""
    whole, thinned = load_recording(name, whole=True).inputs, load_recording(name, whole=False).inputs

    assert whole.keys() == thinned.keys()
    assert all(torch.equal(whole[key], thinned[key]) for key in whole)


def plain_recording(name: str, formulas: Callable[..., dict[str, Tensor]], seed: int) -> Recording:
    """What the plain formulas give for other weights and other pictures, in the place of a recording."""
    inputs = other_inputs(name, seed)
    with torch.inference_mode():
        expected = formulas(recipe.recipe_tensors(name, seed), *inputs.values())
    return Recording(seed, inputs, expected, dict.fromkeys(expected, ()))


def other_inputs(name: str, seed: int) -> dict[str, Tensor]:
    """Inputs like the recorded ones, of another seed."""
    inputs = {}
    for key, like in load_recording(name, whole=False).inputs.items():
        if like.dim() == 4:
            u8 = torch.from_numpy(recipe.image_u8(seed, key, (1, *like.shape[1:]))).float()
            low, high = (0.0, 255.0) if "0_255" in key else (-1.0 if like.min() < 0 else 0.0, 1.0)
            inputs[key] = low + u8 * ((high - low) / 255)
        else:
            shape = (1, *like.shape[1:])
            inputs[key] = torch.from_numpy(recipe.noise(seed, key, shape) * 0.3).float()
    return inputs
