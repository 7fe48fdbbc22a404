"""Drawn inputs for trying networks out: a face and a voice, the same on every machine."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

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


def drawn_face(side: int) -> Tensor:
    """A plain face, (1, 3, side, side) RGB in [0, 1]."""
    at = (np.arange(side) + 0.5) / side
    y, x = at[:, None], at[None, :]
    picture = np.stack([0.35 + 0.2 * y + 0 * x, 0.4 + 0.1 * x + 0 * y, 0.5 - 0.2 * y + 0 * x], axis=-1)
    for cx, cy, rx, ry, colour in FACE:
        inside = np.clip((1.0 - np.hypot((x - cx) / rx, (y - cy) / ry)) * side * min(rx, ry), 0, 1)[..., None]
        picture = picture * (1 - inside) + np.array(colour) * inside
    return torch.from_numpy(picture.astype(np.float32)).movedim(-1, 0)[None].contiguous()


def signed_face(side: int) -> Tensor:
    """The face in [-1, 1]."""
    return drawn_face(side) * 2 - 1


def drawn_mel(columns: int = 16) -> Tensor:
    """A vowel-like spectrum that swells, (1, 1, 80, columns) in [-4, 4]."""
    band, column = torch.arange(80.0)[:, None], torch.arange(float(columns))[None]
    bumps = (torch.exp(-(((band - centre) / 4) ** 2)) for centre in (8, 20, 44))
    peaks = sum(bumps, start=torch.zeros(80, 1))
    return (peaks * (0.4 + 0.6 * column / (columns - 1)) * 6 - 4).clamp(-4, 4)[None, None]
