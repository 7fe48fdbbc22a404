"""Networks under ComfyUI: where they compute and how exactly, and who lends them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comfy.model_management as manager
import comfy.model_patcher
import comfy.utils
import torch
from comfy.cli_args import args

from .host import Bar, log, stoppable
from .weights import model_files

if TYPE_CHECKING:
    from torch import nn

    from ..models.catalog import Need
    from ..retalk_core.faces.detect import FaceNetworks
    from ..retalk_core.weights.files import Found


SPARE_MEMORY = 2 << 30  # bytes that stay free for others


@dataclass(frozen=True, eq=False)
class HostedNetwork:
    """A network that ComfyUI's memory manager looks after, as it travels on a socket."""

    key: str  # in the catalogue
    patcher: Any  # ComfyUI's ModelPatcher
    path: Path
    found: Found


@dataclass(frozen=True, eq=False)
class HostedLips:
    """What draws the lips, as it travels on a socket."""

    word: str  # as the option `lips` calls it
    networks: tuple[HostedNetwork, ...]  # all that it computes with


def as_lips(given: HostedLips | HostedNetwork) -> HostedLips:
    """What draws the lips; workflows from before there were several hand on L-Net by itself."""
    return given if isinstance(given, HostedLips) else HostedLips(given.key, (given,))


Stamp = tuple[str, Path, str, int]  # key, file, hash and time: other content is another network
# Networks outlive a run: reading them takes seconds, and nodes that lend them end with each run.
_KEPT: dict[Stamp, HostedNetwork] = {}


def host_network(path: Path, *keys: str) -> HostedNetwork:
    """Load a file of weights for one of some places in the catalogue, or take what was loaded before.

    It is placed on a device when it is used. Raises CheckpointError
    """
    found = look_at_file(path, *keys)
    if found.warning:
        log.warning(f"ReTalk: {found.warning}")
    stamp = found.key, path, found.sha256, path.stat().st_mtime_ns
    hosted = _KEPT.pop(stamp, None) or _load(path, found)
    _KEPT[stamp] = hosted  # the last one is the youngest
    _forget_if_short(stamp)
    return hosted


def _forget_if_short(wanted: Stamp) -> None:
    """Let go of networks that were not used for long where memory is short; who uses them keeps them."""
    memory = torch.device("cpu")
    for stamp in [each for each in _KEPT if each != wanted]:
        if manager.get_free_memory(memory) >= SPARE_MEMORY:
            return
        del _KEPT[stamp]


def _load(path: Path, found: Found) -> HostedNetwork:
    from ..models.catalog import catalog
    from ..models.checkpoint import load_network

    # Not the dynamic patcher: these networks are plain torch, small, and moved whole.
    patcher = comfy.model_patcher.ModelPatcher(
        load_network(catalog[found.key], path),
        load_device=manager.get_torch_device(),
        offload_device=manager.unet_offload_device(),
    )
    return HostedNetwork(found.key, patcher, path, found)


def look_at_file(path: Path, *keys: str) -> Found:
    """What a file is, if it can be used for one of some places in the catalogue. Raises CheckpointError."""
    from ..models.catalog import catalog
    from ..models.errors import CheckpointError

    found = model_files().look_at(path).chosen_for(*keys)
    if found.problem or found.key not in keys:
        wanted = " or ".join(catalog[key].title for key in keys)
        raise CheckpointError(found.problem or f"{path} is {catalog[found.key].title}, not {wanted}.")
    return found


@contextmanager
def running(*networks: HostedNetwork, precision: str = "auto") -> Iterator[tuple[Any, ...]]:
    """Networks on their device, all at once, ready to compute and to be stopped; and a progress for that.

    returns: the modules in the given order, and behind them a Progress
    """
    with ExitStack() as stack:
        _place(networks)
        for hosted in networks:
            stack.enter_context(_computing(hosted, precision))
        yield (*(hosted.patcher.model for hosted in networks), Bar()())


def _place(networks: tuple[HostedNetwork, ...] | list[HostedNetwork]) -> None:
    from ..retalk_core.compute.memory import working_memory

    needed = max((working_memory(hosted.key) for hosted in networks), default=0)
    manager.load_models_gpu([hosted.patcher for hosted in networks], memory_required=needed)


@contextmanager
def _computing(hosted: HostedNetwork, precision: str) -> Iterator[None]:
    """As exactly as was asked for, and stoppable."""
    from ..retalk_core.compute.devices import MEASURING, arithmetic

    device = hosted.patcher.load_device
    chosen = precision_on(device, precision)
    exact = arithmetic(device, "fp32" if hosted.key in MEASURING else chosen)
    with exact, stoppable(hosted.patcher.model):
        yield


def precision_on(device: torch.device, wanted: str) -> str:
    """fp32, bf16 or fp16; ComfyUI's flags have the last word about `auto`. Raises OptionError."""
    from ..retalk_core.compute.devices import choose_precision

    chosen = choose_precision(wanted, device)  # type: ignore[arg-type]  # refused there
    # Of bf16 on a CPU ComfyUI has no opinion of its own, only that flag.
    refused = args.force_fp32 or (chosen == "fp16" and not manager.should_use_fp16(device))
    return "fp32" if wanted == "auto" and refused else chosen


def batch_size(hosted: HostedNetwork, wanted: int) -> int:
    """Pictures at a time: as wanted, or for 0 as many as suit the device, whatever else is on it."""
    from ..retalk_core.compute.memory import batch_size_for, total_memory

    device = hosted.patcher.load_device
    return wanted or batch_size_for(hosted.key, total_memory(device), device)


class HostNetworks:
    """Lends networks by their catalogue key; loads each when it is first wanted, and places it with ComfyUI.

    Networks that are lent at the same time stay on the device together.
    """

    def __init__(self, files: Mapping[str, Path] | None = None, precision: str = "auto") -> None:
        """files: by catalogue key, those that the user chose; for the others the best file there is"""
        self._files = dict(files or {})
        self._precision = precision
        self._hosted: dict[str, HostedNetwork] = {}
        self._lent: list[HostedNetwork] = []

    def with_precision(self, precision: str) -> HostNetworks:
        """The same networks, loaded once for both, computing in another precision."""
        other = HostNetworks(self._files, precision)
        other._hosted = self._hosted
        return other

    @contextmanager
    def borrow(self, key: str) -> Iterator[nn.Module]:
        """Lend a network on its device; compute inside the block only. Raises CheckpointError."""
        from ..retalk_core.compute.provider import BUNDLED

        if key in BUNDLED:  # they take milliseconds: moving pictures to a device would cost more
            with _bundled().borrow(key) as network:
                yield network
            return
        hosted = self._fetch(key)
        self._lent.append(hosted)
        try:
            _place(self._lent)
            with _computing(hosted, self._precision):
                yield hosted.patcher.model
        finally:
            self._lent.remove(hosted)

    def expect(self, *keys: str) -> None:
        """Say which networks a job will borrow; ComfyUI decides by itself what stays where."""

    def lacking(self, needs: Iterable[Need]) -> list[Need]:
        """The needs that no file here meets; of several keys in one need any will do."""
        return [need for need in needs if not any(self.file(key) for key in need)]

    def refused(self, key: str) -> list[str]:
        """Why files that should be for a place in the catalogue can't be used."""
        return [] if key in self._files else model_files().refused(key)

    def file(self, key: str) -> Path | None:
        """The file for a place in the catalogue, or None."""
        found = model_files().find(key)
        return self._files.get(key) or (found[0] if found else None)

    def identity(self, key: str) -> str:
        """The hash of a network's file. Raises CheckpointError."""
        files = model_files()
        path = self._files.get(key)
        return (files.look_at(path) if path else files.require(key)[1]).sha256

    @property
    def computing(self) -> str:
        """The kind of device and the precision."""
        device = manager.get_torch_device()
        return f"{precision_on(device, self._precision)} on {device.type}"

    def describe(self) -> dict[str, Any]:
        """What computed how, for a report: device, precision, and of every file used so far name and hash."""
        from ..retalk_core.compute.provider import described_file

        device = manager.get_torch_device()
        return {
            "device": manager.get_torch_device_name(device),
            "precision": precision_on(device, self._precision),
            "networks": {
                key: described_file(hosted.path, hosted.found) for key, hosted in self._hosted.items()
            },
        }

    def _fetch(self, key: str) -> HostedNetwork:
        if key not in self._hosted:
            path = self._files.get(key) or model_files().require(key)[0]
            self._hosted[key] = host_network(path, key)
        return self._hosted[key]


@functools.lru_cache(maxsize=1)
def _bundled() -> Any:  # noqa: ANN401 - a LocalNetworks, whose module takes a while to import
    from ..retalk_core.compute.provider import LocalNetworks

    return LocalNetworks()


@contextmanager
def face_networks() -> Iterator[FaceNetworks]:
    """What finds and follows faces; it ships with the pack."""
    from ..retalk_core.compute.provider import FACE_NETWORKS
    from ..retalk_core.faces.detect import FaceNetworks

    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(_bundled().borrow(key)) for key in FACE_NETWORKS]
        yield FaceNetworks(*borrowed)
