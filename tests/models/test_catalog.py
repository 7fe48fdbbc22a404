"""The catalogue says what is known of every file, and every file finds its place by what it holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import recipe
import torch
from retalk_nodes.models.catalog import (
    NETWORKS,
    PRESETS,
    RECOGNISED,
    ROWS,
    catalog,
    editions,
    lips,
    loaders,
    presets_with,
    title,
)
from retalk_nodes.models.checkpoint import Blank, load_network
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.naming import rename
from retalk_nodes.models.network import STAGES, Builder, Entry, File, Layout, Network, Place, Shape
from retalk_nodes.retalk_core.compute.memory import COSTS
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.choose import choose_engine
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.files import sha256_of
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.weights import files as model_files
from retalk_nodes.retalk_core.weights.commands import convert
from retalk_nodes.retalk_core.weights.files import CHECKS, RECORD, ModelFiles, model_folders
from torch import nn

FILES = [(row.key, file) for row in ROWS for file in row.files]
PCAVS = ("pcavs_v", "pcavs_e", "pcavs_a_sync", "pcavs_g")
# Nobody has published their files' hashes
UNHASHED = ("dnet", "arcface", "lpips", "vgg19", "lipgan", *PCAVS, "Wav2Lip-SD-NOGAN.pt")
BY_HAND = ("s3fd", "wav2lip", "wav2lip_gan", "lipgan", "sync_expert", *PCAVS)  # nor addresses of theirs
by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
by_network = pytest.mark.parametrize("row", NETWORKS.values(), ids=lambda row: row.key)


# What is known


PLACES = [
    *("face3d", "dnet", "lnet", "enet", "ganimation", "parser"),
    *("gfpgan", "gpen", "retinaface", "s3fd", "expression"),
]


def test_every_place_in_the_pipeline_has_an_entry_in_the_order_of_the_stages() -> None:
    assert [key for key in catalog if key in PLACES] == PLACES
    stages = [STAGES.index(row.stage) for row in NETWORKS.values()]
    assert stages == sorted(stages)
    assert [file.name for file in catalog["gfpgan"].files] == ["GFPGANv1.3.pth", "GFPGANv1.4.pth"]
    assert [row.key for row in catalog["parser"].networks] == ["parsenet", "bisenet"]
    assert tuple(lips())[:5] == ("lnet", "wav2lip", "wav2lip_gan", "lipgan", "pcavs")
    assert lips()["pcavs"] == PCAVS and lips()["lnet"] == ("lnet",)
    assert {key for keys in lips().values() for key in keys} <= set(catalog) - {"dnet", "enet", "gfpgan"}


@by_row
def test_a_row_says_what_it_is_and_under_which_licence(row: Entry) -> None:
    assert row.title and row.role and not row.role.endswith(".")
    assert row.licence and "\n" not in row.licence
    assert row.files, "no file: a row without one is a Stranger"
    assert catalog[row.place_key].title and row in catalog[row.place_key].rows


@pytest.mark.parametrize(("key", "file"), FILES, ids=[file.name for _, file in FILES])
def test_what_is_stated_is_well_formed(key: str, file: File) -> None:
    assert re.fullmatch("[0-9a-f]{64}", file.sha256) or key in UNHASHED or file.name in UNHASHED
    assert file.size == 0 or file.size > 1000
    assert all(url.startswith("https://") for url in file.sources)
    assert file.sources or key in BY_HAND
    assert file.names[0] == file.name and file.names[-1].endswith(".safetensors")


def test_no_two_rows_share_a_key_and_no_two_files_a_name_or_a_hash() -> None:
    keys = [*(row.key for row in ROWS), *RECOGNISED.keys() - NETWORKS.keys()]
    names = [name for _, file in FILES for name in file.names]
    hashes = [file.sha256 for _, file in FILES if file.sha256]
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)
    assert len(set(hashes)) == len(hashes)


def test_presets_grow_and_name_places_in_the_catalogue() -> None:
    assert set(PRESETS["fast"]) < set(PRESETS["paper"]) < set(PRESETS["original"])
    assert {key for needs in PRESETS.values() for need in needs for key in need} <= set(catalog)
    assert presets_with("dnet") == ("fast", "paper", "original")
    assert presets_with("gfpgan") == ("paper", "original")
    assert presets_with("s3fd") == ()


# What a network's row must say


@by_network
def test_a_network_has_a_class_a_layout_and_a_stage(row: Network) -> None:
    assert isinstance(row.build.find_layout(), Layout)
    assert row.stage in STAGES
    assert shapes_of(row.key)


@by_network
def test_a_network_has_a_sample_to_be_tried_on(row: Network) -> None:
    inputs = row.build.draw_sample()
    assert inputs and all(torch.isfinite(value).all() and len(value) == 1 for value in inputs)


@by_network
def test_a_network_has_a_cost_and_its_place_that_of_the_costliest(row: Network) -> None:
    assert row.cost is not None, "measure it: benchmarks/memory.py"
    assert row.cost.once >= 0 and row.cost.picture > 0 and row.cost.most >= 1
    assert COSTS[row.place_key].picture >= row.cost.picture


@by_network
def test_a_network_that_a_node_takes_can_be_loaded_by_itself_and_chosen_among_all(row: Network) -> None:
    """A stage's first network must; others, and those that find faces, may be found in the folders alone."""
    first = next(each for each in NETWORKS.values() if each.stage == row.stage)
    if row.loader is None:
        assert row is not first or row.stage in ("face boxes", "judge")
        return
    assert row.loader.purpose.endswith(".") and row.loader.title.startswith("Load ") and row.loader.aliases
    assert row.place_key in loaders()[row.loader]
    assert catalog[row.place_key].tip.endswith(".")


def test_no_two_loaders_make_the_same_node() -> None:
    kinds = [loader.kind for loader in loaders()]
    assert len(set(kinds)) == len(kinds)


@cache
def shapes_of(key: str) -> dict[str, Shape]:
    """A network's tensors under our names, without their numbers."""
    with Blank():
        return {key: tuple(tensor.shape) for key, tensor in NETWORKS[key].build.create().state_dict().items()}


def share_of(network: Network, telltales: Mapping[str, Shape]) -> float:
    """How many of some telltales are a network's tensors, 0 to 1."""
    layout = network.build.find_layout()
    theirs = {key: torch.empty(shape, device="meta") for key, shape in telltales.items()}
    ours = rename(theirs, layout)
    dead = [re.compile(pattern) for pattern in layout.dead]
    own = [
        shapes_of(network.key).get(ours[key]) == shape or any(pattern.search(key) for pattern in dead)
        for key, shape in telltales.items()
    ]
    return sum(own) / len(own)


@by_network
def test_telltales_are_tensors_of_this_network_and_of_no_other(row: Network) -> None:
    if row.edition_of:
        assert not row.telltales and row.build == NETWORKS[row.edition_of].build
        return
    assert row.telltales
    assert share_of(row, row.telltales) == 1
    others = [
        other.key
        for other in NETWORKS.values()
        if row.key not in editions(other.key) and share_of(other, row.telltales)
    ]
    assert others == []


def test_no_two_networks_share_a_telltale_not_even_with_a_stranger() -> None:
    told = [telltale for known in RECOGNISED.values() for telltale in known.telltales.items()]
    assert len(set(told)) == len(told)
    told_apart = {key: known for key, known in RECOGNISED.items() if not getattr(known, "edition_of", "")}
    assert all(known.telltales for known in told_apart.values())
    assert all(title(key) == known.title for key, known in RECOGNISED.items())
    assert title("something else") == "something else"


def test_a_row_in_which_something_was_forgotten_does_no_harm_until_a_test_says_so() -> None:
    """Every field that is left out has a value that the loops over rows can take."""
    row = Network(key="new", title="New", stage="lips", build=Builder("lips.lnet", "LNet"))
    place = Place("new", (row,))
    assert (place.title, place.licence, place.files, place.cost) == ("New", "", (), None)
    assert row.loader is None and not row.measures and row.place_key == "new"


def test_rows_are_read_without_torch(root: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from models import catalog;"
        "assert catalog.lips() and not {'torch', 'numpy', 'cv2', 'librosa'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(root)], check=True, timeout=60)


def test_plain_data_is_not_loaded_as_a_network(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Expression templates is no network"):
        load_network(catalog["expression"], tmp_path / "expression.mat")


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


def test_an_unknown_home_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    with pytest.raises(InputError, match="Set HOME, or name a folder for them in RETALK_MODELS"):
        model_folders(tmp_path, {}, "linux")
    (folder,) = model_folders(tmp_path, {"XDG_DATA_HOME": str(tmp_path)}, "linux")
    assert folder.parent.parent == tmp_path


@pytest.mark.parametrize("kind", ["deep", "pipe"])
def test_a_record_that_is_none_is_passed_over(tmp_path: Path, kind: str) -> None:
    record = tmp_path / "retalk_files.json"
    if kind == "deep":
        record.write_bytes(b"[" * 100_000)
    else:
        os.mkfifo(record)  # reading it would wait for ever
    assert ModelFiles([tmp_path]).find("lnet") is None


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
    official = File("LNet.pth", sha256=sha256_of(path), size=path.stat().st_size)
    place = Place("lnet", (replace(NETWORKS["lnet"], files=(official,)),))
    monkeypatch.setattr(model_files, "catalog", {**catalog, "lnet": place})
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
    stamp = f"[{path.stat().st_size}, {path.stat().st_mtime_ns}, {CHECKS}]"
    (folder / RECORD).write_text(f'{{"{path.as_posix()}": {entry.replace("STAMP", stamp)}}}')
    assert ModelFiles([folder]).find("ganimation") is not None


# Two trainings of one network


@pytest.fixture(scope="module")
def wav2lip(made_weights: Path) -> Path:
    """A file of Wav2Lip's tensors, which don't say how it was trained."""
    return recipe.recipe_weights("wav2lip", 0, made_weights)


def found_as(folder: Path) -> dict[str, str]:
    """By what was asked for: by what the file was told."""
    files = ModelFiles([folder])
    pairs = ((key, files.find(key)) for key in ("wav2lip", "wav2lip_gan"))
    return {key: found[1].told_by for key, found in pairs if found is not None and found[1].network == key}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wav2lip.pth", {"wav2lip": "name"}),
        ("wav2lip_gan.pth", {"wav2lip_gan": "name"}),
        ("Wav2Lip-SD-GAN.pt", {"wav2lip_gan": "name"}),
        ("lips of mine.pth", {"wav2lip": "choice", "wav2lip_gan": "choice"}),
    ],
)
def test_a_name_says_which_training_it_was_or_else_the_choice(
    name: str, expected: dict[str, str], wav2lip: Path, tmp_path: Path
) -> None:
    (tmp_path / name).symlink_to(wav2lip)
    assert found_as(tmp_path) == expected
    assert all(ModelFiles([tmp_path]).load(key) for key in expected)


def test_a_hash_says_more_than_a_name(wav2lip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wav2lip.pth").symlink_to(wav2lip)
    official = File("wav2lip_gan.pth", sha256=sha256_of(wav2lip), size=wav2lip.stat().st_size)
    place = Place("wav2lip_gan", (replace(NETWORKS["wav2lip_gan"], files=(official,)),))
    monkeypatch.setattr(model_files, "catalog", {**catalog, "wav2lip_gan": place})
    assert found_as(tmp_path) == {"wav2lip_gan": "hash"}
    (words,) = ModelFiles([tmp_path]).refused("wav2lip")
    assert words.endswith("is Wav2Lip with GAN, not Wav2Lip without GAN.")


def test_a_converted_file_says_which_training_it_was(wav2lip: Path, tmp_path: Path) -> None:
    (tmp_path / "wav2lip_gan.pth").symlink_to(wav2lip)
    folder = tmp_path / "converted"
    folder.mkdir()
    convert(tmp_path / "wav2lip_gan.pth", folder / "lips of mine.safetensors")
    assert found_as(folder) == {"wav2lip_gan": "header"}


def test_whoever_asks_for_the_other_training_is_told_of_the_one_that_is_there(
    wav2lip: Path, tmp_path: Path
) -> None:
    (tmp_path / "wav2lip_gan.pth").symlink_to(wav2lip)
    hint = "A file of Wav2Lip with GAN was found: choose the lips wav2lip_gan for it."
    assert hint in ModelFiles([tmp_path]).missing_words("wav2lip")
    assert "choose the lips" not in ModelFiles([tmp_path]).missing_words("lnet")
    networks = LocalNetworks(ModelFiles([tmp_path]), device="cpu")
    stages = Stages(lips="wav2lip", neutralise=False, enhance=False, restore="off")
    assert choose_engine(DubOptions(stages=stages), networks).hints == (hint,)
    with pytest.raises(CheckpointError, match="choose the lips wav2lip_gan for it"):
        choose_engine(DubOptions(engine="retalk", stages=stages), networks)


def test_a_small_file_under_a_great_name_is_told_with_what_the_official_one_is(tmp_path: Path) -> None:
    torch.save({"state_dict": {"module.face.weight": torch.zeros(200, 200)}}, tmp_path / "wav2lip_gan.pth")
    (words,) = ModelFiles([tmp_path]).refused("wav2lip_gan")
    assert "is none of the networks known here" in words
    assert "The official file has 435801865 bytes" in words and "this one has 16" in words
