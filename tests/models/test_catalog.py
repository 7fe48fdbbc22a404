"""The catalogue says what is known of every file, and every file finds its place by what it holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import recipe
import torch
from retalk_nodes.models.catalog import NETWORKS, PRESETS, Edition, catalog, presets_with
from retalk_nodes.models.checkpoint import Layout
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.telltales import TELLTALES
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.files import sha256_of
from retalk_nodes.retalk_core.weights import files as model_files
from retalk_nodes.retalk_core.weights.files import RECORD, ModelFiles, model_folders
from torch import nn

EDITIONS = [(key, edition) for key, entry in catalog.items() for edition in entry.editions]


# What is known


def test_every_place_in_the_pipeline_has_an_entry() -> None:
    places = "face3d dnet lnet enet ganimation parser gfpgan gpen retinaface s3fd expression"
    assert list(catalog) == places.split()
    assert [edition.file for edition in catalog["gfpgan"].editions] == ["GFPGANv1.3.pth", "GFPGANv1.4.pth"]
    assert catalog["parser"].networks == ("parsenet", "bisenet")


@pytest.mark.parametrize(("key", "edition"), EDITIONS, ids=[edition.file for _, edition in EDITIONS])
def test_what_is_stated_is_well_formed(key: str, edition: Edition) -> None:
    assert re.fullmatch("[0-9a-f]{64}", edition.sha256) or key == "dnet"
    assert edition.size == 0 or edition.size > 1000
    assert edition.network in (*NETWORKS, "")
    assert all(url.startswith("https://") for url in edition.sources)
    assert edition.sources or key == "s3fd"
    assert catalog[key].licence and "\n" not in catalog[key].licence
    assert edition.names[0] == edition.file and edition.names[-1].endswith(".safetensors")


def test_no_two_files_share_a_name_or_a_hash() -> None:
    names = [name for _, edition in EDITIONS for name in edition.names]
    hashes = [edition.sha256 for _, edition in EDITIONS if edition.sha256]
    assert len(set(names)) == len(names)
    assert len(set(hashes)) == len(hashes)


def test_presets_grow_and_name_places_in_the_catalogue() -> None:
    assert set(PRESETS["fast"]) < set(PRESETS["paper"]) < set(PRESETS["original"])
    assert {key for needs in PRESETS.values() for need in needs for key in need} <= set(catalog)
    assert presets_with("dnet") == ("fast", "paper", "original")
    assert presets_with("gfpgan") == ("paper", "original")
    assert presets_with("s3fd") == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_telltales_and_a_layout(name: str) -> None:
    assert name in TELLTALES
    assert isinstance(NETWORKS[name].find_layout(), Layout)


def test_plain_data_is_not_loaded_as_a_network(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Expression templates is no network"):
        catalog["expression"].load(tmp_path / "expression.mat")


# Where files are looked for


def test_named_folders_come_first(tmp_path: Path) -> None:
    environment = {"RETALK_MODELS": str(tmp_path)}
    assert model_folders(tmp_path / "pack", environment) == (tmp_path,)


def test_a_pack_inside_comfyui_shares_the_folders_of_others(tmp_path: Path) -> None:
    folders = model_folders(tmp_path / "ComfyUI" / "custom_nodes" / "any name", {})
    models = tmp_path / "ComfyUI" / "models"
    shared = ("retalk", "facerestore_models", "facedetection", "upscale_models")
    assert folders == tuple(models / name for name in shared)


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [
        ("linux", "XDG_DATA_HOME", "retalk/models"),
        ("win32", "LOCALAPPDATA", "retalk/models"),
        ("darwin", None, "Library/Application Support/retalk/models"),
    ],
)
def test_elsewhere_it_is_the_platforms_data_folder(
    tmp_path: Path, platform: str, variable: str | None, tail: str
) -> None:
    environment = {variable: str(tmp_path)} if variable else {}
    (folder,) = model_folders(tmp_path / "pack", environment, platform)
    assert folder.as_posix().endswith(tail)
    assert not variable or folder.is_relative_to(tmp_path)


# What is found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with GANimation's tensors under a name that says nothing."""
    torch.save(recipe.recipe_tensors("ganimation", seed=0), tmp_path / "something.pth")
    return tmp_path


def test_a_file_is_found_by_its_tensors_whatever_it_is_called(folder: Path) -> None:
    found = ModelFiles([folder]).find("ganimation")
    assert found is not None
    path, what = found
    assert (path.name, what.key, what.network) == ("something.pth", "ganimation", "ganimation")
    assert not what.published and not what.warning and what.sha256 == sha256_of(path)


def test_a_name_proves_nothing(folder: Path) -> None:
    (folder / "something.pth").rename(folder / "LNet.pth")
    files = ModelFiles([folder])
    assert files.find("lnet") is None
    assert files.find("ganimation") is not None


def test_a_file_with_a_right_name_is_preferred(folder: Path) -> None:
    torch.save(recipe.recipe_tensors("ganimation", seed=1), folder / "30_net_gen.pth")
    found = ModelFiles([folder]).find("ganimation")
    assert found is not None and found[0].name == "30_net_gen.pth"


def test_earlier_folders_are_preferred(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        torch.save(recipe.recipe_tensors("ganimation", seed), tmp_path / name / "30_net_gen.pth")
    found = ModelFiles([tmp_path / "missing", tmp_path / "b", tmp_path / "a"]).find("ganimation")
    assert found is not None and found[0].parent.name == "b"


def test_an_official_file_is_known_by_its_hash_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "renamed.pth"
    path.write_bytes(b"stands for an official file")
    entry = catalog["lnet"]
    official = Edition("LNet.pth", sha256=sha256_of(path), size=path.stat().st_size, network="lnet")
    replaced = {**catalog, "lnet": type(entry)(entry.key, entry.title, "", "", (official,))}
    monkeypatch.setattr(model_files, "catalog", replaced)
    found = ModelFiles([tmp_path]).find("lnet")
    assert found is not None and found[1].published


def test_damaged_and_foreign_files_are_reported_and_passed_over(folder: Path) -> None:
    (folder / "GFPGANv1.3.pth").write_bytes(b"PK\x03\x04 cut off")
    torch.save({"weight": torch.zeros(3)}, folder / "stranger.pth")
    files = ModelFiles([folder])
    assert files.find("gfpgan") is None
    (words,) = files.refused("gfpgan")
    assert "cut short or damaged" in words
    assert "official file has 348632874 bytes and sha256 c953a88f" in words and "has 12 bytes" in words
    assert files.find("ganimation") is not None


def test_what_is_missing_is_said_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        ModelFiles([tmp_path]).load("dnet")
    words = str(caught.value)
    assert words.startswith("D-Net was not found; run `") and "models download dnet`" in words
    assert f"put DNet.pt into {tmp_path}" in words
    with pytest.raises(CheckpointError, match=r"S3FD was not found; put s3fd-619a316812\.pth into"):
        ModelFiles([tmp_path]).load("s3fd")


def test_a_preset_lacks_what_is_not_there(folder: Path) -> None:
    torch.save(recipe.recipe_tensors("dnet", seed=0), folder / "DNet.pt")
    assert ModelFiles([folder]).missing("fast") == [("face3d",), ("lnet",), ("enet",)]
    assert ("gfpgan", "gpen") in ModelFiles([folder]).missing("paper")


def test_the_provider_lends_installed_networks_and_keeps_them(folder: Path) -> None:
    networks = LocalNetworks(ModelFiles([folder]))
    with networks.borrow("ganimation") as first, networks.borrow("ganimation") as second:
        assert first is second
        assert isinstance(first, nn.Module) and not first.training


# What is remembered


def test_a_file_is_examined_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ModelFiles([folder]).find("ganimation")
    monkeypatch.setattr(model_files, "_examine", lambda *_: pytest.fail("examined again"))
    assert ModelFiles([folder]).find("ganimation") == first


def test_a_file_without_a_published_hash_warns_when_it_changes(folder: Path) -> None:
    path = folder / "something.pth"
    was = sha256_of(path)
    assert ModelFiles([folder]).look_at(path).warning == ""
    torch.save(recipe.recipe_tensors("ganimation", seed=1), path)
    warning = ModelFiles([folder]).look_at(path).warning
    assert "has changed since it was first used" in warning
    assert was in warning and sha256_of(path) in warning
    assert ModelFiles([folder]).look_at(path).warning == warning


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 3}', "null"])
def test_a_damaged_record_is_forgotten(folder: Path, content: str) -> None:
    (folder / RECORD).write_text(content)
    assert ModelFiles([folder]).find("ganimation") is not None


@pytest.mark.parametrize("entry", ["{}", '{"stamp": STAMP}', '{"stamp": STAMP, "found": {"odd": 1}}'])
def test_a_damaged_entry_of_the_record_is_forgotten(folder: Path, entry: str) -> None:
    path = folder / "something.pth"
    stamp = f"[{path.stat().st_size}, {path.stat().st_mtime_ns}]"
    (folder / RECORD).write_text(f'{{"{path.as_posix()}": {entry.replace("STAMP", stamp)}}}')
    assert ModelFiles([folder]).find("ganimation") is not None
