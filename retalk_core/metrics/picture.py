"""How much of a picture was lost where nothing was edited."""

from __future__ import annotations

import numpy as np

from .registry import metric


@metric(
    "loss_outside",
    better="higher",
    words="outside the edit {:.1f} dB",
    unknown="outside the edit exact",
)
def loss_outside(errors_outside: np.ndarray) -> float | None:
    """Peak signal-to-noise ratio in dB of mean squared errors (k,) on [0, 1]; None: exact."""
    error = float(np.mean(errors_outside)) if len(errors_outside) else 0.0
    return psnr(error) if error else None


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error on [0, 1]; at most 100."""
    return float(-10 * np.log10(max(error, 1e-10)))
