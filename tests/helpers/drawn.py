"""Pictures with one face, for networks that find faces: drawn of ellipses, and a portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
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
