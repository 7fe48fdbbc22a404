"""Inception gives the features that pytorch-fid's network gives."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from parity import assert_both_recordings_have_the_same_inputs, filled, recorded_inputs, watched
from recordings import load_recording
from retalk_nodes.models.judges.inception import Inception
from torch import Tensor


@pytest.fixture(scope="module")
def given(made_weights: Path) -> dict[str, Tensor]:
    """Outputs and intermediates for the recorded inputs, under their recorded names."""
    network = cast(Inception, filled("inception", made_weights))
    seen: dict[str, Tensor] = {}
    blocks = {
        "block0_64": network.maxpool1,
        "block1_192": network.maxpool2,
        "block2_768": network.Mixed_6e,
    }
    with torch.inference_mode(), watched(seen, **blocks):
        features = network(*recorded_inputs("inception"))
    return seen | {"pool3": features}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(whole: bool, given: dict[str, Tensor]) -> None:
    load_recording("inception", whole).assert_matches(given)


def test_drawn_inputs_are_the_recorded_ones() -> None:
    assert_both_recordings_have_the_same_inputs("inception")
