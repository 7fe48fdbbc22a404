"""Judge a mouth by what can be seen: its opening, sharpness and flicker, from landmarks and pixels."""

from __future__ import annotations

import numpy as np

from .mouth.retrieval import lip_sharpness, mouth_thumb
from .mouth.shape import head_poses, measure_mouth

LAGS = 8  # frames to either side
FEWEST = 25  # frames that say anything about a lag


class MouthWatch:
    """Collects what the mouth of one clip looks like, frame by frame; a few hundred bytes for each."""

    def __init__(self) -> None:
        self.opening: list[float] = []  # eye distances
        self._sharpness: list[float] = []
        self._thumbs: list[np.ndarray] = []
        self._steps: list[float] = []

    def see(self, pixels: np.ndarray, mesh: np.ndarray, steady: np.ndarray | None = None) -> None:
        """Look at one frame.

        pixels: (H, W, 3) uint8 or uint16
        mesh:   (468, 3) the face in them
        steady: (468, 3) the face smoothed over time, by which its picture is held still; None: the mesh
        """
        pose = head_poses(mesh[None])
        opening, _ = measure_mouth(pose.to_canonical(mesh[None]))
        self.opening.append(float(opening[0]))
        self._sharpness.append(lip_sharpness(pixels, mesh))
        held = pose if steady is None else head_poses(steady[None])
        self._thumbs = [*self._thumbs[-2:], mouth_thumb(pixels, held)]
        if len(self._thumbs) == 3:
            before, here, after = self._thumbs
            self._steps.append(float(np.abs(before - 2 * here + after).mean()))

    @property
    def sharpness(self) -> float:
        """Mean absolute Laplacian of the lips, in grey levels from 0 to 1."""
        return float(np.mean(self._sharpness)) if self._sharpness else 0.0

    @property
    def flicker(self) -> float:
        """Mean absolute second difference over time of a small mouth picture held still."""
        return float(np.mean(self._steps)) if self._steps else 0.0


def best_lag(opening: np.ndarray, loudness: np.ndarray, used: np.ndarray) -> tuple[int, float] | None:
    """The shift in frames at which opening (T,) and loudness (T,) correlate best, and how well.

    used: (T,) bool, frames that count. Below 0 the mouth leads the sound. None where there is nothing to
    compare: too few frames, or no change in either.
    """
    found = []
    for lag in range(-LAGS, LAGS + 1):
        first, second = max(lag, 0), max(-lag, 0)
        count = len(opening) - abs(lag)
        if count < FEWEST:
            continue
        mouth, voice = opening[first : first + count], loudness[second : second + count]
        both = used[first : first + count] & used[second : second + count]
        if both.sum() < FEWEST or mouth[both].std() < 1e-4 or voice[both].std() < 1e-4:
            continue
        found.append((float(np.corrcoef(mouth[both], voice[both])[0, 1]), lag))
    if not found:
        return None
    correlation, lag = max(found)
    return lag, correlation


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error on [0, 1]."""
    return float(-10 * np.log10(max(error, 1e-10)))
