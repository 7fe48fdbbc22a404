"""ArcFace reads a file of facexlib's and gives vectors of length 1."""

from __future__ import annotations

from pathlib import Path

import torch
from retalk_nodes.models.catalog import NETWORKS, catalog
from retalk_nodes.models.checkpoint import load_network


def test_a_file_of_facexlibs_class_is_loaded_strictly(tmp_path: Path) -> None:
    from facexlib.recognition.arcface_arch import Backbone

    torch.manual_seed(0)
    path = tmp_path / "recognition_arcface_ir_se50.pth"
    theirs = Backbone(50, 0.6, "ir_se").eval()
    torch.save(theirs.state_dict(), path)
    builder = NETWORKS["arcface"].build

    network = load_network(catalog["arcface"], path)

    faces = builder.draw_sample()[0]
    with torch.inference_mode():
        given, expected = network(faces), theirs(faces)
    torch.testing.assert_close(given, torch.nn.functional.normalize(expected, dim=1))
    torch.testing.assert_close(given.norm(dim=1), torch.ones(1))
