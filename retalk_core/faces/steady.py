"""Calm a mesh over time by the face's own motion: what moves all of it at once, such as a camera, is kept."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d, maximum_filter1d, uniform_filter1d

from ..images import smooth_step
from .canonical import EYE_CORNERS, STABLE

SMOOTHED_FRAMES = 5  # of the Savitzky–Golay filter
SMOOTHING_ORDER = 2
_POINTS_AT_ONCE = 39  # that are smoothed together
# Eye distances by which smoothing moves a face as a whole. Up to the first the network trembles: steady
# cameras and talking heads stay below 0.014. From the second on the face really went there.
TREMBLING, SHAKING = 0.010, 0.025


def steady(mesh: np.ndarray) -> None:
    """Smooth an unbroken stretch of meshes (T, n, 3) over time, in place.

    Every point is smoothed where the face as a whole moves evenly. Where it jumps from frame to frame, as a
    shaking camera makes it, the jump is taken out first and put back afterwards, so that the mesh stays on
    the face. Fewer than five frames stay as they are.
    """
    if len(mesh) < SMOOTHED_FRAMES:
        return
    pose = _Poses(mesh)
    shaken = pose.shaken
    for first in range(0, mesh.shape[1], _POINTS_AT_ONCE):  # each is smoothed by itself: no copy of them all
        some = mesh[:, first : first + _POINTS_AT_ONCE]
        calm = smooth(some)
        if shaken.any():
            held = pose.placed(smooth(pose.taken_out(some)))
            calm += shaken[:, None, None] * (held - calm)
        some[:] = calm


def smooth(mesh: np.ndarray) -> np.ndarray:
    """Smooth meshes (T, n, 3) over time, wherever they go; fewer than five stay as they are."""
    if len(mesh) < SMOOTHED_FRAMES:
        return mesh
    return _filtered(mesh).astype(np.float32)


class _Poses:
    """Where a face lies in each frame, how large and how it is turned in the picture's plane."""

    def __init__(self, mesh: np.ndarray) -> None:
        points = mesh[:, list(STABLE), :2].astype(np.float64)
        places = points[..., 0] + 1j * points[..., 1]
        shape = places.mean(axis=0) - places.mean()
        spread = max(float((np.abs(shape) ** 2).sum()), 1e-9)
        self._centre = places.mean(axis=1)  # (T,) x + iy
        turn = ((places - self._centre[:, None]) * shape.conj()).sum(axis=1) / spread
        turn = np.where(np.abs(turn) < 1e-6, 1, turn)
        self._turn = turn  # (T,) size and angle
        logs = np.log(np.abs(turn)) + 1j * np.unwrap(np.angle(turn))
        eyes = mesh[:, list(EYE_CORNERS), :2].astype(np.float64)
        size = np.maximum(np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1), 1e-6)
        # One after the other, for each may jump where the others tremble.
        centre, moves = _kept_jumps(self._centre, _smoothed(self._centre), size)
        sizes, grows = _kept_jumps(logs.real, _filtered(logs.real), 1)
        angles, turns = _kept_jumps(logs.imag, _filtered(logs.imag), 1)
        self._new_centre, self._new_turn = centre, np.exp(sizes + 1j * angles)
        self.shaken = np.maximum(moves, np.maximum(grows, turns)).astype(np.float32)  # (T,) 0..1

    def taken_out(self, mesh: np.ndarray) -> np.ndarray:
        """Meshes (T, n, 3) as if the face had kept its place, size and angle."""
        places = (_complex(mesh) - self._centre[:, None]) / self._turn[:, None]
        return _real(places, mesh[..., 2] / np.abs(self._turn)[:, None])

    def placed(self, mesh: np.ndarray) -> np.ndarray:
        """The way back from `taken_out`, with the trembling left out."""
        places = _complex(mesh) * self._new_turn[:, None] + self._new_centre[:, None]
        return _real(places, mesh[..., 2] * np.abs(self._new_turn)[:, None])


def _kept_jumps(
    values: np.ndarray, calm: np.ndarray, unit: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Values (T,) that are calm but where they jump, and how far each frame's own counts, 0..1.

    unit: what is one eye distance at the mouth
    """
    share = smooth_step((np.abs(values - calm) / unit - TREMBLING) / (SHAKING - TREMBLING))
    widest = maximum_filter1d(share, SMOOTHED_FRAMES, mode="nearest")  # a jump spoils its neighbours too
    share = uniform_filter1d(widest, 3, mode="nearest")
    return calm + share * (values - calm), share


def _complex(mesh: np.ndarray) -> np.ndarray:
    return mesh[..., 0].astype(np.float64) + 1j * mesh[..., 1]


def _real(places: np.ndarray, depth: np.ndarray) -> np.ndarray:
    return np.stack([places.real, places.imag, depth], axis=-1).astype(np.float32)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Complex values (T,) over time."""
    return _filtered(values.real) + 1j * _filtered(values.imag)


def _filtered(values: np.ndarray) -> np.ndarray:
    """The Savitzky–Golay filter of values (T, ...) over time; at both ends the parabola of five values.

    It is `scipy.signal.savgol_filter` in its mode `interp`, without that package's import, which takes longer
    than a dub of one second.
    """
    half = SMOOTHED_FRAMES // 2
    moments = np.arange(-half, half + 1.0) ** np.arange(SMOOTHING_ORDER + 1)[:, None]
    weights = np.linalg.pinv(moments)[:, 0]  # of the parabola's value in the middle
    calm: np.ndarray = convolve1d(values, weights, axis=0, mode="constant")
    for end, first in ((slice(0, half), 0), (slice(len(values) - half, None), len(values) - SMOOTHED_FRAMES)):
        known = values[first : first + SMOOTHED_FRAMES].reshape(SMOOTHED_FRAMES, -1)
        parabola = np.polynomial.polynomial.polyfit(np.arange(SMOOTHED_FRAMES), known, SMOOTHING_ORDER)
        asked = np.arange(len(values))[end] - first
        found = np.polynomial.polynomial.polyval(asked, parabola).T
        calm[end] = found.reshape(calm[end].shape)
    return calm
