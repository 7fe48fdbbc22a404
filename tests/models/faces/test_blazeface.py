"""BlazeFace: the converted networks repeat what was recorded of the originals; their files are checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from drawn import GOLDEN
from retalk_nodes.models.checkpoint import WEIGHTS, load_weights
from retalk_nodes.models.faces.blazeface import DetectorKind, ShortRangeDetector, load_detector
from safetensors import safe_open
from safetensors.torch import load_file, save_file

EVERY = 8  # anchors were recorded


@pytest.mark.parametrize("kind", ["short", "full"])
def test_detector_repeats_the_recorded_output(kind: DetectorKind) -> None:
    network = load_detector(kind)
    recorded = load_file(GOLDEN)
    picture = recorded[f"picture.{network.side}"].permute(2, 0, 1)[None] / 127.5 - 1

    with torch.inference_mode():
        scores, points = network.read(picture)

    torch.testing.assert_close(
        scores[:, ::EVERY], recorded[f"face_detector_{kind}.scores"], rtol=0, atol=1e-3
    )
    torch.testing.assert_close(
        points[:, ::EVERY], recorded[f"face_detector_{kind}.points"], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("spoil", ["missing", "unexpected", "misshapen"])
def test_weights_that_do_not_fit_are_refused(spoil: str, tmp_path: Path) -> None:
    state = load_file(WEIGHTS / "face_detector_short.safetensors")
    if spoil == "missing":
        del state["stem.0.bias"]
    elif spoil == "unexpected":
        state["extra"] = torch.zeros(1)
    else:
        state["stem.0.bias"] = torch.zeros(25)
    save_file(state, tmp_path / "spoilt.safetensors")

    with pytest.raises(RuntimeError, match=r"stem\.0\.bias|extra"):
        load_weights(ShortRangeDetector(), tmp_path / "spoilt.safetensors")


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("face_*.safetensors")), ids=lambda path: path.stem)
def test_weights_tell_their_origin_and_licence(path: Path) -> None:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()

    assert metadata["licence"] == "Apache-2.0"
    assert "@mediapipe/" in metadata["source"]
    assert len(metadata["sha256"]) == 64
