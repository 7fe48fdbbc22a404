"""Lip-sync error by SyncNet's distances: LSE-D, LSE-C and the offset between picture and sound.

Chung and Zisserman, "Out of time" (2016), as Prajwal et al., "A lip sync expert is all you need" (2020), made
metrics of it. Figures of different protocols can't be compared.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct

from ..types import Samples
from .registry import metric

_RATE = 16_000  # Hz of the sound
FRAME_RATE = 25  # of the pictures, exactly
SAMPLES_PER_FRAME = _RATE // FRAME_RATE
LIP_FRAMES, SOUND_COLUMNS = 5, 20  # that SyncNet reads together
COLUMNS_PER_FRAME = 4
REACH = 15  # frames of shift to either side
FEWEST_PLACES = 31  # places, below which padding decides

_WINDOW, STEP, BINS = 400, 160, 512  # samples
_FILTERS, CEPSTRA, LIFTER = 26, 13, 22
EMPHASIS = 0.97
AT_ONCE = 4096  # columns that are worked out together


@metric(
    "lse_d",
    better="lower",
    words="LSE-D {:.3f}",
    source="Prajwal et al. 2020, after Chung and Zisserman 2016",
)
def lse_d(sync_distances: np.ndarray) -> float | None:
    """The least mean distance over all shifts (31,); None: the clip is too short."""
    return float(sync_distances.min()) if len(sync_distances) else None


@metric(
    "lse_c",
    better="higher",
    words="LSE-C {:.3f}",
    source="Prajwal et al. 2020, after Chung and Zisserman 2016",
)
def lse_c(sync_distances: np.ndarray) -> float | None:
    """How far the least mean distance (31,) lies below the middle one."""
    return float(np.median(sync_distances) - sync_distances.min()) if len(sync_distances) else None


@metric(
    "sync_offset",
    better="near 0",
    words="picture and sound {:+d} frames apart by SyncNet",
    source="Chung and Zisserman 2016",
)
def sync_offset(sync_distances: np.ndarray) -> int | None:
    """Frames by which the sound goes before the pictures; below 0 it comes late."""
    return REACH - int(sync_distances.argmin()) if len(sync_distances) else None


def shift_distances(lips: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """How far lips are from the sound at every shift.

    lips, sound: (F, n) vectors of the same moments
    returns:     (F, 31) float32; column 15 is no shift, column 0 sound that goes before by 15 frames

    Beyond its ends the sound is zero, as SyncNet's own evaluation has it.
    """
    return distances_around(lips, np.pad(sound, ((REACH, REACH), (0, 0))))


def distances_around(lips: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The same for a part of a clip: lips (F, n), sound from 15 moments before to 15 after, (F + 30, n)."""
    lips, around = lips.astype(np.float32), around.astype(np.float32)
    shifts = [around[shift : shift + len(lips)] for shift in range(2 * REACH + 1)]
    return np.stack([np.sqrt(((lips - there + np.float32(1e-6)) ** 2).sum(1)) for there in shifts], axis=1)


def places(frames: int, samples: int) -> int:
    """How many moments of a clip can be compared; 0 or less: none."""
    return min(frames, samples // SAMPLES_PER_FRAME) - LIP_FRAMES


def sound_stretches(cepstra: np.ndarray, count: int) -> np.ndarray:
    """What SyncNet hears at each of F moments, (F, 1, 13, 20) float32, of cepstra (columns, 13)."""
    windows = sliding_window_view(cepstra, SOUND_COLUMNS, axis=0)[::COLUMNS_PER_FRAME][:count]
    return np.ascontiguousarray(windows[:, None], np.float32)


def mel_cepstra(samples: Samples, *, white: float = 1.0) -> np.ndarray:
    """Mel frequency cepstra, 100 a second.

    samples: (n,) at 16 kHz, read in blocks
    white:   what their loudest is in 16-bit integers: 32768 for sound in [-1, 1]
    returns: (columns, 13) float64; the first is the logarithm of the energy

    The figures are those that python_speech_features works out by default, which SyncNet was trained on.
    """
    columns = 1 + max(-(-(len(samples) - _WINDOW) // STEP), 0)
    filters = _triangles()
    lift = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    blocks = [
        _cepstra_of(_windows(samples, white, first, min(first + AT_ONCE, columns)), filters, lift)
        for first in range(0, columns, AT_ONCE)
    ]
    return np.concatenate(blocks)


def _windows(samples: Samples, white: float, first: int, last: int) -> np.ndarray:
    """Emphasised windows (last - first, 400) of the sound, silent beyond its end."""
    start, stop = first * STEP, (last - 1) * STEP + _WINDOW
    part = np.asarray(samples[max(start - 1, 0) : stop], np.float64)
    part = part if white == 1 else np.rint(part * white)
    lifted = part[1:] - EMPHASIS * part[:-1]
    lifted = np.concatenate([part[:1], lifted]) if start == 0 else lifted
    lifted = np.pad(lifted, (0, max(stop - start - len(lifted), 0)))
    return sliding_window_view(lifted, _WINDOW)[::STEP]


def _cepstra_of(windows: np.ndarray, filters: np.ndarray, lift: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.rfft(windows, BINS)) ** 2 / BINS
    tiny = np.finfo(float).eps
    energy = power.sum(axis=1)
    bands = power @ filters.T
    cepstra = dct(np.log(np.where(bands == 0, tiny, bands)), type=2, axis=1, norm="ortho")[:, :CEPSTRA] * lift
    cepstra[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return cepstra


def _triangles() -> np.ndarray:
    """The mel filters (26, 257)."""
    highest = 2595 * np.log10(1 + _RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, _FILTERS + 2) / 2595) - 1)
    edges = np.floor((BINS + 1) * hertz / _RATE).astype(int)
    filters = np.zeros((_FILTERS, BINS // 2 + 1))
    for row, (low, middle, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        up, down = np.arange(low, middle), np.arange(middle, high)
        filters[row, up] = (up - low) / max(middle - low, 1)
        filters[row, down] = (high - down) / max(high - middle, 1)
    return filters
