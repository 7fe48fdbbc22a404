"""FaceMesh: the converted network repeats what was recorded of the original."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from drawn import GOLDEN, drawn_face
from retalk_nodes.models.checkpoint import load_weights
from retalk_nodes.models.faces.facemesh import LIPS, FaceMesh, lip_window, load_face_mesh
from safetensors.torch import load_file


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


def test_missing_weights_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_weights(FaceMesh(), tmp_path / "absent.safetensors")
