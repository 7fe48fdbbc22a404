"""Runs networks once on a drawn picture: what comes out says whether weights and machine are sound."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.telltales import title


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
    inputs = [value.to(device) for value in INPUTS[name]()]
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


# What the networks are given


def drawn_face(side: int) -> Tensor:
    """A plain face, (1, 3, side, side) RGB in [0, 1]: the same on every machine."""
    at = (np.arange(side) + 0.5) / side
    y, x = at[:, None], at[None, :]
    picture = np.stack([0.35 + 0.2 * y + 0 * x, 0.4 + 0.1 * x + 0 * y, 0.5 - 0.2 * y + 0 * x], axis=-1)
    for cx, cy, rx, ry, colour in FACE:
        inside = np.clip((1.0 - np.hypot((x - cx) / rx, (y - cy) / ry)) * side * min(rx, ry), 0, 1)[..., None]
        picture = picture * (1 - inside) + np.array(colour) * inside
    return torch.from_numpy(picture.astype(np.float32)).movedim(-1, 0)[None].contiguous()


SKIN, DARK, WHITE, LIPS = (0.85, 0.66, 0.55), (0.22, 0.15, 0.12), (0.95, 0.95, 0.93), (0.72, 0.36, 0.36)
FACE = (  # centre, radii, colour, all in parts of the side
    (0.50, 0.44, 0.35, 0.44, DARK),  # hair
    (0.50, 0.50, 0.30, 0.38, SKIN),
    *((x, 0.36, 0.075, 0.014, DARK) for x in (0.38, 0.62)),  # brows
    *((x, 0.43, 0.055, 0.028, WHITE) for x in (0.38, 0.62)),
    *((x, 0.43, 0.026, 0.026, DARK) for x in (0.38, 0.62)),
    (0.50, 0.56, 0.035, 0.045, (0.76, 0.56, 0.46)),  # nose
    (0.50, 0.70, 0.11, 0.040, LIPS),
    (0.50, 0.70, 0.08, 0.012, DARK),
)


def _signed(side: int, bgr: bool = False) -> Tensor:
    """The face in [-1, 1]."""
    face = drawn_face(side) * 2 - 1
    return face.flip(1) if bgr else face


def _mel() -> Tensor:
    """A vowel-like spectrum that swells, (1, 1, 80, 16) in [-4, 4]."""
    band, column = torch.arange(80.0)[:, None], torch.arange(16.0)[None]
    peaks = sum(torch.exp(-(((band - centre) / 4) ** 2)) for centre in (8, 20, 44))
    return (peaks * (0.4 + 0.6 * column / 15) * 6 - 4).clamp(-4, 4)[None, None]


def _lips_input() -> tuple[Tensor, Tensor]:
    face = drawn_face(96).flip(1)  # BGR
    masked = face.clone()
    masked[:, :, 48:] = 0
    return _mel(), torch.cat([masked, face], dim=1)


def _detector_picture(bgr: bool) -> Tensor:
    picture = drawn_face(640) * 255
    return picture.flip(1) if bgr else picture


INPUTS: dict[str, Callable[[], tuple[Tensor, ...]]] = {
    "face3d": lambda: (drawn_face(224),),
    "dnet": lambda: (_signed(256), torch.zeros(1, 73, 26)),
    "lnet": _lips_input,
    "enet": lambda: (drawn_face(96).flip(1), drawn_face(384).flip(1)),
    "ganimation": lambda: (_signed(128, bgr=True), torch.zeros(1, 17)),
    "parsenet": lambda: (_signed(512),),
    "bisenet": lambda: (_signed(512),),
    "gfpgan": lambda: (_signed(512),),
    "gpen": lambda: (_signed(512),),
    "retinaface": lambda: (_detector_picture(bgr=True),),
    "s3fd": lambda: (_detector_picture(bgr=False),),
}
