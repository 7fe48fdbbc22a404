"""What ComfyUI decides: where networks compute, how progress shows, when to stop, where files lie."""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import comfy.model_management as manager
import comfy.model_patcher
import comfy.utils
import folder_paths
from comfy.cli_args import args
from comfy_api.latest import io

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from ..models.catalog import Need
    from ..retalk_core.faces import FaceNetworks
    from ..retalk_core.model_files import Found, ModelFiles
    from ..retalk_core.types import Progress

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("ReTalk")
FOLDER = "retalk"  # ComfyUI's word for models/retalk
STEPS = 1000  # of every progress bar
PREVIEW_SECONDS = 1.0  # between two pictures of work in progress
PREVIEW_SIDE = 512  # pixels
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


# When the pack is loaded


def register_folder() -> None:
    """Make models/retalk known, so that extra_model_paths.yaml can add to it."""
    from ..retalk_core.model_files import SUFFIXES

    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir) / FOLDER))
    folders, _ = folder_paths.folder_names_and_paths[FOLDER]
    folder_paths.folder_names_and_paths[FOLDER] = (folders, {*SUFFIXES, ".mat"})


def warn_of_two_opencvs() -> None:
    """Two distributions of OpenCV overwrite each other's files: the one installed last wins, in part."""
    found = {}
    for name in OPENCV:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if len(set(found.values())) > 1:
        have = ", ".join(f"{name} {number}" for name, number in found.items())
        log.warning(
            f'ReTalk: several OpenCVs are installed ({have}) and overwrite each other. "{sys.executable}" -m '
            "pip uninstall all but one, then install that one again."
        )


def in_words(execute: Callable[P, R]) -> Callable[P, R]:
    """Say how to get a library that a node needs and that isn't there."""

    @functools.wraps(execute)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return execute(*args, **kwargs)
        except ImportError as error:
            from ..retalk_core.errors import RetalkError
            from ..retalk_core.model_files import PACK

            raise RetalkError(
                f'This node needs a library that can\'t be imported ({error}). Run "{sys.executable}" -m pip '
                f'install -r "{PACK / "requirements.txt"}", then start ComfyUI again.'
            ) from error

    return explained


# Stopping, and telling how far the work is


def stop_if_asked() -> None:
    """Raise what ends the run if the user wants it to end."""
    manager.throw_exception_if_processing_interrupted()


@contextmanager
def stoppable(network: nn.Module) -> Iterator[None]:
    """Let the user stop a network between any two of its layers."""
    leaves = [module for module in network.modules() if not any(module.children())]
    hooks = [leaf.register_forward_pre_hook(lambda *_: stop_if_asked()) for leaf in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def say(node: type[io.ComfyNode], text: str) -> None:
    """Show text on the face of a node that runs, where the editor is open. The node's schema shows text."""
    server = sys.modules.get("server")
    instance: Any = getattr(getattr(server, "PromptServer", None), "instance", None)
    node_id = getattr(getattr(node, "hidden", None), "unique_id", None)
    if node_id is not None and hasattr(instance, "send_progress_text"):
        instance.send_progress_text(text, node_id, instance.client_id)


class Bar:
    """The progress bar of the running node. Stages share it; telling it anything ends a stopped run."""

    def __init__(
        self, shares: Mapping[str, float] | None = None, begins: Callable[[str], None] | None = None
    ) -> None:
        """Begin at 0.

        shares: of the stages, in their order, adding up to 1; None: there is only one, ''
        begins: is told each stage that begins
        """
        self._bar = comfy.utils.ProgressBar(STEPS)
        self._shares = shares or {"": 1.0}
        self._shown = 0
        self._last_picture = 0.0
        self._begins = begins

    def __call__(self, stage: str = "") -> Progress:
        """What is told how far a stage is. A stage without a share only lets the run be stopped."""
        names = list(self._shares)
        share = self._shares.get(stage, 0.0)
        if self._begins is not None:
            self._begins(stage)
        before = sum(self._shares[name] for name in names[: names.index(stage)]) if share else 0.0

        def tell(done: int, total: int | None) -> None:
            stop_if_asked()
            if total and share:
                self._show(before + share * min(done / total, 1.0))

        return tell

    def picture(self, pixels: np.ndarray) -> None:
        """Show a frame (H, W, 3), uint8 or uint16, on the node, if the last one was shown a while ago."""
        now = time.monotonic()
        if now - self._last_picture < PREVIEW_SECONDS:
            return
        self._last_picture = now
        from PIL import Image

        step = max(max(pixels.shape[:2]) // (2 * PREVIEW_SIDE), 1)
        small = pixels[::step, ::step]
        small = small if small.dtype.itemsize == 1 else (small >> 8).astype("uint8")
        self._bar.update_absolute(self._shown, STEPS, ("JPEG", Image.fromarray(small), PREVIEW_SIDE))

    def _show(self, share: float) -> None:
        self._shown = max(self._shown, round(STEPS * share))
        self._bar.update_absolute(self._shown, STEPS)


# Networks


@dataclass(frozen=True, eq=False)
class HostedNetwork:
    """A network that ComfyUI's memory manager looks after, as it travels on a socket."""

    key: str  # in the catalogue
    patcher: Any  # ComfyUI's ModelPatcher
    path: Path
    found: Found


def host_network(path: Path, *keys: str) -> HostedNetwork:
    """Load a file of weights for one of some places in the catalogue. Raises CheckpointError.

    It is placed on a device when it is used.
    """
    from ..models.catalog import catalog
    from ..retalk_core.errors import CheckpointError

    found = model_files().look_at(path)
    if found.problem or found.key not in keys:
        wanted = " or ".join(catalog[key].title for key in keys)
        raise CheckpointError(found.problem or f"{path} is {catalog[found.key].title}, not {wanted}.")
    if found.warning:
        log.warning(f"ReTalk: {found.warning}")
    # Not the dynamic patcher: these networks are plain torch, small, and moved whole.
    patcher = comfy.model_patcher.ModelPatcher(
        catalog[found.key].load(path),
        load_device=manager.get_torch_device(),
        offload_device=manager.unet_offload_device(),
    )
    return HostedNetwork(found.key, patcher, path, found)


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
    from ..retalk_core.memory import working_memory

    needed = max((working_memory(hosted.key) for hosted in networks), default=0)
    manager.load_models_gpu([hosted.patcher for hosted in networks], memory_required=needed)


@contextmanager
def _computing(hosted: HostedNetwork, precision: str) -> Iterator[None]:
    """As exactly as was asked for, and stoppable."""
    from ..retalk_core.networks import MEASURING, arithmetic

    device = hosted.patcher.load_device
    chosen = precision_on(device, precision)
    exact = arithmetic(device, "fp32" if hosted.key in MEASURING else chosen)
    with exact, stoppable(hosted.patcher.model):
        yield


def precision_on(device: torch.device, wanted: str) -> str:
    """fp32, bf16 or fp16; ComfyUI's flags have the last word about `auto`. Raises OptionError."""
    from ..retalk_core.networks import choose_precision

    chosen = choose_precision(wanted, device)  # type: ignore[arg-type]  # refused there
    # Of bf16 on a CPU ComfyUI has no opinion of its own, only that flag.
    refused = args.force_fp32 or (chosen == "fp16" and not manager.should_use_fp16(device))
    return "fp32" if wanted == "auto" and refused else chosen


def batch_size(hosted: HostedNetwork, wanted: int) -> int:
    """Pictures at a time: as wanted, or for 0 what fits into the memory that ComfyUI leaves."""
    from ..retalk_core.memory import batch_size_for

    device = hosted.patcher.load_device
    return wanted or batch_size_for(hosted.key, int(manager.get_free_memory(device)), device)


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
        from ..retalk_core.networks import BUNDLED

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
        device = manager.get_torch_device()
        return {
            "device": manager.get_torch_device_name(device),
            "precision": precision_on(device, self._precision),
            "networks": {
                key: {"file": hosted.path.name, "sha256": hosted.found.sha256}
                for key, hosted in self._hosted.items()
            },
        }

    def _fetch(self, key: str) -> HostedNetwork:
        if key not in self._hosted:
            path = self._files.get(key) or model_files().require(key)[0]
            self._hosted[key] = host_network(path, key)
        return self._hosted[key]


@functools.lru_cache(maxsize=1)
def _bundled() -> Any:  # noqa: ANN401 - a LocalNetworks, whose module takes a while to import
    from ..retalk_core.networks import LocalNetworks

    return LocalNetworks()


@contextmanager
def face_networks() -> Iterator[FaceNetworks]:
    """What finds and follows faces; it ships with the pack."""
    from ..retalk_core.faces import FaceNetworks
    from ..retalk_core.networks import FACE_NETWORKS

    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(_bundled().borrow(key)) for key in FACE_NETWORKS]
        yield FaceNetworks(*borrowed)


# Files


def model_files() -> ModelFiles:
    """The files of weights in ComfyUI's folders."""
    from ..retalk_core.model_files import ModelFiles

    return ModelFiles(weight_folders())


def weight_folders() -> tuple[Path, ...]:
    """Where files of weights are looked for: models/retalk and the folders of other packs."""
    from ..retalk_core.model_files import SHARED

    known = folder_paths.folder_names_and_paths
    found = [Path(folder) for folder in known[FOLDER][0]]
    for name in SHARED:
        folders = known[name][0] if name in known else [str(Path(folder_paths.models_dir) / name)]
        found += [Path(folder) for folder in folders]
    return tuple(dict.fromkeys(found))


def weight_names(*keys: str) -> list[str]:
    """Files that may be for one of these places: those of a right name, then all in models/retalk."""
    from ..models.catalog import catalog
    from ..retalk_core.model_files import SUFFIXES

    right = [name for key in keys for edition in catalog[key].editions for name in edition.names]
    present = [path.name for folder in weight_folders() for path in _files_in(folder)]
    own = [
        path.name
        for folder in folder_paths.folder_names_and_paths[FOLDER][0]
        for path in _files_in(Path(folder))
    ]
    others = [name for name in own if Path(name).suffix in SUFFIXES and name not in _names_of_all()]
    return list(dict.fromkeys([name for name in right if name in present] + others))


def _names_of_all() -> set[str]:
    from ..models.catalog import catalog

    return {name for entry in catalog.values() for edition in entry.editions for name in edition.names}


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def weight_path(name: str) -> Path | None:
    """The file of that name that is found first."""
    return next(
        (path for folder in weight_folders() for path in _files_in(folder) if path.name == name), None
    )


def state_of_files() -> list[object]:
    """Changes whenever a file of weights comes, goes or changes."""
    from ..retalk_core.model_files import SUFFIXES

    folders = weight_folders()
    paths = [path for folder in folders for path in _files_in(folder) if path.suffix in (*SUFFIXES, ".mat")]
    return [_state(path) for path in paths]


def state_of_file(name: str | None) -> object:
    """Changes whenever the file of that name does; None is a name that isn't known yet."""
    path = None if name is None else weight_path(name)
    return None if path is None else _state(path)


def _state(path: Path) -> object:
    try:
        state = path.stat()
    except OSError:  # it went just now
        return str(path)
    return str(path), state.st_size, state.st_mtime_ns


def jobs_folder() -> Path:
    """Where finished parts of a dub are kept: not among the temporary files, which a restart removes."""
    folder = Path(folder_paths.get_user_directory()) / "retalk" / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def temporary_file(suffix: str) -> Path:
    """A new name in ComfyUI's folder for files that are thrown away when it starts or ends."""
    import secrets

    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"retalk_{secrets.token_hex(8)}{suffix}"
