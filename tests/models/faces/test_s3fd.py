"""S3FD gives the numbers of the original network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import plain_faces
import pytest
import torch
from parity import (
    assert_both_recordings_have_the_same_inputs,
    filled,
    plain_recording,
    recorded_inputs,
)
from recordings import load_recording
from retalk_nodes.models.faces.s3fd import S3FD
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> S3FD:
    return cast(S3FD, filled("s3fd", made_weights))


def run(network: S3FD, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Outputs and intermediates under their recorded names."""
    with torch.inference_mode():
        levels = network(*inputs)
    scores = {f"cls{i}": level.scores for i, level in enumerate(levels, start=1)}
    return scores | {f"reg{i}": level.boxes for i, level in enumerate(levels, start=1)}


@pytest.fixture(scope="module")
def given(network: S3FD) -> dict[str, Tensor]:
    """What it makes of the recorded inputs."""
    return run(network, recorded_inputs("s3fd"))


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("s3fd", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("s3fd")


def test_network_agrees_with_the_plain_formulas_for_other_weights(tmp_path: Path) -> None:
    plain = plain_recording("s3fd", plain_faces.s3fd, seed=1)

    given = run(cast(S3FD, filled("s3fd", tmp_path, seed=1)), tuple(plain.inputs.values()))

    plain.assert_matches(given)


def test_boxes_ignore_autocast(network: S3FD) -> None:
    picture = torch.rand(1, 3, 64, 64) * 255 - 120

    with torch.inference_mode():
        full = network(picture)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(picture)

    assert all(torch.equal(a.boxes, b.boxes) for a, b in zip(lower, full, strict=True))
