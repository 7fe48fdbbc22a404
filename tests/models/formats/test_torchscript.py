"""Weights in TorchScript programs are read, and nothing in such a file is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from recipe import recipe_tensors
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.formats.torchscript import ProgramError, read_program
from retalk_nodes.models.reading import read_tensors
from torch import nn


class Small(nn.Module):
    """A bit of everything that a state dict holds."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Conv2d(4, 1, 1)
        self.register_buffer("steps", torch.arange(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x)) + self.steps[0]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    network = Small().eval()
    path = tmp_path_factory.mktemp("program") / "small.pt"
    torch.jit.trace(network, torch.zeros(1, 2, 8, 8)).save(str(path))
    return path, network.state_dict()


def test_every_tensor_is_found_under_its_name(program: tuple[Path, dict[str, torch.Tensor]]) -> None:
    path, expected = program
    found = read_program(path)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert {found[key].dtype for key in found} == {torch.float32, torch.int64}


def as_program(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    """A program whose modules hold tensors under these names."""
    root = nn.Module()
    for name, value in tensors.items():
        *above, last = name.split(".")
        part = root
        for each in above:
            if not hasattr(part, each):
                part.add_module(each, nn.Module())
            part = getattr(part, each)
        part.register_buffer(last, value)

    def forward(x: torch.Tensor) -> torch.Tensor:
        return x + sum(tensor.sum() for tensor in root.buffers())

    root.forward = forward
    torch.jit.trace(root, torch.zeros(1)).save(str(path))
    return path


def test_todays_wav2lip_is_such_a_file(tmp_path: Path) -> None:
    tensors = recipe_tensors("wav2lip", 0)
    path = as_program(tensors, tmp_path / "Wav2Lip-SD-GAN.pt")
    found = read_tensors(path)
    assert len(found) == len(tensors) == 352
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)
    network = load_network(catalog["wav2lip"], path)
    assert torch.equal(network.picture.weight, tensors["output_block.1.weight"])


def packed(path: Path, described: bytes, numbers: bytes = b"\0" * 16) -> Path:
    """A file that is laid out as a program, with a description of ours."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", described)
        archive.writestr("net/constants.pkl", pickle.dumps(()))
        archive.writestr("net/code/__torch__/net.py", "import os")
        archive.writestr("net/data/0", numbers)
    return path


class Written(pickle._Pickler):  # the plain one: what a pickle says can be chosen
    """Writes classes and functions of any name, and numbers that lie elsewhere."""

    def persistent_id(self, value: Any) -> Any:  # noqa: ANN401
        return value.pid if isinstance(value, Elsewhere) else None

    def save_global(self, value: Any, name: Any = None) -> None:  # noqa: ANN401
        self.write(pickle.GLOBAL + b"%s\n%s\n" % tuple(part.encode() for part in value.written))
        self.memoize(value)

    dispatch: ClassVar[dict[Any, Any]] = {**pickle._Pickler.dispatch, type: save_global}


class Elsewhere:
    def __init__(self, *pid: object) -> None:
        self.pid = pid


def named(module: str, name: str) -> Any:  # noqa: ANN401
    return type(name, (), {"written": (module, name)})


class Call:
    def __init__(self, what: Any, *given: object, state: object = None) -> None:  # noqa: ANN401
        self.parts = (what, given) if state is None else (what, given, state)

    def __reduce__(self) -> Any:  # noqa: ANN401
        return self.parts


def described(value: object) -> bytes:
    file = io.BytesIO()
    Written(file, protocol=2).dump(value)
    return file.getvalue()


MODULE = named("__torch__.net", "Net")
REBUILD = named("torch._utils", "_rebuild_tensor_v2")
FLOATS = Elsewhere("storage", named("torch", "FloatStorage"), "0", "cpu", 4)


def tensor_of(
    stored: object = FLOATS, offset: object = 0, size: object = (2, 2), stride: object = (2, 1)
) -> Call:
    return Call(REBUILD, stored, offset, size, stride, False, None)


def module_of(**parts: object) -> Call:
    return Call(MODULE, state=parts)


def test_a_description_of_our_own_is_read(tmp_path: Path) -> None:
    path = packed(tmp_path / "net.pt", described(module_of(a=tensor_of(), b=module_of(c=tensor_of(), n=3))))
    assert {key: value.shape for key, value in read_program(path).items()} == {"a": (2, 2), "b.c": (2, 2)}


@pytest.mark.parametrize(
    "hostile",
    [
        Call(named("os", "system"), "touch stolen"),
        module_of(a=Call(named("builtins", "eval"), "open('stolen', 'w')")),
        Call(named("torch.jit", "load"), "stolen"),
        module_of(a=named("builtins", "__import__")),
        module_of(a=tensor_of(offset=named("__torch__", "x"))),
        module_of(a=tensor_of(size=(2, 3), stride=(3, 1))),
        module_of(a=tensor_of(size=(2,), stride=(10**12,))),
        module_of(a=tensor_of(offset=-1)),
        module_of(a=tensor_of(size=(2, 2), stride=(1,))),
        module_of(a=tensor_of(stored=7)),
        module_of(a=tensor_of(Elsewhere("storage", named("torch", "FloatStorage"), "1", "cpu", 4))),
        module_of(a=tensor_of(Elsewhere("storage", named("torch", "FloatStorage"), "0", "cpu", 10**9))),
        module_of(a=tensor_of(Elsewhere("storage", 3, "0", "cpu", 4))),
        module_of(a=tensor_of(Elsewhere("module", "x"))),
        Call(MODULE, state=[1, 2]),
    ],
)
def test_whatever_else_is_in_it_is_refused_and_not_run(
    hostile: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = packed(tmp_path / "net.pt", described(hostile))
    with pytest.raises(ProgramError):
        read_program(path)
    with pytest.raises(CheckpointError, match=r"TorchScript program .* Nothing in it was run"):
        read_tensors(path)
    assert [each.name for each in tmp_path.iterdir()] == ["net.pt"]


def test_modules_far_too_deep_are_refused(tmp_path: Path) -> None:
    deep: object = tensor_of()
    for _ in range(100):
        deep = module_of(inside=deep)
    with pytest.raises(ProgramError, match="more parts"):
        read_program(packed(tmp_path / "net.pt", described(deep)))


def test_many_parts_that_are_one_end_too(tmp_path: Path) -> None:
    part: object = module_of(a=tensor_of())
    for _ in range(40):
        part = module_of(left=part, right=part)
    with pytest.raises(ProgramError, match="more parts"):
        read_program(packed(tmp_path / "net.pt", described(part)))


@pytest.mark.parametrize("cut", [b"", b"\x80\x02", b"garbage", b"\x80\x02X\xff\xff\xff\xff"])
def test_a_damaged_description_is_told(cut: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="can't be read"):
        read_tensors(packed(tmp_path / "net.pt", cut))


def test_a_program_of_another_network_says_so(program: tuple[Path, dict[str, torch.Tensor]]) -> None:
    with pytest.raises(CheckpointError):
        load_network(catalog["wav2lip"], program[0])
