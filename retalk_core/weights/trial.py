"""Runs networks once on a drawn picture: what comes out says whether weights and machine are sound."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.catalog import NETWORKS, title


@dataclass(frozen=True)
class Output:
    """What one output of a network looked like."""

    name: str
    shape: tuple[int, ...]
    lowest: float
    highest: float
    mean: float
    spread: float  # standard deviation
    broken: int  # values that are infinite or not a number
    sharpness: float | None  # mean absolute Laplacian of a picture; None where it is none
    digest: str  # of the exact values: another machine or release of torch may round differently


@dataclass(frozen=True)
class Trial:
    """What a network did with the drawn picture."""

    network: str
    seconds: float
    outputs: tuple[Output, ...]

    @property
    def sound(self) -> bool:
        """Whether every output is finite and not the same everywhere."""
        return all(not output.broken and output.spread > 0 for output in self.outputs)

    def lines(self) -> list[str]:
        """A line for each output."""
        return [f"{title(self.network)}: {self.seconds:.1f} s", *map(_line, self.outputs)]


def _line(output: Output) -> str:
    sharpness = "" if output.sharpness is None else f", sharpness {output.sharpness:.4f}"
    broken = f", {output.broken} VALUES ARE NOT FINITE" if output.broken else ""
    same = ", THE SAME EVERYWHERE" if output.spread == 0 and not output.broken else ""
    return (
        f"  {output.name} {'x'.join(map(str, output.shape))}: {output.lowest:.4g} to {output.highest:.4g}, "
        f"mean {output.mean:.4g}, spread {output.spread:.4g}{sharpness}, hash {output.digest}{broken}{same}"
    )


def try_out(name: str, network: nn.Module) -> Trial:
    """Run a network of the catalogue once, on the CPU or wherever its weights are."""
    device = next(network.parameters()).device
    inputs = [value.to(device) for value in NETWORKS[name].build.draw_sample()]
    began = time.perf_counter()
    with torch.inference_mode():
        made = network(*inputs)
    seconds = time.perf_counter() - began
    return Trial(name, seconds, tuple(_describe(part, values) for part, values in _flatten(made)))


def _flatten(made: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401
    """Every tensor in what a network returned, with a name for it."""
    if isinstance(made, Tensor):
        yield name or "output", made
        return
    if isinstance(made, dict):
        parts = list(made.items())
    else:
        parts = list(zip(getattr(made, "_fields", range(len(made))), made, strict=True))
    for key, part in parts:
        if part is not None:
            yield from _flatten(part, f"{name}.{key}" if name else str(key))


def _describe(name: str, values: Tensor) -> Output:
    x = values.detach().float().cpu()
    finite = x[torch.isfinite(x)]
    known = finite if finite.numel() else torch.zeros(1)
    lowest, highest = float(known.min()), float(known.max())
    mean, spread = float(known.mean()), float(known.std(correction=0))
    return Output(
        name,
        tuple(values.shape),
        lowest,
        highest,
        mean,
        spread,
        x.numel() - finite.numel(),
        _sharpness(x) if x.dim() == 4 and x.shape[1] == 3 else None,
        hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()[:12],
    )


def _sharpness(picture: Tensor) -> float:
    """How much neighbouring pixels of (B, C, H, W) differ from their mean."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).expand(1, 1, 3, 3)
    flat = picture.flatten(0, 1)[:, None]
    return float(F.conv2d(flat, kernel).abs().mean())
