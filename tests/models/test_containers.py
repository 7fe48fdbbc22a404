"""A network's tensors are found in whatever they were wrapped in."""

from __future__ import annotations

from typing import Any

import pytest
import recipe
import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.checkpoint import Blank, differences, unpack
from retalk_nodes.models.containers import PREFIXES, WRAPPERS, all_parts, find_tensors
from retalk_nodes.models.naming import rename
from retalk_nodes.models.telltales import recognise
from torch import Tensor

BY_MANIFEST = [key for key in NETWORKS if recipe.RECORDED.get(key, key) in recipe.OFFICIAL]
MODULE = "module."


def prefixed(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{key}": tensor for key, tensor in tensors.items()}


WRAPPED = {
    "bare": lambda tensors: tensors,
    **{key: lambda tensors, key=key: {key: tensors, "epoch": 3} for key in WRAPPERS},
    "module.": lambda tensors: prefixed(tensors, MODULE),
    "model.": lambda tensors: prefixed(tensors, "model."),
    "model.module.": lambda tensors: prefixed(tensors, "model.module."),
    "two levels": lambda tensors: {"model": {"state_dict": prefixed(tensors, MODULE)}, "args": {}},
    "unknown": lambda tensors: {"my_net": tensors, "optimizer": {"state": {0: {"step": torch.ones(1)}}}},
}


@pytest.mark.parametrize("key", BY_MANIFEST)
def test_every_network_is_unwrapped_from_every_container(key: str, tmp_path: Any) -> None:  # noqa: ANN401
    row = NETWORKS[key]
    layout = row.build.find_layout()
    with Blank():
        network = row.build.create()
    whole = {name: torch.zeros(()).expand(shape) for name, (shape, _) in recipe.manifest(key).items()}
    _, container, _ = recipe.OFFICIAL[recipe.RECORDED.get(key, key)]
    for how, wrap in WRAPPED.items():
        for content in (wrap(whole), {"state_dict": {container or "net": whole}}):
            tensors = dict(find_tensors(content, layout.containers))
            assert tensors.keys() == whole.keys(), how
            assert recognise(content) == (row.edition_of or key), how
    some = {name: torch.zeros(shape) for name, (shape, _) in recipe.manifest(key).items()}
    tensors = unpack(WRAPPED["two levels"](some), tmp_path, layout, key)
    assert not differences(network, tensors, rename(tensors, layout), layout, key)


@pytest.mark.parametrize("key", BY_MANIFEST)
def test_no_networks_own_names_begin_with_a_prefix(key: str) -> None:
    names = list(recipe.manifest(key))
    assert not [each for each in PREFIXES if all(name.startswith(each) for name in names)]


def test_a_file_that_holds_itself_is_looked_through_once() -> None:
    contents: dict[str, Any] = {"a": {"x": torch.ones(1)}}
    contents["again"] = contents["a"]["again"] = contents
    assert len(list(all_parts(contents))) == 2
    assert find_tensors(contents).keys() == {"x", "again"}
