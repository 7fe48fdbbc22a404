"""Judge a mouth by what can be seen: its opening, sharpness and flicker, from landmarks and pixels."""

from __future__ import annotations

import numpy as np


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error on [0, 1]."""
    return float(-10 * np.log10(max(error, 1e-10)))
