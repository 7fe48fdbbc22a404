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
from retalk_nodes.nodes import networks as host_networks
from retalk_nodes.nodes import weights
from retalk_nodes.retalk_core.errors import InputError
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


def test_a_file_of_the_papers_release_answers_to_its_other_name_too(folder: Path) -> None:
    assert "ParseNet-latest.pth" in File("parsing_parsenet.pth", also=("ParseNet-latest.pth",)).names
    (folder / "ParseNet-latest.pth").write_bytes(b"weights")
    assert weights.weight_path("parsing_parsenet.pth") == folder / "ParseNet-latest.pth"
    (folder / "parsing_parsenet.pth").write_bytes(b"weights")
    assert weights.weight_path("parsing_parsenet.pth") == folder / "parsing_parsenet.pth"
    assert weights.weight_path("mine.pth") is None
