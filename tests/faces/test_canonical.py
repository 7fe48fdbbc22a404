"""Exact poses, and a mouth's opening and width that don't depend on them."""

from __future__ import annotations

import numpy as np
import pytest
from mouths import OPENINGS, TURNS, speaking
from retalk_nodes.retalk_core.faces.canonical import (
    STABLE,
    head_poses,
    load_mouth_model,
    measure_mouth,
)
from scenes import drawn_mesh, rotation

# Pose


@pytest.mark.parametrize("degrees", TURNS, ids=str)
@pytest.mark.parametrize("size", [3.0, 60.0, 900.0])
def test_the_pose_of_a_turned_and_scaled_face_is_exact(
    degrees: tuple[float, float, float], size: float
) -> None:
    reference = load_mouth_model().reference
    mesh = drawn_mesh(size, (12.0, 700.0), degrees)[None]
    pose = head_poses(mesh)
    np.testing.assert_allclose(pose.to_canonical(mesh)[0], reference, atol=2e-4)
    np.testing.assert_allclose(pose.to_frame(reference[None])[0], mesh[0], atol=2e-4 * size + 1e-3)
    assert pose.scale[0] == pytest.approx(1 / size, rel=1e-4)
    np.testing.assert_allclose(pose.rotation[0], rotation(*degrees).T, atol=1e-4)


def test_a_pose_is_never_a_mirror_image() -> None:
    mesh = drawn_mesh()[None] * np.array([-1.0, 1.0, 1.0], np.float32)
    assert np.linalg.det(head_poses(mesh).rotation[0]) == pytest.approx(1, abs=1e-5)


def test_speech_and_smiles_dont_turn_the_head() -> None:
    still, moving = drawn_mesh(), drawn_mesh(drivers=(0.15, 0.11, 0.2))
    moving[list(STABLE)] = still[list(STABLE)]
    poses = head_poses(np.stack([still, moving]))
    np.testing.assert_array_equal(poses.rotation[0], poses.rotation[1])
    np.testing.assert_array_equal(poses.scale[0], poses.scale[1])


def test_poses_of_many_frames_are_those_of_each_frame() -> None:
    meshes = np.stack(speaking(7, sway=10))
    together = head_poses(meshes)
    for i in range(7):
        alone = head_poses(meshes[i : i + 1])
        np.testing.assert_allclose(together.rotation[i], alone.rotation[0], atol=1e-6)
        np.testing.assert_allclose(together[np.array([i])].shift, alone.shift, atol=1e-5)


# Measures


@pytest.mark.parametrize("degrees", TURNS, ids=str)
def test_opening_and_width_dont_depend_on_the_heads_pose(degrees: tuple[float, float, float]) -> None:
    driven = (0.1, 0.05, 0.05)
    straight, turned = (
        drawn_mesh(drivers=driven)[None],
        drawn_mesh(140.0, (9.0, 9.0), degrees, driven)[None],
    )
    # The pose is fitted to points that the mouth hardly moves; hence not quite exact.
    for one, other in zip(
        *(measure_mouth(head_poses(mesh).to_canonical(mesh)) for mesh in (straight, turned)), strict=True
    ):
        assert one[0] == pytest.approx(other[0], abs=1e-3)


def test_a_wider_opening_measures_wider() -> None:
    meshes = np.stack([drawn_mesh(drivers=(h, 5 * h * h, 0)) for h in OPENINGS])
    opening, _ = measure_mouth(head_poses(meshes).to_canonical(meshes))
    assert (np.diff(opening) > 0.01).all()
    assert opening[-1] - opening[0] == pytest.approx(0.15, abs=0.03)
