"""What was learnt is a file like the released ones; a hostile one asks for nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import examine, load_network
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.models.training.dnet import DNetInTraining, DNetShape
from retalk_nodes.models.training.enet import ENetInTraining, ENetShape
from retalk_nodes.models.training.lnet import LNetInTraining, LNetShape
from retalk_nodes.models.training.shapes import HEADER
from retalk_nodes.models.training.sync_expert import SyncExpert, SyncShape
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.stages.lips.enet import enhance_identity, read_styles
from retalk_nodes.retalk_core.training.checkpoints import RunState
from retalk_nodes.retalk_core.training.export import export_run, export_state
from retalk_nodes.retalk_core.training.settings import to_plain
from retalk_nodes.retalk_core.weights.commands import verify
from retalk_nodes.retalk_core.weights.files import ModelFiles
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

TINY: dict[str, tuple[str, nn.Module]] = {
    "sync": ("sync_expert", SyncExpert(SyncShape(width=4, side=48))),
    "dnet": ("dnet", DNetInTraining(DNetShape(style=8, first=4, most=8, repair=4))),
    "lnet": ("lnet", LNetInTraining(LNetShape(first=8, most=16, levels=2, blocks=1, speech=16, listening=4))),
    "enet": ("enet", ENetInTraining(ENetShape(looks=(4, 8), looks_side=16, style=8, features=(8, 4)))),
}


def state_of(kind: str, network: nn.Module) -> RunState:
    settings = {"shape": to_plain(network.shape), "rate": 1e-4}
    tensors = network.state_dict()
    about = {"licences": ["CC BY 4.0"], "clips": 3}
    return RunState(7, "all", kind, settings, {"it": tensors}, tensors, about=about)


@pytest.mark.parametrize("kind", TINY)
def test_a_small_network_is_found_verified_and_loaded(kind: str, tmp_path: Path) -> None:
    key, network = TINY[kind]
    path = export_state(state_of(kind, network), tmp_path / "mine.safetensors", more={"note": "for a test"})

    with safe_open(path, "pt") as file:
        header = file.metadata()
    assert header["network"] == key and "CC BY 4.0" in header["licence"]
    assert json.loads(header["source"]) == {
        "steps": 7,
        "licences": ["CC BY 4.0"],
        "clips": 3,
        "note": "for a test",
    }
    assert examine(path).network == key
    files = ModelFiles([tmp_path])
    assert files.require(key)[0] == path
    assert any("every tensor fits" in line for line in verify(files, [key]))
    loaded = load_network(catalog[key], path)
    assert not loaded.training and loaded.shape.__class__ is network.shape.__class__
    with pytest.raises(CheckpointError, match=r"Choose another file"):
        load_network(catalog["dnet" if key != "dnet" else "lnet"], path)


def test_a_loaded_lnet_draws_what_the_trained_one_does(tmp_path: Path) -> None:
    network = TINY["lnet"][1]
    mel, face = torch.randn(2, 1, 80, 16), torch.rand(2, 6, 96, 96)
    for _ in range(30):  # until the spectral norms' vectors have settled
        network.train()(mel, face)
    path = export_state(state_of("lnet", network), tmp_path / "lnet.safetensors")
    with torch.no_grad():
        expected, given = network.eval()(mel, face), load_network(catalog["lnet"], path)(mel, face)
    torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-5)


def test_a_small_enet_is_used_as_the_large_one_is(tmp_path: Path) -> None:
    path = export_state(state_of("enet", TINY["enet"][1]), tmp_path / "enet.safetensors")
    network = load_network(catalog["enet"], path)
    synced, references = torch.rand(2, 96, 96, 3), torch.rand(2, 384, 384, 3)
    area = Area(192, 64, 384, 320)
    whole = enhance_identity(network, synced, references, seed=1)
    part = enhance_identity(network, synced, read_styles(network, references), seed=1, area=area)
    assert whole.shape == (2, 384, 384, 3) and whole.std() > 0.01
    torch.testing.assert_close(part[:, 192:, 64:320], whole[:, 192:, 64:320], rtol=1e-5, atol=1e-5)


def test_a_full_network_is_loaded_by_the_network_that_draws(tmp_path: Path) -> None:
    network = SyncExpert().eval()
    path = export_state(state_of("sync", network), tmp_path / "expert.safetensors")
    with safe_open(path, "pt") as file:
        assert HEADER not in file.metadata()
    assert examine(path).network == "sync_expert"
    loaded = load_network(catalog["sync_expert"], path)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    "shape",
    ['{"first": 100000}', '{"first": -1}', '{"first": true}', '{"of": 1}', "[1]", "no", '{"attention": 3}'],
)
def test_a_file_that_asks_for_an_impossible_network_is_refused(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"network": "lnet", HEADER: shape})
    with pytest.raises(CheckpointError, match=r"shape that no network has|No network has the shape"):
        load_network(catalog["lnet"], path)
    assert ModelFiles([tmp_path]).look_at(path).problem


def test_tensors_of_another_shape_than_the_header_tells_are_refused(tmp_path: Path) -> None:
    path = export_state(state_of("enet", TINY["enet"][1]), tmp_path / "enet.safetensors")
    tensors = load_file(path)
    tensors.pop("final_linear.weight")
    save_file(tensors, path, {"network": "enet", HEADER: json.dumps(to_plain(TINY["enet"][1].shape))})
    with pytest.raises(CheckpointError, match=r"lacks final_linear.weight"):
        load_network(catalog["enet"], path)


def test_numbers_that_are_none_and_runs_that_are_none_are_told(tmp_path: Path) -> None:
    state = state_of("dnet", TINY["dnet"][1])
    broken = {key: value * float("nan") for key, value in state.mean.items()}
    with pytest.raises(InputError, match="no numbers: take an earlier state"):
        export_state(RunState(**{**vars(state), "mean": broken}), tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="holds no run"):
        export_run(tmp_path, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="doesn't exist"):
        export_run(tmp_path / "none", tmp_path / "x.safetensors")
