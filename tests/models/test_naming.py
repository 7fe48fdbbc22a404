"""Tensors that a file lacks are told by the names that the file would have."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import recipe
import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.checkpoint import unpack
from retalk_nodes.models.naming import find_name, rename
from retalk_nodes.models.network import Layout

LAYOUT = Layout(renames=((r"^enc(\d)\.", r"blocks.\1."), (r"^top\.", "head.")))
BY_MANIFEST = [key for key in NETWORKS if recipe.RECORDED.get(key, key) in recipe.OFFICIAL]
# Of these some names can't be told: several of the file's would be renamed to the same.
AMBIGUOUS = {"pcavs_g": 0.95, "gpen": 0.75, "gfpgan": 0.9}


def test_a_name_is_told_by_those_of_similar_tensors() -> None:
    names = rename(["enc0.weight", "enc0.bias", "enc1.weight", "top.weight"], LAYOUT)
    assert find_name("blocks.1.bias", names, LAYOUT) == "enc1.bias"
    assert find_name("blocks.2.weight", names, LAYOUT) == "enc2.weight"
    assert find_name("head.bias", names, LAYOUT) == "top.bias"
    assert find_name("tail.bias", names, LAYOUT) is None


@pytest.mark.parametrize("key", BY_MANIFEST)
def test_a_tensor_that_is_missing_has_the_official_files_name(key: str) -> None:
    row = NETWORKS[key]
    layout = row.build.find_layout()
    whole = {name: torch.zeros(shape) for name, (shape, _) in recipe.manifest(key).items()}
    names = rename(unpack(whole, Path("file"), layout, key), layout)
    official = rename(row.telltales, layout)
    chosen = random.Random(key).sample(sorted(names), 20)
    told = {
        name: find_name(
            names[name], {**official, **{each: names[each] for each in names if each != name}}, layout
        )
        for name in chosen
    }
    right = sum(told[name] == name for name in chosen)
    assert right >= AMBIGUOUS.get(key, 1.0) * len(chosen), told
    assert all(found is None or rename([found], layout)[found] == names[name] for name, found in told.items())
