"""Harmless values beside tensors are read, damaged and hostile files are not; nothing is made or run."""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import os
import pathlib
import pickle
import tarfile
import threading
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.reading import check_sums, find_kind, read_tensors
from torch import Tensor

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes anything with torch's own format and gives the file."""

    def save(content: object, **how: bool) -> Path:
        path = tmp_path / "weights.pth"
        torch.save(content, path, **how)
        return path

    return save


def refusal(path: Path, read: Callable[[Path], object] = read_tensors) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    words = str(caught.value)
    assert words.startswith(str(path)) and words.endswith(".") and "\n" not in words
    return words


# Harmless


def filled(kind: type, *given: Any) -> Any:  # noqa: ANN401
    made = kind(*given)
    made.update({"x": 1})
    return made


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "value",
    [
        filled(collections.defaultdict, int),
        filled(collections.defaultdict, list),
        filled(collections.OrderedDict),
        collections.deque([1, 2]),
        np.float64(0.5),
        np.int64(3),
        np.dtype("float32"),
        np.float32,
        np.zeros(3),
        argparse.Namespace(rate=1e-4, out=pathlib.PurePosixPath("a/b")),
        types.SimpleNamespace(steps=3),
        pathlib.PurePosixPath("runs/one"),
        pathlib.PureWindowsPath("runs/one"),
        Path("runs/one"),
        datetime.datetime(2020, 1, 1),
        {1, 2},
        torch.float16,
        [np.float32(1), {"deep": argparse.Namespace()}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_training_programs_leave_beside_tensors_does_no_harm(
    saved: Callable[..., Path], value: object, new: bool
) -> None:
    before = set(torch.serialization.get_safe_globals())
    found = read_tensors(saved({**TENSORS, "beside": value}, _use_new_zipfile_serialization=new))
    assert all(torch.equal(found[key], tensor) for key, tensor in TENSORS.items())
    assert set(torch.serialization.get_safe_globals()) == before  # the process is as it was


def test_a_defaultdict_of_tensors_is_read(saved: Callable[..., Path]) -> None:
    held = collections.defaultdict(dict, TENSORS)
    assert read_tensors(saved(held)).keys() == TENSORS.keys()


def test_harmless_values_are_never_made(saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved({**TENSORS, "beside": [argparse.Namespace(a=1), np.float64(2)]})
    monkeypatch.setattr(argparse.Namespace, "__init__", lambda *_, **__: pytest.fail("it was made"))
    found = read_tensors(path)["beside"]
    assert not any(isinstance(each, argparse.Namespace | np.generic) for each in found)


class _Calls:
    """Is pickled as a call of whatever is named."""

    def __init__(self, function: Any, *given: Any) -> None:  # noqa: ANN401
        self.call = function, given

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize(
    "call",
    [
        _Calls(os.mkdir, "trace"),
        _Calls(getattr, Path, "write_text"),
        _Calls(eval, "1"),
        _Calls(np.load, "x.npy"),
        _Calls(pathlib.Path.touch, Path("trace")),
        _Calls(collections.namedtuple, "T", "a"),
    ],
    ids=lambda call: call.call[0].__name__,
)
def test_what_does_something_is_refused_beside_harmless_values_too(
    saved: Callable[..., Path], call: _Calls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = saved({"a": np.float64(1), "b": argparse.Namespace(), "x": call})
    monkeypatch.chdir(tmp_path)
    before = set(torch.serialization.get_safe_globals())
    assert "nothing in it was run" in refusal(path)
    assert [each.name for each in tmp_path.iterdir()] == ["weights.pth"]
    assert set(torch.serialization.get_safe_globals()) == before


def test_many_threads_may_read_at_once(saved: Callable[..., Path]) -> None:
    path = saved({**TENSORS, "beside": argparse.Namespace(a=np.float64(1))})
    found: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: found.append(read_tensors(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)


# Zips and tars


def tar_with(path: Path, first: str) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as archive:
        for name in (first, "sys_info", "storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            content = pickle.dumps({}, protocol=2)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("first", ["PK", "PK\x03", "PK\x03\x05", "PK\x05\x06", "sys_info", "\x80\x02"])
@pytest.mark.parametrize("end", [False, True], ids=["", "with a zip's end"])
def test_no_tar_reaches_torch(tmp_path: Path, first: str, end: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    tar_with(path, first)
    if end:
        behind = io.BytesIO()
        with zipfile.ZipFile(behind, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))
        path.write_bytes(path.read_bytes() + behind.getvalue())
        assert zipfile.is_zipfile(path) and tarfile.is_tarfile(path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch was asked"))
    assert "is a tar archive" in refusal(path)


@pytest.mark.parametrize("content", [b"PK", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" * 999])
def test_a_zip_needs_its_signature_and_its_end(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    words = refusal(path)
    assert "cut short or damaged" in words or "neither" in words


def packed(path: Path, how: int, extra: bytes = b"") -> Path:
    """The same members, packed otherwise."""
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if extra:
            archive.writestr("weights/data/9", extra)
    return path


def test_a_zip_that_would_fill_the_memory_is_refused(saved: Callable[..., Path]) -> None:
    path = packed(saved(TENSORS), zipfile.ZIP_DEFLATED, extra=bytes(64 << 20))
    assert path.stat().st_size < 1 << 20
    assert "unpack to many times its size" in refusal(path)
    assert "unpack to many times its size" in refusal(path, check_sums)


def test_a_zip_that_was_packed_again_is_read(saved: Callable[..., Path]) -> None:
    path = packed(saved(TENSORS), zipfile.ZIP_DEFLATED)
    check_sums(path)
    assert read_tensors(path).keys() == TENSORS.keys()


# Damage


def damage(path: Path, found: bytes, put: bytes) -> Path:
    content = path.read_bytes()
    assert content.count(found) == 1
    path.write_bytes(content.replace(found, put))
    return path


def number_bytes(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()


def test_a_single_damaged_byte_of_a_zip_is_found(saved: Callable[..., Path]) -> None:
    whole = number_bytes(TENSORS["a.weight"])
    path = saved(TENSORS)
    check_sums(path)
    damage(path, whole, whole[:-1] + bytes([whole[-1] ^ 1]))
    read_tensors(path)  # torch itself says nothing
    assert "is damaged: weights/data/0 is not what was written there" in refusal(path, check_sums)


def test_files_without_sums_are_not_called_damaged(saved: Callable[..., Path], tmp_path: Path) -> None:
    check_sums(saved(TENSORS, _use_new_zipfile_serialization=False))
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("this torch always writes sums")
    torch.serialization.set_crc32_options(False)
    try:
        path = saved(TENSORS)
    finally:
        torch.serialization.set_crc32_options(True)
    check_sums(path)


# No files


@pytest.mark.parametrize("what", ["fifo", "folder", "device", "link to a fifo"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, what: str) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this platform has no pipes with a name")
    path = tmp_path / "weights.pth"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "device":
        if not Path("/dev/zero").is_char_device():
            pytest.skip("this platform has no /dev/zero")
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    assert "can't be read: it is a" in refusal(path)
    assert "can't be read: it is a" in refusal(path, find_kind)
    assert "can't be read: it is a" in refusal(path, check_sums)
