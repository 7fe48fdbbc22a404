"""Weights whose numbers can't be right are refused in words, before anything is computed with them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import recipe
import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.checkpoint import examine, load
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.network import Layout
from retalk_nodes.retalk_core.weights import files as model_files
from retalk_nodes.retalk_core.weights.files import ModelFiles, official_with
from safetensors.torch import save_file
from torch import Tensor, nn

Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))


def spoilt(key: str, value: float) -> Change:
    def spoil(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        tensors[key].view(-1)[0] = value
        return tensors

    return spoil


def refusal(tensors: dict[str, Tensor], path: Path) -> str:
    torch.save(tensors, path)
    with pytest.raises(CheckpointError) as caught:
        load(network(), path, Layout(), "small")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoilt("0.weight", math.nan), "no numbers, or far too large, in 0.weight"),
        (spoilt("0.bias", math.inf), "no numbers, or far too large, in 0.bias"),
        (spoilt("1.running_var", -math.inf), "no numbers, or far too large, in 1.running_var"),
        (spoilt("2.weight", 1e37), "no numbers, or far too large, in 2.weight"),
        (lambda tensors: {key: value * 0 for key, value in tensors.items()}, "2 of its 2 weights hold one"),
        (lambda tensors: {key: value * 0 + 3 for key, value in tensors.items()}, "2 of its 2 weights hold"),
        (
            lambda tensors: {key: value.to(torch.int32) for key, value in tensors.items()},
            "whole numbers instead of fractions in 0.weight, 0.bias, 1.weight and 5 more",
        ),
        (lambda tensors: {**tensors, "2.bias": tensors["2.bias"] > 0}, "instead of fractions in 2.bias"),
    ],
)
def test_numbers_that_cannot_be_right_are_refused(change: Change, words: str, tmp_path: Path) -> None:
    said = refusal(change(network().state_dict()), tmp_path / "weights.pth")
    assert words in said and said.endswith("Download it again, or choose another file.")


def test_usual_numbers_are_not_refused(tmp_path: Path) -> None:
    """Biases of zero, norms of one and counts are what networks have."""
    fresh = network()
    for kind in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        tensors = {
            key: value.to(kind) if value.is_floating_point() else value
            for key, value in fresh.state_dict().items()
        }
        torch.save(tensors, tmp_path / "weights.pth")
        load(network(), tmp_path / "weights.pth", Layout(), "small")


def test_a_spectral_norm_of_zero_is_refused(tmp_path: Path) -> None:
    plain = nn.utils.spectral_norm(nn.Linear(4, 4))
    state = plain.state_dict()
    state["weight_u"].zero_()
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="no numbers"):
        load(nn.Linear(4, 4), tmp_path / "weights.pth", Layout(), "small")


# The files on a machine


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    """GANimation's, under the official names."""
    return recipe.recipe_tensors("ganimation", seed=0)


def look_at(folder: Path, tensors: dict[str, Tensor], name: str = "30_net_gen.pth") -> ModelFiles:
    torch.save(tensors, folder / name)
    return ModelFiles([folder])


def with_change(tensors: dict[str, Tensor], key: str, value: float) -> dict[str, Tensor]:
    return {**tensors, key: torch.full_like(tensors[key], value)}


@pytest.mark.parametrize("name", ["30_net_gen.pth", "my own.pth"])
def test_broken_weights_are_found_when_the_file_is_first_seen(
    name: str, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    files = look_at(tmp_path, with_change(tensors, "model.3.weight", math.nan), name)
    assert files.find("ganimation") is None
    (words,) = files.refused("ganimation")
    assert "can't be used as GANimation" in words and "model.3.weight" in words
    assert files.refused("dnet") == []
    with pytest.raises(CheckpointError, match=r"model\.3\.weight.*No other file of GANimation was found"):
        files.load("ganimation")


def test_a_damaged_byte_is_found_when_the_file_is_first_seen(
    tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    files = look_at(tmp_path, tensors)
    path = tmp_path / "30_net_gen.pth"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert files.find("ganimation") is None
    assert "is not what was written there" in files.refused("ganimation")[0]


def test_a_lacking_tensor_is_found_when_the_file_is_first_seen(
    tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    files = look_at(tmp_path, {key: value for key, value in tensors.items() if key != "model.3.weight"})
    assert files.find("ganimation") is None
    assert "it lacks model.3.weight" in files.refused("ganimation")[0]


def test_weights_that_may_be_damaged_are_used_with_a_warning(
    tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    found = look_at(tmp_path, with_change(tensors, "model.3.weight", 0), "mine.pth").find("ganimation")
    assert found is not None
    assert "may be damaged: the same number stands everywhere in model.3.weight" in found[1].warning
    again = ModelFiles([tmp_path]).find("ganimation")  # from the record
    assert again is not None and again[1].warning == found[1].warning


def test_a_file_of_an_official_name_and_another_hash_is_named(
    tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    found = look_at(tmp_path, tensors).find("ganimation")
    assert found is not None and not found[1].published
    assert found[1].warning.startswith("30_net_gen.pth is not the official file: its sha256 begins with ")
    save_file(tensors, tmp_path / "30_net_gen.safetensors")  # converted: its hash can't be the official one
    assert ModelFiles([tmp_path]).look_at(tmp_path / "30_net_gen.safetensors").warning == ""
    (tmp_path / "30_net_gen.pth").rename(tmp_path / "mine.pth")
    assert ModelFiles([tmp_path]).look_at(tmp_path / "mine.pth").warning == ""


def test_what_an_earlier_edition_recorded_is_looked_at_again(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "CHECKS", 1)
    monkeypatch.setattr(model_files, "_examine", lambda *_: model_files.Found("0" * 64, "ganimation"))
    assert look_at(tmp_path, with_change(tensors, "model.3.weight", math.nan)).find("ganimation")
    monkeypatch.undo()
    assert ModelFiles([tmp_path]).find("ganimation") is None


@pytest.mark.parametrize("what", ["fifo", "folder", "dangling link"])
def test_what_is_no_file_is_told_instead_of_waited_for(what: str, tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this platform has no pipes with a name")
    for name in ("LNet.pth", "expression.mat", "retalk_files.json"):
        path = tmp_path / name
        if what == "fifo":
            os.mkfifo(path)
        elif what == "folder":
            path.mkdir()
        else:
            path.symlink_to(tmp_path / "gone")
    files = ModelFiles([tmp_path])
    for key in ("lnet", "expression"):
        assert files.find(key) is None
        (words,) = files.refused(key)
        assert "can't be read" in words


def test_a_right_name_on_another_networks_file_is_told(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    files = look_at(tmp_path, tensors, "LNet.pth")
    assert files.refused("lnet") == [f"{tmp_path / 'LNet.pth'} is GANimation, not L-Net."]
    assert files.find("ganimation") is not None


@pytest.mark.parametrize("key", ["dnet", "parsenet"])
def test_good_files_are_examined_without_a_doubt(key: str, tmp_path: Path) -> None:
    examined = examine(recipe.recipe_weights(key, 0, tmp_path))
    assert (examined.network, examined.doubts) == (key, "")
    assert official_with("0" * 64) is None and key in NETWORKS
