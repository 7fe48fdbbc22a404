"""Files of weights load exactly or are refused in words, and nothing in them is ever run."""

from __future__ import annotations

import io
import pickle
import random
import re
import tarfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recipe
import torch
from retalk_nodes.models.catalog import NETWORKS, RECOGNISED, catalog
from retalk_nodes.models.checkpoint import (
    Blank,
    differences,
    load,
    load_network,
    unpack,
)
from retalk_nodes.models.errors import CheckpointError, RetalkError
from retalk_nodes.models.naming import rename
from retalk_nodes.models.network import Layout
from retalk_nodes.models.telltales import recognise
from safetensors.torch import save_file
from torch import Tensor, nn

LAYOUT = Layout(
    containers=("net_ema", "params"),
    strip="module.",
    ignored=(r"^other\.",),
    dead=(r"\.unused$",),
    renames=((r"^first\.0\.", "stem."), (r"^enc(\d)\.", r"blocks.\1.")),
)


class Small(nn.Module):
    """A stem and two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))


def small_tensors() -> dict[str, Tensor]:
    """Weights of `Small` under an older file's names."""
    torch.manual_seed(0)
    tensors = {"first.0.weight": torch.randn(4, 3, 3, 3), "first.0.bias": torch.randn(4)}
    for i in range(2):
        tensors |= {f"enc{i}.weight": torch.randn(4, 4), f"enc{i}.bias": torch.randn(4)}
    return tensors


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes anything with torch's own format and gives the file."""

    def save(content: object, new: bool = True) -> Path:
        path = tmp_path / "weights.pth"
        torch.save(content, path, _use_new_zipfile_serialization=new)
        return path

    return save


def refusal(path: Path, layout: Layout = LAYOUT, network: nn.Module | None = None) -> str:
    """What is said when a file is not accepted."""
    with pytest.raises(CheckpointError) as caught:
        load(network or Small(), path, layout, "small")
    words = str(caught.value)
    assert isinstance(caught.value, RetalkError)
    assert words.startswith(str(path)) and words.endswith(".")
    assert "\n" not in words and "Traceback" not in words
    return words


def assert_loaded(path: Path, tensors: dict[str, Tensor]) -> None:
    network = load(Small(), path, LAYOUT, "small")
    assert torch.equal(network.stem.weight, tensors["first.0.weight"].float())
    assert torch.equal(network.blocks[1].bias, tensors["enc1.bias"].float())
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


# What is accepted


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensors: tensors,
        lambda tensors: OrderedDict(tensors),
        lambda tensors: {"net_ema": tensors, "net": {}, "epoch": 3},
        lambda tensors: {"params": tensors},
        lambda tensors: {"params": {"wrong": torch.zeros(1)}, "net_ema": tensors},
        lambda tensors: {f"module.{key}": value for key, value in tensors.items()},
        lambda tensors: {**tensors, "other.weight": torch.zeros(9), "enc0.unused": torch.zeros(7)},
        lambda tensors: {**tensors, "epoch": 3},
    ],
    ids=["plain", "ordered", "container", "second container", "first of two", "prefix", "ignored", "numbers"],
)
def test_every_container_gives_the_same_network(saved: Callable[..., Path], wrap: Callable[..., Any]) -> None:
    assert_loaded(saved(wrap(small_tensors())), small_tensors())


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_both_formats_of_torch_are_read(saved: Callable[..., Path], new: bool) -> None:
    assert_loaded(saved(small_tensors(), new), small_tensors())


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(small_tensors(), tmp_path / "weights.safetensors")
    assert_loaded(tmp_path / "weights.safetensors", small_tensors())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_fp32(saved: Callable[..., Path], kind: torch.dtype) -> None:
    tensors = {key: value.to(kind) for key, value in small_tensors().items()}
    assert_loaded(saved(tensors), tensors)


def test_spectral_norm_is_folded_with_the_stored_vectors(saved: Callable[..., Path]) -> None:
    torch.manual_seed(1)
    plain = nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)).eval()
    with torch.no_grad():
        plain.weight_u.copy_(torch.randn(4))  # far from what power iteration would make of them
        plain.weight_v.copy_(torch.randn(27))
    x = torch.randn(1, 3, 8, 8)
    network = load(nn.Conv2d(3, 4, 3), saved(plain.state_dict()), Layout(), "small")
    assert torch.allclose(network(x), plain(x), rtol=1e-5, atol=1e-5)


def test_a_loaded_file_may_be_deleted(saved: Callable[..., Path]) -> None:
    path = saved(small_tensors())
    network = load(Small(), path, LAYOUT, "small")
    path.unlink()
    assert torch.equal(network.stem.bias, small_tensors()["first.0.bias"])


# What is refused: keys and shapes


def test_a_removed_key_is_named(saved: Callable[..., Path]) -> None:
    tensors = small_tensors()
    del tensors["enc1.bias"]
    words = refusal(saved(tensors))
    assert "can't be used as small: it lacks enc1.bias." in words
    assert "none of the networks that are known" in words


def test_an_extra_key_is_named_as_the_file_does(saved: Callable[..., Path]) -> None:
    words = refusal(saved({**small_tensors(), "enc2.weight": torch.zeros(1)}))
    assert "it has no place for enc2.weight." in words


def test_a_wrong_shape_is_shown_beside_the_right_one(saved: Callable[..., Path]) -> None:
    words = refusal(saved({**small_tensors(), "first.0.weight": torch.zeros(4, 3, 5, 5)}))
    assert "first.0.weight is 4x3x5x5 instead of 4x3x3x3." in words


def test_only_the_first_differences_are_shown(saved: Callable[..., Path]) -> None:
    words = refusal(saved({f"strange{i}": torch.zeros(1) for i in range(9)}))
    assert "strange0, strange1, strange2 and 6 more" in words
    assert "it has none of its tensors" in words and "stem" not in words


@pytest.mark.parametrize("twin", ["module.first.0.weight", "stem.weight"])
def test_a_tensor_that_is_there_twice_is_refused(saved: Callable[..., Path], twin: str) -> None:
    tensors = {**small_tensors(), twin: torch.zeros(4, 3, 3, 3)}
    assert "first.0.weight" in refusal(saved(tensors))


def test_spectral_norm_without_its_vectors_is_refused(saved: Callable[..., Path]) -> None:
    tensors = {"weight_orig": torch.randn(4, 4), "weight_u": torch.randn(4), "bias": torch.zeros(4)}
    words = refusal(saved(tensors), Layout(), nn.Linear(4, 4))
    assert "it lacks weight_v." in words


@pytest.mark.parametrize(
    "odd",
    [
        torch.zeros(4, 3, 3, 3, dtype=torch.complex64),
        torch.zeros(4, 3, 3, 3).to_sparse(),
        torch.zeros(1).expand(4, 3, 3, 3),
    ],
    ids=["complex", "sparse", "expanded"],
)
@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_a_tensor_that_is_not_plain_numbers_is_refused(saved: Callable[..., Path], odd: Tensor) -> None:
    assert "no plain tensor" in refusal(saved({**small_tensors(), "first.0.weight": odd}))


# What is refused: files


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_pickle_is_refused(saved: Callable[..., Path], new: bool, share: float) -> None:
    path = saved(small_tensors(), new)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    words = refusal(path)
    assert "Download it again" in words or "Choose a file of weights" in words


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated_safetensors_are_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(small_tensors(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cut short or damaged" in refusal(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        (b"\n  <html>404</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "only points to the weights"),
        (b"Not found\n", "is neither"),
        (bytes(4096), "begins with nothing but zeros"),
        (b"PKzip" * 100, "is neither"),
        (pickle.dumps([1, 2, 3]), "holds more than tensors"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert words in refusal(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "can't be read (No such file or directory)" in refusal(tmp_path / "missing.pth")
    assert "can't be read" in refusal(tmp_path)


def test_a_list_is_no_set_of_tensors(saved: Callable[..., Path]) -> None:
    assert "holds a list, not named tensors" in refusal(saved([torch.zeros(1)]))


# What is refused: code


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.trace)!r}, 'w')",)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_hostile_pickle_runs_nothing(saved: Callable[..., Path], tmp_path: Path, new: bool) -> None:
    trace = tmp_path / "trace"
    words = refusal(saved({**small_tensors(), "x": Trap(trace)}, new))
    assert not trace.exists()
    assert "asks to run code" in words and "nothing in it was run" in words and "exec" in words


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_bare_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Trap(trace)))
    refusal(path)
    assert not trace.exists()


def test_a_hostile_tar_runs_nothing(tmp_path: Path) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as archive:
        for name in ("\x80\x02pickle", "sys_info", "storages", "tensors", "pickle"):
            content = pickle.dumps(Trap(trace))
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert path.read_bytes().startswith(b"\x80\x02")
    assert "is a tar archive" in refusal(path)
    assert not trace.exists()


def test_a_foreign_object_is_refused_by_name(saved: Callable[..., Path]) -> None:
    words = refusal(saved({"net": nn.Linear(2, 2)}))
    assert "torch.nn.modules.linear.Linear" in words and "nothing in it was run" in words


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_torchscript_program_of_another_network_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))
    assert "TorchScript" not in refusal(path) and str(path) in refusal(path)


# The official files


def test_every_official_file_is_recognised_by_its_keys_and_shapes() -> None:
    for name, recorded in {name: recipe.RECORDED.get(name, name) for name in RECOGNISED}.items():
        if recorded not in recipe.OFFICIAL:
            continue
        tensors = {
            key: torch.empty(shape, device="meta") for key, (shape, _) in recipe.manifest(name).items()
        }
        _, container, prefix = recipe.OFFICIAL[recorded]
        wrapped: Any = {f"{prefix}{key}": tensor for key, tensor in tensors.items()}
        found = NETWORKS[name].edition_of or name if name in NETWORKS else name  # editions have the same keys
        assert recognise({container: wrapped} if container else wrapped) == found
        assert recognise({"other": {}, "deeper": tensors}) == found


def test_a_strangers_tensors_are_recognised_as_nothing() -> None:
    assert recognise(small_tensors()) is None
    assert recognise({"state_dict": small_tensors(), "epoch": 1}) is None


BY_MANIFEST = [name for name in NETWORKS if recipe.RECORDED.get(name, name) in recipe.OFFICIAL]


@pytest.mark.parametrize("name", BY_MANIFEST)
def test_every_official_manifest_fits_exactly_and_with_any_change_it_does_not(name: str) -> None:
    layout = NETWORKS[name].build.find_layout()
    with Blank():
        network = NETWORKS[name].build.create()
    _, container, prefix = recipe.OFFICIAL[recipe.RECORDED.get(name, name)]
    whole = {key: torch.zeros(shape) for key, (shape, _) in recipe.manifest(name).items()}

    def fits(changed: dict[str, Tensor]) -> bool:
        held: Any = {f"{prefix}{key}": tensor for key, tensor in changed.items()}
        tensors = unpack({container: held} if container else held, Path("file"), layout, name)
        return not differences(network, tensors, rename(tensors, layout), layout, name)

    assert fits(whole)
    assert not fits({**whole, "one_too_many.weight": torch.zeros(3)})
    unused = re.compile("|".join((*layout.ignored, *layout.dead)) or "(?!)")
    used = [key for key in whole if not unused.search(key)]
    assert fits({key: whole[key] for key in used})
    # As conversion leaves them
    assert recognise({key: whole[key] for key in used}) == (NETWORKS[name].edition_of or name)
    for key in random.Random(name).sample(used, 4):
        assert not fits({other: tensor for other, tensor in whole.items() if other != key}), key
        assert not fits({**whole, key: whole[key][None]}), key


@pytest.fixture(scope="module")
def ganimation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """GANimation's tensors under the official names."""
    return recipe.recipe_tensors("ganimation", seed=0)


def official_refusal(tensors: dict[str, Any], path: Path, key: str = "ganimation") -> str:
    torch.save(tensors, path)
    with pytest.raises(CheckpointError) as caught:
        load_network(catalog[key], path)
    return str(caught.value)


def test_the_official_keys_load(ganimation: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(ganimation, tmp_path / "any name.bin")
    network = load_network(catalog["ganimation"], tmp_path / "any name.bin")
    loaded = sum(weight.numel() for weight in network.state_dict().values())
    assert loaded == sum(weight.numel() for weight in ganimation.values())


@pytest.mark.parametrize("key", ["model.0.weight", "model.12.conv_block.3.bias", "au_top.0.weight"])
def test_any_removed_key_of_an_official_file_is_refused(
    ganimation: dict[str, Tensor], tmp_path: Path, key: str
) -> None:
    words = official_refusal({k: v for k, v in ganimation.items() if k != key}, tmp_path / "30_net_gen.pth")
    assert "30_net_gen.pth can't be used as GANimation: it lacks" in words
    assert "It seems to be that network, changed" in words


def test_any_extra_or_misshapen_key_of_an_official_file_is_refused(
    ganimation: dict[str, Tensor], tmp_path: Path
) -> None:
    extra = {**ganimation, "model.21.weight": torch.zeros(3)}
    assert "it has no place for model.21.weight." in official_refusal(extra, tmp_path / "a.pth")
    turned = {**ganimation, "model.15.weight": ganimation["model.15.weight"].transpose(0, 1).clone()}
    words = official_refusal(turned, tmp_path / "b.pth")
    assert "model.15.weight is 128x256x4x4 instead of 256x128x4x4" in words


def test_another_networks_file_is_called_by_its_name(ganimation: dict[str, Tensor], tmp_path: Path) -> None:
    words = official_refusal(ganimation, tmp_path / "LNet.pth", key="s3fd")
    assert "LNet.pth can't be used as S3FD" in words
    assert "It seems to be GANimation; choose the file of S3FD." in words
    words = official_refusal(ganimation, tmp_path / "LNet.pth", key="parser")
    assert "LNet.pth seems to be GANimation. Choose a file of ParseNet or BiSeNet." in words


def test_the_lip_network_inside_a_file_of_enet_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "ENet.pth"
    own = recipe.recipe_tensors("enet", seed=0, only=r"^(?!low_res\.)")
    some = recipe.recipe_tensors("enet", seed=0, only=r"^low_res\.decoder\.final")
    torch.save({"state_dict": {f"module.{key}": value for key, value in (some | own).items()}}, path)
    with_it = load_network(catalog["enet"], path).state_dict()
    torch.save({"state_dict": own}, path)
    without = load_network(catalog["enet"], path).state_dict()
    assert with_it.keys() == without.keys()
    assert all(torch.equal(with_it[key], without[key]) for key in without)
    assert official_refusal({"state_dict": some}, path, key="enet").count("it has none of its tensors") == 1
