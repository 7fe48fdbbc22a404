"""What the original networks gave for the recipe's weights.

The whole recordings lie beside the project; thinned ones come with it.

Of a large tensor a recording keeps every n-th element of some axes. Its metadata says which, and whether
an input has to be drawn anew by the recipe.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recipe
import torch
from safetensors import safe_open
from torch import Tensor

THINNED = Path(__file__).resolve().parents[1] / "golden"
WHOLE = Path(
    os.environ.get(
        "RETALK_TEST_RECORDINGS", Path(__file__).resolve().parents[3] / "shared" / "reference" / "goldens"
    )
)
TOLERANCE = 5e-5  # of 1 and of the largest number recorded


@dataclass(frozen=True, eq=False)
class Recording:
    """One run of an original network on the CPU in fp32, two pictures at a time."""

    seed: int
    inputs: dict[str, Tensor]  # in the order the network takes them
    expected: dict[str, Tensor]  # outputs and intermediates, thinned
    slices: dict[str, tuple[slice, ...]]  # how they were thinned

    def assert_matches(self, given: Mapping[str, Tensor]) -> None:
        """Compare every recorded tensor with a full one."""
        wrong = []
        for name, expected in self.expected.items():
            value = given[name].detach()[self.slices[name]]
            assert value.shape == expected.shape, f"{name} is {tuple(value.shape)}"
            off, largest = (value - expected).abs().max().item(), expected.abs().max().item()
            if not off <= TOLERANCE * (1 + largest):  # NaN is wrong too
                wrong.append(f"{name} is off by {off:.1e} of {largest:.2g}")
        assert not wrong, "; ".join(wrong)


def load_recording(name: str, whole: bool, seed: int = 0) -> Recording:
    """Read a network's recording by its key in the catalogue; skips the test where there is none."""
    file = f"{recipe.RECORDED.get(name, name)}_seed{seed}.safetensors"
    path = (WHOLE if whole else THINNED) / file
    if not path.exists():
        pytest.skip(f"no recording {path}; RETALK_TEST_RECORDINGS names the folder of the whole ones")
    return read_recording(path)


def read_recording(path: Path) -> Recording:
    """Read a file of recordings."""
    with safe_open(path, "numpy") as file:
        spec = json.loads(file.metadata()["spec"])
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, no mapping
    inputs, expected, slices = {}, {}, {}
    for key, about in spec["tensors"].items():
        if about["role"] == "input":
            value = stored[key] if key in stored else draw(spec["seed"], key, about["drawn"])
            inputs[key] = torch.from_numpy(_scaled(value, about))
        else:
            expected[key] = torch.from_numpy(stored[key])
            slices[key] = tuple(slice(start, None, step) for start, step in about.get("slice", ()))
    return Recording(spec["seed"], inputs, expected, slices)


def draw(seed: int, key: str, shape: list[int]) -> np.ndarray:
    """An input picture of the recipe, uint8."""
    batch, channels, height, width = shape
    picture = recipe.image_u8(seed, key, (batch, channels, height, width))
    if channels == 6:  # crops beside their references: the part to be drawn is black
        picture[:, :3, height // 2 :] = 0
    return picture


def _scaled(value: np.ndarray, about: Mapping[str, Any]) -> np.ndarray:
    if "scale" not in about:
        return value
    return (value.astype(np.float64) * about["scale"] + about["offset"]).astype(np.float32)


def metric_recording(name: str) -> dict[str, np.ndarray]:
    """What was recorded of a metric: whole where that lies beside the project, else what comes with it."""
    whole = WHOLE / f"{name}.npz"
    with np.load(whole if whole.exists() else THINNED / "metrics.npz") as file:
        return {
            key.removeprefix(f"{name}/"): file[key]
            for key in file.files
            if whole.exists() or key.startswith(f"{name}/")
        }
