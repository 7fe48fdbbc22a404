"""Devices, progress, stopping, files."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from retalk_nodes.models.errors import CheckpointError, RetalkError
from retalk_nodes.nodes import host, weights
from retalk_nodes.nodes import networks as host_networks
from retalk_nodes.retalk_core.weights.files import Found
from stand_in import Manager, ModelPatcher, ProgressBar
from torch import nn


class Counting(nn.Module):
    """Four layers; counts how many ran."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
        self.ran = 0
        for layer in self.layers:
            layer.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.ran += 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def hosted(key: str = "lnet") -> host_networks.HostedNetwork:
    cpu = torch.device("cpu")
    return host_networks.HostedNetwork(
        key, ModelPatcher(Counting(), cpu, cpu), Path("file"), Found("ab" * 32)
    )


def test_a_bar_goes_from_stage_to_stage_and_never_back(manager: Manager) -> None:
    bar = host.Bar({"listen": 0.25, "dub": 0.75})
    bar("listen")(1, 2)
    bar("dub")(1, 3)
    bar("listen")(2, 2)
    bar("unknown")(1, 1)
    bar("dub")(3, 3)
    assert ProgressBar.last is not None and ProgressBar.last.shown == [125, 500, 500, 1000]


def test_text_shows_on_the_node_that_runs_for_whoever_queued_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, ...]] = []
    instance = SimpleNamespace(send_progress_text=lambda *what: sent.append(what), client_id="me")
    running = SimpleNamespace(hidden=SimpleNamespace(unique_id="5:3"))
    host.say(running, "nobody listens")  # type: ignore[arg-type]
    monkeypatch.setitem(
        sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=instance))
    )
    host.say(running, "dubbing …")  # type: ignore[arg-type]
    assert sent == [("dubbing …", "5:3", "me")]


def test_telling_a_bar_anything_ends_a_stopped_run(manager: Manager) -> None:
    bar = host.Bar()
    manager.stopped = True
    with pytest.raises(Manager.Interrupted):
        bar("unknown")(0, None)


def test_pictures_of_work_in_progress_are_few(manager: Manager) -> None:
    bar = host.Bar()
    for _ in range(20):
        bar.picture(np.zeros((1100, 2000, 3), np.uint16))
    assert ProgressBar.last is not None and ProgressBar.last.pictures == 1


def test_a_network_stops_between_two_layers(manager: Manager) -> None:
    network = Counting()
    network.layers[1].register_forward_hook(lambda *_: setattr(manager, "stopped", True))
    with host.stoppable(network), pytest.raises(Manager.Interrupted):
        network(torch.zeros(1, 2))
    assert network.ran == 2
    network(torch.zeros(1, 2))  # the hooks are gone
    assert network.ran == 6


def test_networks_that_run_together_are_loaded_together(manager: Manager) -> None:
    one, two = hosted(), hosted("enet")
    with host_networks.running(one, two) as (first, second, progress):
        assert (first, second) == (one.patcher.model, two.patcher.model)
        progress(1, 1)
    assert manager.loaded == [[one.patcher, two.patcher]]


def test_networks_lent_at_once_stay_on_the_device_together(manager: Manager) -> None:
    networks = host_networks.HostNetworks()
    networks._hosted.update(lnet=hosted(), enet=hosted("enet"))
    with networks.borrow("lnet"), networks.borrow("enet"):
        pass
    with networks.borrow("enet"):
        pass
    assert [len(patchers) for patchers in manager.loaded] == [1, 2, 1]


def test_comfyuis_own_switch_for_full_precision_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr("retalk_nodes.retalk_core.compute.devices._is_made_for_bf16", lambda: True)
    assert host_networks.precision_on(cpu, "auto") == "bf16"
    monkeypatch.setattr(host_networks.args, "force_fp32", True)
    assert host_networks.precision_on(cpu, "auto") == "fp32"
    assert host_networks.precision_on(cpu, "bf16") == "bf16"  # who names one gets it


def test_the_bundled_networks_need_no_file_and_no_device(manager: Manager) -> None:
    with host_networks.HostNetworks().borrow("face_mesh") as network:
        assert next(network.parameters()).device.type == "cpu"
    assert manager.loaded == []


def test_a_missing_library_is_named_with_the_way_to_get_it() -> None:
    @host.in_words
    def needs() -> None:
        import no_such_library  # noqa: F401

    with pytest.raises(RetalkError, match=r"no_such_library.*pip install -r .*requirements\.txt"):
        needs()


# Files


@pytest.fixture
def folder(base: Path) -> Path:
    folder = base / "models" / "retalk"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    return folder


def test_files_are_offered_by_their_names_and_then_the_unknown_ones(folder: Path) -> None:
    for name in ("mine.safetensors", "DNet.pt", "LNet.pth", "notes.txt"):
        (folder / name).write_bytes(b"no weights")
    assert weights.weight_names("dnet") == ["DNet.pt", "mine.safetensors"]
    assert weights.weight_path("DNet.pt") == folder / "DNet.pt"
    assert weights.weight_path("../DNet.pt") is None


def test_the_state_of_the_files_changes_with_them(folder: Path) -> None:
    before = weights.state_of_files()
    (folder / "ENet.pth").write_bytes(b"no weights")
    assert weights.state_of_files() != before and weights.state_of_file("ENet.pth") is not None


def test_a_file_that_is_no_network_is_refused_in_words(folder: Path) -> None:
    (folder / "DNet.pt").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match=r"DNet\.pt"):
        host_networks.host_network(folder / "DNet.pt", "dnet")


def test_a_refused_file_is_told_instead_of_called_missing(folder: Path) -> None:
    (folder / "DNet.pt").write_bytes(b"<html>")
    networks = host_networks.HostNetworks()
    assert networks.lacking([("dnet",)]) == [("dnet",)]
    (words,) = networks.refused("dnet")
    assert "DNet.pt is a web page" in words
    with pytest.raises(CheckpointError, match=r"is a web page.*No other file of D-Net was found"):
        networks.identity("dnet")
    with pytest.raises(CheckpointError, match=r"DNet\.pt is a web page"):
        host_networks.look_at_file(folder / "DNet.pt", "dnet")


def test_networks_without_files_say_what_is_missing(folder: Path) -> None:
    networks = host_networks.HostNetworks()
    assert networks.lacking([("dnet",), ("gfpgan", "gpen")]) == [("dnet",), ("gfpgan", "gpen")]
    with pytest.raises(CheckpointError, match="D-Net was not found"), networks.borrow("dnet"):
        pass
    assert sys.modules["folder_paths"].folder_names_and_paths["retalk"][0] == [str(folder)]
