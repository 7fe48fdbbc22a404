"""The cells of a sound in which a mark lies: short times by narrow bands, in log magnitude."""

from __future__ import annotations

import functools

import numpy as np

from .code import coded_bits
from .keys import Layout, layout_of

SOUND_BITS, SOUND_CHECK = 16, 8  # of the number, and to check it by
HOP_SECONDS = 0.016
WINDOW_HOPS = 4
BLOCK_HOPS = 4  # that share a sign
BLOCKS = 64  # after which the mark begins anew: 4.1 seconds
FIRST_BIN, LAST_BIN = 20, 240  # 0.3 to 3.75 kHz: what telephones and codecs keep
BAND_BINS = 2  # that share a sign
BANDS = (LAST_BIN - FIRST_BIN) // BAND_BINS


def hop_of(rate: int) -> int:
    """Samples of a hop; a window is WINDOW_HOPS of them."""
    return max(round(HOP_SECONDS * rate), 1)


def window_of(rate: int) -> np.ndarray:
    """A periodic Hann window (n,); its squares, a hop apart, add up to 1.5."""
    n = WINDOW_HOPS * hop_of(rate)
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


@functools.lru_cache(maxsize=16)
def sound_layout(key: bytes) -> Layout:
    """What the cells (BLOCKS * BANDS) carry under a key."""
    return layout_of(key, "sound", BLOCKS * BANDS, coded_bits(SOUND_BITS, SOUND_CHECK))
