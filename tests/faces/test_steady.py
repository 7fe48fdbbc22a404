"""Smoothing calms what trembles and keeps what moves: the face's own motion counts, not the camera's."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.faces.steady import SMOOTHED_FRAMES, SMOOTHING_ORDER, _filtered, smooth, steady
from scenes import drawn_mesh, rotation

EYES = 60.0  # pixels between the eyes of the drawn face
LIPS = [0, 13, 14, 17, 61, 291]


def talking_head(count: int) -> np.ndarray:
    """A head that sways slowly and opens its mouth (T, 468, 3)."""
    openings = 0.06 - 0.06 * np.cos(np.arange(count) / 2.5)
    return np.stack(
        [
            drawn_mesh(EYES, (80 + 3 * np.sin(i / 9), 70), (0, 4 * np.sin(i / 12), 0), (h, 5 * h * h, 0))
            for i, h in enumerate(openings)
        ]
    )


def off(mesh: np.ndarray, truth: np.ndarray) -> float:
    """How far the lips lie from where they are, at most, in eye distances."""
    apart = (mesh - truth)[:, LIPS, :2].mean(axis=1)
    return float(np.linalg.norm(apart, axis=-1).max() / EYES)


def shaken(mesh: np.ndarray, degrees: float) -> np.ndarray:
    """The same seen by a camera that jumps from frame to frame, and turns."""
    rng = np.random.default_rng(4)
    moved = mesh.copy()
    for points in moved:
        turn = rotation(0, 0, degrees * rng.uniform(-1, 1))
        points[:] = (points - (80, 70, 0)) @ turn.T + (80, 70, 0) + [*rng.uniform(-8, 8, 2), 0]
    return moved


@pytest.mark.parametrize("degrees", [0.0, 3.0])
def test_the_mouth_stays_on_a_face_whose_camera_shakes(degrees: float) -> None:
    truth = shaken(talking_head(60), degrees)
    mesh = truth.copy()
    steady(mesh)

    assert off(mesh, truth) < 0.02
    assert off(smooth(truth), truth) > 0.08  # as it was when all motion was smoothed


def test_trembling_is_calmed_though_the_camera_shakes() -> None:
    truth = shaken(talking_head(60), 0)
    noise = np.random.default_rng(1).normal(0, 0.5, truth.shape).astype(np.float32)
    mesh = truth + noise
    steady(mesh)

    assert (mesh - truth)[..., :2].std() < 0.85 * noise[..., :2].std()


def test_a_steady_camera_is_smoothed_as_ever_to_the_bit() -> None:
    mesh = talking_head(60) + np.random.default_rng(2).normal(0, 0.1, (60, 468, 3)).astype(np.float32)
    before = mesh.copy()
    steady(mesh)

    np.testing.assert_array_equal(mesh, smooth(before))


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_stretches_shorter_than_the_window_stay(frames: int) -> None:
    mesh = shaken(talking_head(frames), 0)
    before = mesh.copy()
    steady(mesh)

    np.testing.assert_array_equal(mesh, before)


@pytest.mark.parametrize("shape", [(5,), (6,), (60, 7, 3)])
def test_the_filter_is_savitzkys_and_golays(shape: tuple[int, ...]) -> None:
    signal = pytest.importorskip("scipy.signal")
    values = np.random.default_rng(3).normal(size=shape) * 300
    wanted = signal.savgol_filter(values, SMOOTHED_FRAMES, SMOOTHING_ORDER, axis=0, mode="interp")
    np.testing.assert_allclose(_filtered(values), wanted, rtol=0, atol=1e-10)
