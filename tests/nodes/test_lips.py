"""What draws the lips is loaded with all its networks, and told which it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import recipe
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.nodes.networks import HostedLips
from retalk_nodes.retalk_core.errors import InputError

PCAVS = ("pcavs_v", "pcavs_e", "pcavs_a_sync", "pcavs_g")


@pytest.fixture
def folder(base: Path) -> Iterator[Path]:
    found = base / "models" / "retalk"
    found.mkdir(parents=True, exist_ok=True)
    for path in found.iterdir():
        path.unlink()
    yield found
    for path in found.iterdir():
        path.unlink()


def load(nodes: dict[str, Any], lips: str, file: str = "auto") -> HostedLips:
    (hosted,) = nodes["ReTalkLoadLips"].execute(lips=lips, file=file).args
    assert isinstance(hosted, HostedLips) and hosted.word == lips
    return hosted


def test_all_files_of_several_are_found_by_themselves(
    nodes: dict[str, Any], folder: Path, made_weights: Path
) -> None:
    node = nodes["ReTalkLoadLips"]
    assert "PC-AVS' identity (V) was not found" in node.validate_inputs(lips="pcavs", file="auto")
    with pytest.raises(InputError, match=r"identity \(V\) was not found"):
        load(nodes, "pcavs")
    for name in PCAVS:
        made = recipe.recipe_weights(name, 0, made_weights)
        (folder / made.name).symlink_to(made)
    assert node.validate_inputs(lips="pcavs", file="auto") is True
    for file in ("auto", "latest_net_E.pth"):
        assert tuple(each.key for each in load(nodes, "pcavs", file).networks) == PCAVS


def test_wav2lip_is_what_its_name_says_or_else_what_was_chosen(
    nodes: dict[str, Any], folder: Path, made_weights: Path
) -> None:
    made = recipe.recipe_weights("wav2lip", 0, made_weights)
    (folder / "mine.pth").symlink_to(made)
    for word in ("wav2lip", "wav2lip_gan"):
        (hosted,) = load(nodes, word, "mine.pth").networks
        assert (hosted.key, hosted.found.told_by) == (word, "choice")
    (folder / "wav2lip_gan.pth").symlink_to(made)
    (hosted,) = load(nodes, "wav2lip_gan").networks
    assert hosted.found.told_by == "name"
    with pytest.raises(CheckpointError, match="is Wav2Lip with GAN, not Wav2Lip without GAN"):
        load(nodes, "wav2lip", "wav2lip_gan.pth")
