"""The viseme listener's network: what ships, what it hears, and that nothing else fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from retalk_nodes.models.checkpoint import WEIGHTS, load_weights
from retalk_nodes.models.voices.listener import ANSWERS, BANDS, REACH, Listener, load_listener, sample
from safetensors.torch import load_file, save_file

FILE = WEIGHTS / "listener.safetensors"


def test_the_listener_is_small() -> None:
    assert FILE.stat().st_size <= 1_000_000
    assert sum(value.numel() for value in Listener().parameters()) <= 300_000


def test_it_tells_of_each_step_that_has_others_around_it() -> None:
    (mel,) = sample()
    assert load_listener()(mel).shape == (1, len(ANSWERS), mel.shape[2] - 2 * REACH)


@pytest.mark.parametrize("step", [0, 2 * REACH])
def test_it_hears_as_far_as_it_says(step: int) -> None:
    network = load_listener()
    mel = torch.randn(1, BANDS, 2 * REACH + 1, generator=torch.Generator().manual_seed(0))
    changed = mel.clone()
    changed[:, :, step] += 5
    assert not torch.equal(network(mel), network(changed))
    with pytest.raises(RuntimeError):
        network(mel[:, :, 1:])  # too short to tell of any step


@pytest.mark.parametrize("name", ["tell.bias", "hear.weight"])
def test_a_file_with_a_tensor_missing_renamed_or_cut_is_refused(tmp_path: Path, name: str) -> None:
    tensors = load_file(FILE)
    kept = tensors.pop(name)
    for other in ({}, {f"{name}s": kept}, {name: kept[:-1].contiguous()}):
        path = tmp_path / "listener.safetensors"
        save_file({**tensors, **other}, path)
        with pytest.raises(RuntimeError, match=name.replace(".", r"\.")):
            load_weights(Listener(), path)


def test_the_same_sound_gives_the_same_answers() -> None:
    (mel,) = sample()
    assert torch.equal(load_listener()(mel + 1), load_listener()(mel + 1))
