"""Lend networks by their key in the catalogue: loaded when they are needed, kept as memory allows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ...models.catalog import PRESETS, Need, catalog
from ...models.checkpoint import load_network
from ...models.errors import CheckpointError
from ...models.faces.blazeface import load_detector
from ...models.faces.cover import load_cover_finder
from ...models.faces.facemesh import load_face_mesh
from ...models.layers import full_precision
from ..weights.files import Found, ModelFiles
from .batches import device_of, lacks_memory
from .devices import CPU, MEASURING, arithmetic, choose_device, choose_precision, device_name
from .memory import SHARE, free_memory, return_freed, working_memory
from .options import Computing, Precision, Resident

BUNDLED: dict[str, Callable[[], nn.Module]] = {
    "detector_short": lambda: load_detector("short"),
    "detector_full": lambda: load_detector("full"),
    "face_mesh": load_face_mesh,
    "mouth_cover": load_cover_finder,
}
FACE_NETWORKS = tuple(BUNDLED)  # in the order of FaceNetworks


def described_file(path: Path, found: Found) -> dict[str, str]:
    """A file that was used, for a report: its name, its hash, and what to look into.

    Of a network that was trained in several ways also by what it was told which one this is.
    """
    told = {"told_by": found.told_by} if found.told_by else {}
    return {"file": path.name, "sha256": found.sha256, "warning": found.warning, **told}


class NetworkProvider(Protocol):
    """Lends networks by their catalogue key; a host decides where they live and for how long."""

    @property
    def computing(self) -> str:
        """How numbers are computed, as far as pictures depend on it: kind of device and precision."""
        ...

    def borrow(self, key: str) -> AbstractContextManager[nn.Module]:
        """Lend a network where it computes; compute inside the block only. Raises CheckpointError."""
        ...

    def expect(self, *keys: str) -> None:
        """Be told which networks will be borrowed in turn."""
        ...

    def lacking(self, needs: Iterable[Need]) -> list[Need]:
        """The needs that nothing here meets; of several keys in one need any will do."""
        ...

    def refused(self, key: str) -> list[str]:
        """Why files that should be for a place in the catalogue can't be used."""
        ...

    def file(self, key: str) -> Path | None:
        """The file for a place in the catalogue that holds plain data."""
        ...

    def identity(self, key: str) -> str:
        """What tells a network's weights from any others, the same on every machine."""
        ...

    def describe(self) -> dict[str, Any]:
        """What computed how, for a report: device, precision, networks."""
        ...


class LocalNetworks:
    """Loads networks from disk when they are first asked for, and keeps them as memory allows.

    device:    where networks compute; the bundled ones, which find faces, always on the CPU and in fp32
    precision: reduced precision is autocast's around whoever borrows; weights stay in fp32
    together:  whether networks stay on the device after use; False: one at a time
    """

    device: torch.device
    precision: str  # fp32, bf16 or fp16

    def __init__(
        self,
        files: ModelFiles | None = None,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        resident: Resident = "auto",
        lent: Mapping[str, nn.Module] | None = None,
    ) -> None:
        """Choose where and how networks compute; nothing is loaded yet.

        device:    auto (the fastest there is), cpu, cuda, cuda:1, mps, xpu
        precision: auto: fp16 on CUDA devices and bf16 on CPUs that are made for it, else fp32
        resident:  auto: together where the weights of all networks that are needed fit with room to compute
        lent:      networks by their key that are used instead of files
        raises:    OptionError for a choice that doesn't exist or that this machine can't fulfil
        """
        Computing(precision=precision, resident=resident)  # refuses what doesn't exist
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self._resident = resident
        self._together: bool | None = None if resident == "auto" else resident == "together"
        self._files = files
        self._lent = dict(lent or {})
        self._loaded: dict[str, nn.Module] = {}
        self._users: dict[str, int] = {}
        self._needed: set[str] = set()
        self._used: dict[str, tuple[Path, Found]] = {}

    @classmethod
    def of(cls, computing: Computing) -> LocalNetworks:
        """Networks that compute as a user wants them to. Raises OptionError."""
        return cls(
            None if computing.models is None else ModelFiles([computing.models]),
            device=computing.device,
            precision=computing.precision,
            resident=computing.resident,
        )

    @contextmanager
    def borrow(self, key: str) -> Iterator[nn.Module]:
        """Lend a network on its device, inside autocast where the precision is reduced.

        Compute inside the block only: autocast holds for the whole thread, also for what a generator that is
        suspended in the block hands its output to. Raises CheckpointError where there is no usable file.
        """
        network = self._fetch(key)
        self._users[key] = self._users.get(key, 0) + 1
        try:
            with self._computing(key):
                yield network
        finally:
            self._users[key] -= 1
            if not self.together:
                self._let_go()

    def expect(self, *keys: str) -> None:
        """Say which networks a job will borrow, so that `auto` can tell whether all of them fit."""
        if not self._needed.issuperset(keys):
            self._needed.update(keys)
            if self._resident == "auto":
                self._together = None

    @property
    def together(self) -> bool:
        """Whether networks stay on the device after use; `auto` decides by what is known to be needed."""
        if self._together is None:
            self._together = self._all_fit()
        return self._together

    def missing(self, preset: str) -> list[Need]:
        """What a preset still needs; of several in one place any will do. Looks at each new file once."""
        return self.lacking(PRESETS[preset])

    def lacking(self, needs: Iterable[Need]) -> list[Need]:
        """The needs that no file here meets; of several keys in one need any will do."""
        return [need for need in needs if not any(self._is_there(key) for key in need)]

    def refused(self, key: str) -> list[str]:
        """Why files that should be for a place in the catalogue can't be used."""
        return [] if key in self._lent else self._model_files.refused(key)

    def file(self, key: str) -> Path | None:
        """The file for a place in the catalogue, or None."""
        found = self._model_files.find(key)
        return found[0] if found else None

    def identity(self, key: str) -> str:
        """The hash of a network's file; of one that was lent, of its weights. Raises CheckpointError."""
        if key not in self._lent:
            return self._model_files.require(key)[1].sha256
        digest = hashlib.sha256()
        for name, tensor in sorted(self._lent[key].state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @property
    def computing(self) -> str:
        """The kind of device and the precision."""
        return f"{self.precision} on {self.device.type}"

    def available(self, preset: str) -> bool:
        """Whether all that a preset needs is there."""
        return not self.missing(preset)

    def describe(self) -> dict[str, Any]:
        """What computed how, for a report: device, precision, and of every file used so far name and hash."""
        return {
            "device": device_name(self.device),
            "precision": self.precision,
            "networks": {key: described_file(path, found) for key, (path, found) in self._used.items()},
        }

    # Computing

    def _computing(self, key: str) -> AbstractContextManager[object]:
        if key in BUNDLED:
            return full_precision(CPU)
        return arithmetic(self.device, "fp32" if key in MEASURING else self.precision)

    # Memory

    def _fetch(self, key: str) -> nn.Module:
        """A network, where it computes. What nobody uses makes room for it first."""
        if key in BUNDLED:
            if key not in self._loaded:
                self._loaded[key] = BUNDLED[key]()
            return self._loaded[key]
        self.expect(key)
        if not self.together:
            self._let_go(but=key)
        if key not in self._loaded:
            self._loaded[key] = self._lent[key] if key in self._lent else self._installed(key)
        return self._placed(key)

    def _placed(self, key: str) -> nn.Module:
        """Move a network to the device, tensor by tensor: never all of them twice."""
        try:
            return self._loaded[key].to(self.device)
        except Exception as error:
            if self._resident != "auto" or not lacks_memory(error):
                raise
        self._together = False  # it was reckoned to fit, and didn't
        self._let_go(but=key)
        return self._loaded[key].to(self.device)

    def _let_go(self, but: str = "") -> None:
        """Take what nobody uses off the device; from the CPU it goes altogether, the disk still has it."""
        idle = [key for key in self._loaded if key not in BUNDLED and key != but and not self._users.get(key)]
        for key in idle:
            if self.device == CPU:
                del self._loaded[key]
            else:
                self._loaded[key].to(CPU)
        if idle and self.device.type == "cuda":
            torch.cuda.empty_cache()  # for others: torch itself would use it again

    def _all_fit(self) -> bool:
        """Whether all weights that are needed fit into free memory, with room to compute."""
        absent = [key for key in self._needed if not self._in_place(key)]
        weights = sum(self._size(key) for key in absent)
        computing = max((working_memory(key) for key in self._needed), default=0)
        return weights + computing / SHARE <= free_memory(self.device)

    def _in_place(self, key: str) -> bool:
        return key in self._loaded and device_of(self._loaded[key]) == self.device

    def _size(self, key: str) -> int:
        """Bytes of a network's weights; of one that is still on the disk, of its file, and 0 without one."""
        network = self._loaded.get(key, self._lent.get(key))
        if network is not None:
            tensors = (*network.parameters(), *network.buffers())
            return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        found = self._model_files.find(key) if key in catalog else None
        return found[0].stat().st_size if found else 0

    # Files

    @property
    def _model_files(self) -> ModelFiles:
        if self._files is None:
            self._files = ModelFiles()
        return self._files

    def _is_there(self, key: str) -> bool:
        return key in self._lent or self._model_files.find(key) is not None

    def _installed(self, key: str) -> nn.Module:
        """Load weights that the user put there. Raises CheckpointError."""
        path, found = self._model_files.require(key)
        before = self._used.setdefault(key, (path, found))
        if before[1].sha256 != found.sha256:
            raise CheckpointError(
                f"{catalog[key].title} has changed while it was in use: the work began with {before[0]} of "
                f"sha256 {before[1].sha256}, and now there is {path} of {found.sha256}. Start again."
            )
        return_freed()  # a network that was dropped, perhaps
        network = load_network(catalog[key], path)
        return_freed()  # reading the file took as much memory again
        return network
