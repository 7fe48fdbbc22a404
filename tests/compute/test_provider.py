"""The local provider lends networks where and how they shall compute, and keeps what memory allows."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.retalk_core.compute import provider as module
from retalk_nodes.retalk_core.compute.devices import CPU
from retalk_nodes.retalk_core.compute.memory import MB, SHARE, working_memory
from retalk_nodes.retalk_core.compute.provider import LocalNetworks, Resident
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.weights.files import Found, ModelFiles
from torch import Tensor, nn

GPU = torch.device("cuda:0")


class StandIn(nn.Module):
    """A product and a memory of where it was put; 4 MB of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1000, 1000), requires_grad=False)
        self.places = ["cpu"]

    def to(self, device: torch.device) -> StandIn:  # type: ignore[override]
        if device.type != self.places[-1]:
            self.places.append(device.type)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Shelf(ModelFiles):
    """Files that are found under given hashes, and counted when they are loaded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, *keys: str) -> None:
        super().__init__([folder])
        self.hashes = {key: f"hash of {key}" for key in keys}
        self.loads: list[str] = []
        for key in keys:
            (folder / f"{key}.pth").write_bytes(bytes(1000))
            monkeypatch.setitem(catalog, key, SimpleNamespace(title=key))  # type: ignore[arg-type]
        monkeypatch.setattr(module, "load_network", lambda place, path: self._load(path))

    def find(self, key: str) -> tuple[Path, Found] | None:
        if key not in self.hashes:
            return None
        return self.folders[0] / f"{key}.pth", Found(self.hashes[key], key, key)

    def _load(self, path: Path) -> nn.Module:
        self.loads.append(path.stem)
        return StandIn()


def product(network: nn.Module) -> torch.dtype:
    """The type in which a network borrowed just now computes on the CPU."""
    made: Tensor = network(torch.ones(1, 1000))
    return made.dtype


# Precision


def test_a_cpu_computes_in_the_precision_that_is_asked_for() -> None:
    lent = {"lnet": StandIn()}
    with LocalNetworks(device="cpu", precision="fp32", lent=lent).borrow("lnet") as network:
        assert product(network) == torch.float32
    with LocalNetworks(device="cpu", precision="bf16", lent=lent).borrow("lnet") as network:
        assert product(network) == torch.bfloat16
    assert product(lent["lnet"]) == torch.float32  # once it is given back


def test_fp32_switches_off_what_the_caller_had_switched_on() -> None:
    networks = LocalNetworks(device="cpu", precision="fp32", lent={"lnet": StandIn()})
    with torch.autocast("cpu", torch.bfloat16), networks.borrow("lnet") as network:
        assert product(network) == torch.float32


def test_the_bundled_networks_stay_on_the_cpu_in_fp32(
    gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = StandIn()
    monkeypatch.setitem(module.BUNDLED, "face_mesh", lambda: bundled)
    networks = LocalNetworks(device="cuda", precision="fp16", resident="one_by_one")
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16), networks.borrow("face_mesh") as network:
            assert product(network) == torch.float32
            assert network is bundled
    assert bundled.places == ["cpu"]


def test_cuda_computes_in_fp16(gpu: SimpleNamespace) -> None:
    networks = LocalNetworks(lent={"lnet": StandIn()})
    assert (networks.device, networks.precision) == (GPU, "fp16")
    with networks.borrow("lnet"):
        assert torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda") == torch.float16
    assert not torch.is_autocast_enabled("cuda")


# Words for choices that can't be fulfilled


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"device": "toaster"}, "'toaster' is no device. Choose auto, cpu"),
        ({"device": "cuda:99"}, "There is no device cuda:99 here. Choose auto, cpu"),
        ({"device": "meta"}, "There is no device meta here"),
        ({"device": "cpu", "precision": "fp16"}, "ten times as long in fp16. Choose bf16 or fp32"),
        ({"precision": "fp8"}, "precision is 'fp8', but must be one of auto, fp32, bf16, fp16"),
        ({"resident": "never"}, "resident is 'never', but must be one of auto, together, one_by_one"),
    ],
)
def test_choices_that_cannot_be_fulfilled_are_refused_in_words(choice: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        LocalNetworks(**choice)


# Memory


def test_together_networks_stay_on_the_device(gpu: SimpleNamespace) -> None:
    lent = {"lnet": StandIn(), "enet": StandIn()}
    networks = LocalNetworks(resident="together", lent=lent)
    for key in ("lnet", "enet", "lnet"):
        with networks.borrow(key) as network:
            assert network is lent[key]
    assert lent["lnet"].places == lent["enet"].places == ["cpu", "cuda"]


def test_one_by_one_they_leave_the_device_when_the_last_borrower_gives_them_back(
    gpu: SimpleNamespace,
) -> None:
    lent = {"lnet": StandIn(), "enet": StandIn()}
    networks = LocalNetworks(resident="one_by_one", lent=lent)
    with networks.borrow("lnet"):
        with networks.borrow("lnet"), networks.borrow("enet"):
            assert lent["enet"].places == ["cpu", "cuda"]
        assert lent["enet"].places == ["cpu", "cuda", "cpu"]
        assert lent["lnet"].places == ["cpu", "cuda"]
    assert lent["lnet"].places == ["cpu", "cuda", "cpu"]


def test_a_failed_computation_gives_its_network_back_too(gpu: SimpleNamespace) -> None:
    network = StandIn()
    with (
        pytest.raises(ZeroDivisionError),
        LocalNetworks(resident="one_by_one", lent={"lnet": network}).borrow("lnet"),
    ):
        raise ZeroDivisionError
    assert network.places == ["cpu", "cuda", "cpu"]
    assert not torch.is_autocast_enabled("cuda")


@pytest.mark.parametrize(("resident", "loads"), [("together", 1), ("one_by_one", 2)])
def test_on_the_cpu_networks_are_kept_or_loaded_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, resident: Resident, loads: int
) -> None:
    shelf = Shelf(monkeypatch, tmp_path, "lnet")
    networks = LocalNetworks(shelf, device="cpu", resident=resident)
    for _ in range(2):
        with networks.borrow("lnet"):
            pass
    assert len(shelf.loads) == loads


def test_one_by_one_means_that_the_first_is_gone_before_the_second_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shelf = Shelf(monkeypatch, tmp_path, "lnet", "enet")
    networks = LocalNetworks(shelf, device="cpu", resident="one_by_one")
    with networks.borrow("lnet") as network:
        first = weakref.ref(network)
    del network
    assert first() is None


def needed(weights: int, *keys: str) -> int:
    """Bytes with which `auto` finds that these networks fit: weights, and the largest computation's share."""
    return weights + round(max(working_memory(key) for key in keys) / SHARE)


def test_auto_keeps_together_what_fits_with_room_to_compute(gpu: SimpleNamespace) -> None:
    lent = {"lnet": StandIn(), "gpen": StandIn()}
    for spare in (0, -1):
        gpu.free = needed(2 * 4 * MB, "lnet", "gpen") + spare
        networks = LocalNetworks(lent=lent)
        networks.expect("lnet", "gpen")
        assert networks.together == (spare == 0)


def test_auto_thinks_again_when_more_is_needed_and_only_then(gpu: SimpleNamespace) -> None:
    lent = {"lnet": StandIn(), "enet": StandIn()}
    networks = LocalNetworks(lent=lent)
    with networks.borrow("lnet"):
        gpu.free = 0
    assert networks.together
    with networks.borrow("lnet"):
        pass
    assert lent["lnet"].places == ["cpu", "cuda"]
    with networks.borrow("enet"):
        assert not networks.together
    assert lent["lnet"].places == lent["enet"].places == ["cpu", "cuda", "cpu"]


def test_a_files_size_counts_before_it_is_loaded(
    gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for spare in (0, -1):
        gpu.free = needed(1000, "lnet") + spare
        networks = LocalNetworks(Shelf(monkeypatch, tmp_path, "lnet"))
        networks.expect("lnet")
        assert networks.together == (spare == 0)


def test_auto_makes_room_where_a_network_does_not_fit_after_all(gpu: SimpleNamespace) -> None:
    class Large(StandIn):
        def to(self, device: torch.device) -> StandIn:  # type: ignore[override]
            if device.type == "cuda" and other.places[-1] == "cuda":
                raise torch.cuda.OutOfMemoryError
            return super().to(device)

    other = StandIn()
    networks = LocalNetworks(lent={"lnet": other, "gpen": Large()})
    with networks.borrow("lnet"):
        pass
    with networks.borrow("gpen") as network:
        assert network.places == ["cpu", "cuda"]
    assert not networks.together
    assert other.places == network.places == ["cpu", "cuda", "cpu"]


# Files


def test_what_was_used_is_described(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    networks = LocalNetworks(
        Shelf(monkeypatch, tmp_path, "lnet", "enet"), device="cpu", precision="bf16", resident="one_by_one"
    )
    with networks.borrow("lnet"):
        pass
    described = networks.describe()
    assert described["device"].startswith("CPU (") and described["precision"] == "bf16"
    assert described["networks"] == {"lnet": {"file": "lnet.pth", "sha256": "hash of lnet", "warning": ""}}


def test_a_card_is_described_by_its_name(gpu: SimpleNamespace) -> None:
    assert LocalNetworks().describe()["device"] == "Card 4000 (cuda:0)"


def test_weights_do_not_change_while_they_are_in_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shelf = Shelf(monkeypatch, tmp_path, "lnet")
    networks = LocalNetworks(shelf, device="cpu", resident="one_by_one")
    with networks.borrow("lnet"):
        shelf.hashes["lnet"] = "another"
    with pytest.raises(CheckpointError, match="changed while it was in use"), networks.borrow("lnet"):
        pass


def test_a_preset_is_there_when_all_its_networks_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shelf = Shelf(monkeypatch, tmp_path, "dnet", "lnet", "enet", "gpen")
    assert LocalNetworks(shelf).missing("fast") == [("face3d",)]
    assert not LocalNetworks(shelf).available("fast")
    networks = LocalNetworks(shelf, lent={"face3d": StandIn()})
    assert networks.available("fast") and networks.missing("paper") == [("parser",)]
    assert not shelf.loads


def test_a_missing_network_is_said_with_the_way_to_get_it(tmp_path: Path) -> None:
    networks = LocalNetworks(ModelFiles([tmp_path]))
    with pytest.raises(CheckpointError, match="D-Net was not found; run"), networks.borrow("dnet"):
        pass


def test_borrowing_is_what_a_pipeline_asks_of_a_provider() -> None:
    @contextmanager
    def use(provider: module.NetworkProvider) -> Iterator[nn.Module]:
        with provider.borrow("lnet") as network:
            yield network

    lent = StandIn()
    with use(LocalNetworks(device=CPU, lent={"lnet": lent})) as network:
        assert network is lent
