"""FaceMesh: the converted network, and how its points come back to the frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.models.checkpoint import load_weights
from retalk_nodes.models.faces.blazeface import load_detector
from retalk_nodes.models.faces.facemesh import LIPS, FaceMesh, lip_window, load_face_mesh
from retalk_nodes.retalk_core.faces.detect import detect
from retalk_nodes.retalk_core.faces.mesh import (
    FaceRegion,
    crop_region,
    find_mesh,
    region_of_detection,
    region_of_points,
)
from safetensors.torch import load_file

GOLDEN = Path(__file__).parent.parent / "golden" / "face_networks.safetensors"


def drawn_face() -> torch.Tensor:
    """A face of ellipses, (192, 192, 3) uint8."""
    return load_file(GOLDEN)["picture.192"]


def astronaut() -> np.ndarray:
    """A portrait, (512, 512, 3) uint8, with one face."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image, whose portrait is used, is not installed"
    )
    return data.astronaut()


def test_mesh_repeats_the_recorded_output() -> None:
    recorded = load_file(GOLDEN)

    with torch.inference_mode():
        points, logit = load_face_mesh()(drawn_face().permute(2, 0, 1)[None] / 255)

    kept = recorded["face_mesh.kept"]
    assert set(LIPS) <= set(kept.tolist())
    torch.testing.assert_close(points[:, kept], recorded["face_mesh.points"], rtol=0, atol=1e-3)
    assert logit.item() > 0


def test_batch_gives_what_single_crops_give() -> None:
    crop = drawn_face().permute(2, 0, 1) / 255
    batch = torch.stack([crop, crop.flip(2), crop.roll(10, dims=1)])
    network = load_face_mesh()

    with torch.inference_mode():
        together = network(batch)[0]
        alone = torch.cat([network(one[None])[0] for one in batch])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-3)


def test_lip_window_holds_the_lips_of_a_tilted_mouth() -> None:
    points = torch.zeros(1, 468, 3)
    angle = torch.linspace(0, 2 * torch.pi, len(LIPS) + 1)[:-1]
    tilt = torch.tensor(0.4)
    lips = torch.stack([30 * angle.cos(), 10 * angle.sin()], dim=1)
    turn = torch.stack([torch.stack([tilt.cos(), -tilt.sin()]), torch.stack([tilt.sin(), tilt.cos()])])
    points[0, LIPS, :2] = lips @ turn.T + 100
    points[0, [61, 291], :2] = torch.tensor([[-30.0, 0], [30, 0]]) @ turn.T + 100

    sides, centre = lip_window(points)

    torch.testing.assert_close(centre, torch.tensor([[100.0, 100.0]]), rtol=0, atol=0.05)
    torch.testing.assert_close(sides[0].norm(dim=0), torch.tensor([90.0, 30.0]), rtol=0, atol=0.2)
    assert torch.atan2(sides[0, 1, 0], sides[0, 0, 0]) == pytest.approx(0.4, abs=1e-4)


def test_crop_shows_the_region_upright() -> None:
    picture = np.zeros((400, 600, 3), np.uint8)
    region = FaceRegion((300.0, 200.0), side=192.0, angle=np.pi / 2)
    picture[200 - 60, 300] = 255  # a quarter turn anticlockwise brings it to the crop's left

    crop = crop_region(picture, region)

    y, x = np.unravel_index(crop[..., 0].argmax(), crop.shape[:2])
    assert abs(x - (96 - 60)) <= 1
    assert abs(y - 96) <= 1


@pytest.mark.parametrize("centre", [(0.0, 0.0), (-500.0, 80.0), (900.0, 700.0)])
def test_region_beyond_the_picture_repeats_its_edge(centre: tuple[float, float]) -> None:
    picture = np.full((300, 400, 3), 77, np.uint8)

    assert (crop_region(picture, FaceRegion(centre, 150.0, 0.3)) == 77).all()


def test_sixteen_bit_picture_gives_the_same_crop() -> None:
    picture = drawn_face().numpy()
    region = FaceRegion((96.0, 96.0), 200.0, 0.2)

    wide = crop_region(picture.astype(np.uint16) * 257, region)

    assert wide.dtype == np.uint8
    assert np.abs(wide.astype(int) - crop_region(picture, region)).max() <= 1


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 4.0])
def test_points_scale_with_the_picture(scale: float) -> None:
    picture = astronaut()
    network = load_face_mesh()
    region = region_of_detection(detect(load_detector("short"), picture)[0])
    at_one = find_mesh(network, picture, region)
    resized = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )

    larger = FaceRegion(
        (region.centre[0] * scale, region.centre[1] * scale), region.side * scale, region.angle
    )
    mesh = find_mesh(network, resized, larger)

    assert mesh.score > 0.99
    error = np.abs(mesh.points / scale - at_one.points)[:, :2].mean()
    assert error < 0.5  # pixels of a face that is 106 high


def test_mesh_rests_in_its_own_region() -> None:
    picture = astronaut()
    network = load_face_mesh()
    mesh = find_mesh(network, picture, region_of_detection(detect(load_detector("short"), picture)[0]))
    for _ in range(3):
        before, mesh = mesh, find_mesh(network, picture, region_of_points(mesh.points))

    assert np.abs(mesh.points - before.points)[:, :2].max() < 1.0


def test_lips_of_a_smile_are_apart_but_not_wide() -> None:
    picture = astronaut()  # she shows her upper teeth
    network = load_face_mesh()
    mesh = find_mesh(network, picture, region_of_detection(detect(load_detector("short"), picture)[0]))
    gap = np.linalg.norm(mesh.points[13, :2] - mesh.points[14, :2])
    across = np.linalg.norm(mesh.points[33, :2] - mesh.points[263, :2])

    assert 0.02 < gap / across < 0.25


def test_missing_weights_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_weights(FaceMesh(), tmp_path / "absent.safetensors")
