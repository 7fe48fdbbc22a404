"""Write what was learnt as a file that every node and command loads: released names, in safetensors.

A network of another shape than the released one says so in the file's header; it is then built by that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ...models.training.shapes import HEADER, released_shape
from ..errors import InputError
from ..places import check_place
from ..version import __version__
from .checkpoints import RunState, all_finite, load_state, saved_steps, write_tensors
from .settings import from_plain

NETWORKS = {"sync": "sync_expert", "dnet": "dnet", "lnet": "lnet", "enet": "enet"}  # keys of the catalogue


def export_run(source: Path, output: Path, licence: str = "") -> Path:
    """Write a run's network, of which the weights' mean is taken where the run kept one.

    source:  a run's folder, whose latest state is taken, or one of its states
    output:  ends in .safetensors
    licence: of the result; none: what was stated for the data is told
    raises:  InputError where there is no run, CheckpointError for a file that holds none
    """
    check_place(output, "the weights", (".safetensors",))
    path = source
    if source.is_dir():
        states = saved_steps(source)
        if not states:
            raise InputError(f"{source} holds no run: name the folder that was given as out=.")
        path = states[-1][1]
    elif not source.is_file():
        raise InputError(f"{source} doesn't exist: name a run's folder, or one of its states.")
    return export_state(load_state(path), output, licence)


def export_state(
    state: RunState, output: Path, licence: str = "", more: Mapping[str, Any] | None = None
) -> Path:
    """Write a state's network. Raises InputError where it can't be written or holds no numbers."""
    if not all_finite(state.mean):
        raise InputError("The weights hold values that are no numbers: take an earlier state of the run.")
    write_weights(output, state.kind, state.mean, state.settings["shape"], header_of(state, licence, more))
    return output


def header_of(state: RunState, licence: str, more: Mapping[str, Any] | None) -> dict[str, str]:
    """What the file tells of its making."""
    rights = "; ".join(state.about.get("licences", ())) or "none stated"
    source = {"steps": state.step, **state.about, **(more or {})}
    return {
        "licence": licence or f"of what it was learnt from: {rights}",
        "source": json.dumps(source, ensure_ascii=False),
        "settings": json.dumps(state.settings, ensure_ascii=False),
        "trained_by": f"retalk {__version__}",
    }


def write_weights(
    output: Path,
    kind: str,
    tensors: Mapping[str, Tensor],
    shape: Mapping[str, Any],
    header: Mapping[str, str],
) -> None:
    """Write a network's tensors under the released names."""
    key = NETWORKS[kind]
    released = released_shape(key)
    known = {"format": "pt", "network": key, **header}
    if from_plain(released, shape) != released:
        known[HEADER] = json.dumps(shape)
    write_tensors(output, tensors, known)
