"""A run's state in one file that is whole or not there: weights, their mean, optimisers, step, settings.

It is a safetensors file: reading it runs nothing. Names are `network/…`, `mean/…`, `optimiser/…`; the rest
stands in its header.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import CheckpointError, InputError
from ..files import written_whole

_NAME = re.compile(r"step_(\d{9})\.safetensors")
BEST = "best.safetensors"


@dataclass(eq=False)
class RunState:
    """All that a run needs to go on."""

    step: int  # steps that are done
    stage: str
    kind: str  # of the task: sync, dnet, lnet or enet
    settings: dict[str, Any]
    networks: Mapping[str, Mapping[str, Tensor]]  # by name: tensors by name
    mean: Mapping[str, Tensor]  # of the network that is exported
    optimisers: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # by network: torch's state dicts
    memory: dict[str, float] = field(default_factory=dict)  # what the task remembers
    about: dict[str, Any] = field(default_factory=dict)  # of data and weights it learnt from


def save_state(path: Path, state: RunState) -> None:
    """Write a run's state. Raises InputError where it can't be, and leaves an older file as it is."""
    tensors = {f"mean/{key}": value for key, value in state.mean.items()}
    for name, network in state.networks.items():
        tensors |= {f"network/{name}/{key}": value for key, value in network.items()}
    groups = {}
    for name, optimiser in state.optimisers.items():
        groups[name] = optimiser["param_groups"]
        for number, values in optimiser["state"].items():
            tensors |= {f"optimiser/{name}/{number}/{key}": value for key, value in values.items()}
    header = {
        **{"step": state.step, "stage": state.stage, "kind": state.kind, "settings": state.settings},
        **{"groups": groups, "memory": state.memory, "about": state.about},
    }
    write_tensors(path, tensors, {"retalk_run": json.dumps(header)})


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors as safetensors, whole or not at all. Raises InputError."""
    stored = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    with written_whole(path) as temporary:
        try:
            save_file(stored, temporary, dict(header))
        except SafetensorError as error:  # how it tells of a full disk
            raise OSError(errno.ENOSPC, _words(error)) from error


def _words(error: Exception) -> str:
    full = "No space left on device"
    return full if "os error 28" in str(error) or full in str(error) else str(error)


def load_state(path: Path) -> RunState:
    """Read a run's state. Raises CheckpointError for anything else."""
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["retalk_run"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, no mapping
        return _put_together(header, tensors)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} holds no run to go on from ({type(error).__name__}). Remove it; an earlier one is taken."
        ) from error


def _put_together(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> RunState:
    """A state of what its file holds. Raises what Python does where something is missing."""
    networks: dict[str, dict[str, Tensor]] = {}
    optimisers: dict[str, dict[str, Any]] = {
        name: {"state": {}, "param_groups": groups} for name, groups in header["groups"].items()
    }
    mean = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition("/")
        if kind == "mean":
            mean[rest] = value
        elif kind == "network":
            name, _, tensor = rest.partition("/")
            networks.setdefault(name, {})[tensor] = value
        else:
            name, number, tensor = rest.split("/")
            optimisers[name]["state"].setdefault(int(number), {})[tensor] = value
    return RunState(
        step=int(header["step"]),
        stage=header["stage"],
        kind=header["kind"],
        settings=dict(header["settings"]),
        networks=networks,
        mean=mean,
        optimisers=optimisers,
        memory=dict(header["memory"]),
        about=dict(header["about"]),
    )


def saved_steps(folder: Path) -> list[tuple[int, Path]]:
    """The states in a folder, the latest last."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.glob("step_*.safetensors"))
    return sorted((int(name[1]), path) for name, path in found if name)


def keep_latest(folder: Path, keep: int) -> None:
    """Remove all but the latest states."""
    for _, path in saved_steps(folder)[: -max(keep, 1)]:
        path.unlink(missing_ok=True)


def state_path(folder: Path, step: int) -> Path:
    """Where a run's state after so many steps is kept."""
    return folder / f"step_{step:09d}.safetensors"


def fill(network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Give a network the tensors that a run left. Raises InputError where they aren't its own."""
    try:
        network.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        raise InputError(
            f"{what} was left by a network of another shape. Choose another folder, or the settings of then."
        ) from error


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether all numbers are numbers."""
    return all(torch.isfinite(value).all() for value in tensors.values() if value.is_floating_point())
