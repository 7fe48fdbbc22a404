"""Networks are read once and stay between runs, for as long as there is memory for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.network import File
from retalk_nodes.models.training.dnet import DNetInTraining, DNetShape
from retalk_nodes.models.training.enet import ENetInTraining, ENetShape
from retalk_nodes.models.training.lnet import LNetInTraining, LNetShape
from retalk_nodes.nodes import networks as host_networks
from retalk_nodes.nodes import weights
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.training.checkpoints import RunState
from retalk_nodes.retalk_core.training.export import export_state
from retalk_nodes.retalk_core.training.settings import to_plain
from retalk_nodes.retalk_core.weights.files import Found
from stand_in import Manager


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """What was read from the disk, in this order; the networks are of one layer."""
    found: list[Path] = []

    def load_network(place: object, path: Path) -> torch.nn.Module:
        found.append(path)
        return torch.nn.Linear(1, 1)

    def look_at_file(path: Path, *keys: str) -> Found:
        return Found(path.read_text(), keys[0])

    monkeypatch.setattr("retalk_nodes.models.checkpoint.load_network", load_network)
    monkeypatch.setattr(host_networks, "look_at_file", look_at_file)
    host_networks._KEPT.clear()
    yield found
    host_networks._KEPT.clear()


def test_a_second_run_reads_nothing(read: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "LNet.pth"
    path.write_text("one")
    first = host_networks.host_network(path, "lnet")
    assert host_networks.host_network(path, "lnet") is first and read == [path]
    path.write_text("two")
    assert host_networks.host_network(path, "lnet") is not first  # another file came in its place
    os.utime(path, (1, 1))
    host_networks.host_network(path, "lnet")
    assert read == [path] * 3


def test_where_memory_is_short_those_that_rested_longest_go(
    read: list[Path], tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("a.pth", "b.pth", "c.pth")]
    for path in paths:
        path.write_text(path.name)
        host_networks.host_network(path, "lnet")
    host_networks.host_network(paths[0], "lnet")
    free = iter([0, 2 << 30])
    monkeypatch.setattr(manager, "get_free_memory", lambda device: next(free))
    host_networks.host_network(paths[2], "lnet")
    assert [path for _, path, *_ in host_networks._KEPT] == [paths[0], paths[2]]
    monkeypatch.setattr(manager, "get_free_memory", lambda device: 0)
    host_networks.host_network(paths[1], "lnet")
    assert [path for _, path, *_ in host_networks._KEPT] == [paths[1]]  # what is wanted stays
    assert read == [*paths, paths[1]]


# auto


@pytest.fixture
def folder(base: Path) -> Path:
    folder = base / "models" / "retalk"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    return folder


def test_auto_takes_any_file_that_fits_whatever_it_is_called(
    nodes: dict[str, Any], folder: Path, made_weights: Path
) -> None:
    from recipe import recipe_weights

    made = recipe_weights("parsenet", 0, made_weights)
    node = nodes["ReTalkLoadParser"]
    assert "was not found" in node.validate_inputs(file="auto")
    with pytest.raises((InputError, CheckpointError), match="was not found"):
        node.execute(file="auto")
    (folder / "some name.pth").symlink_to(made)
    assert node.validate_inputs(file="auto") is True
    (loaded,) = node.execute(file="auto").args
    assert (loaded.key, loaded.path.name) == ("parser", "some name.pth")
    assert node.GET_SCHEMA().inputs[0].options == ["auto", "some name.pth"]


def test_what_was_trained_is_listed_loaded_and_draws(nodes: dict[str, Any], folder: Path) -> None:
    """Small networks as `retalk train export` writes them, in the nodes that take the paper's."""
    for kind, trained in {
        "enet": ENetInTraining(ENetShape(looks=(4, 8), looks_side=16, style=8, features=(8, 4))),
        "lnet": LNetInTraining(LNetShape(first=8, most=16, levels=2, blocks=1, speech=16, listening=4)),
        "dnet": DNetInTraining(DNetShape(style=8, first=4, most=8, repair=4)),
    }.items():
        tensors = trained.state_dict()
        state = RunState(7, "all", kind, {"shape": to_plain(trained.shape)}, {"it": tensors}, tensors)
        export_state(state, folder / f"my {kind}.safetensors")
    loaded = {}
    for node in ("ReTalkLoadENet", "ReTalkLoadLNet", "ReTalkLoadDNet"):
        name = f"my {node[-4:].lower()}.safetensors"
        assert name in nodes[node].GET_SCHEMA().inputs[0].options
        assert nodes[node].validate_inputs(file=name) is True
        (loaded[node],) = nodes[node].execute(file=name).args
    synced, reference = torch.rand(2, 96, 96, 3), torch.rand(2, 384, 384, 3)
    redraw = nodes["ReTalkEnhanceIdentity"].execute
    (faces,) = redraw(
        synced=synced, reference=reference, enet=loaded["ReTalkLoadENet"], seed=-1, batch_size=1
    ).args
    assert faces.shape == (2, 384, 384, 3) and faces.std() > 0.01


def test_a_file_of_the_papers_release_answers_to_its_other_name_too(folder: Path) -> None:
    assert "ParseNet-latest.pth" in File("parsing_parsenet.pth", also=("ParseNet-latest.pth",)).names
    (folder / "ParseNet-latest.pth").write_bytes(b"weights")
    assert weights.weight_path("parsing_parsenet.pth") == folder / "ParseNet-latest.pth"
    (folder / "parsing_parsenet.pth").write_bytes(b"weights")
    assert weights.weight_path("parsing_parsenet.pth") == folder / "parsing_parsenet.pth"
    assert weights.weight_path("mine.pth") is None
