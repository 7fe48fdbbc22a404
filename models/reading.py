"""Read files of weights without running anything in them: from bytes to named tensors, or a refusal."""

from __future__ import annotations

import re
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch.torch_version import TorchVersion

from .errors import CheckpointError
from .formats.keras import SIGNATURE, KerasError, read_keras
from .formats.torchscript import ProgramError, read_program

AGAIN = "Download it again, or choose another file."
ZIP = b"PK\x03\x04"  # torch's reader goes by the same four bytes
MOST_UNPACKED = 4  # times the size of the file; weights hardly shrink when they are packed
SMALL = 1 << 20  # bytes that may be unpacked from any file


def read_tensors(path: Path, names_only: bool = False) -> dict[str, Any]:
    """Read a safetensors file, a program's or Keras' tensors, or a pickle of tensors and plain values.

    Nothing in the file is executed. Whatever else it is raises a CheckpointError that says so.
    names_only: leave the numbers on the disk until they are used, which is slower if all are
    """
    kind = find_kind(path)
    try:
        if kind == "safetensors":
            return dict(load_file(path))
        if kind == "program":
            return dict(read_program(path))
        if kind == "keras":
            return _keras(path)
        found = _unpickle(path, names_only and kind == "zip")
    except CheckpointError:
        raise
    except ProgramError as error:
        raise CheckpointError(
            f"{path} is a TorchScript program whose tensors can't be taken out: {error}. "
            f"Nothing in it was run. {AGAIN}"
        ) from None
    except UnpicklingError as error:
        raise CheckpointError(_refusal(path, error)) from None
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError, IndexError):
        raise CheckpointError(
            f"{path} is cut short or damaged: it can't be read as a file of weights. Download it again."
        ) from None
    except Exception as error:  # a pickle can make its reader stumble in any way
        raise CheckpointError(
            f"{path} is no file of weights ({type(error).__name__} while reading it). {AGAIN}"
        ) from None
    if not isinstance(found, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(found).__name__}, not named tensors. Choose a file of weights."
        )
    return {str(key): value for key, value in found.items()}


def _keras(path: Path) -> dict[str, Any]:
    """The tensors of a Keras file. Raises CheckpointError."""
    try:
        return dict(read_keras(path))
    except ImportError:
        raise CheckpointError(
            f"{path} is a file of Keras' (HDF5), and h5py, which reads those, isn't installed: "
            "pip install h5py, or convert the file where it is: retalk models convert."
        ) from None
    except KerasError as error:
        raise CheckpointError(
            f"{path} is a file of Keras' (HDF5) whose weights can't be taken out: {error}. {AGAIN}"
        ) from None


def read_header(path: Path) -> dict[str, str]:
    """What a safetensors file says about itself; of any other file, or a damaged one, nothing."""
    if path.suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}  # whoever reads it says why


def require_file(path: Path) -> None:
    """Refuse what would never end when it is read, or can't be: pipes, devices, folders, nothing at all."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise CheckpointError(
            f"{path} can't be read ({error.strerror}). Check the path, or download it."
        ) from None
    if stat.S_ISDIR(mode):
        raise CheckpointError(f"{path} can't be read: it is a folder. Choose a file of weights inside.")
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{path} can't be read: it is a pipe or a device. Choose a file of weights.")


# What a file is


def find_kind(path: Path) -> str:
    """What a file is by its first bytes: safetensors, zip, program, keras or pickle; all else is refused."""
    require_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
            size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(
            f"{path} can't be read ({error.strerror}). Check the path, or download it."
        ) from None
    if not head:
        raise CheckpointError(f"{path} is empty. Download it again.")
    if re.match(rb"\s*(<!doctype|<html|<\?xml|<head)", head, re.IGNORECASE):
        raise CheckpointError(f"{path} is a web page, not weights. Download the file itself.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} only points to the weights (Git LFS). Download the file itself.")
    if not head.strip(b"\0"):
        raise CheckpointError(f"{path} begins with nothing but zeros: its download was stopped. {AGAIN}")
    if len(head) > 8 and head[8:9] == b"{":
        if 8 + int.from_bytes(head[:8], "little") <= size:
            return "safetensors"
        raise CheckpointError(f"{path} is cut short or damaged: its header is longer. Download it again.")
    if head.startswith(SIGNATURE):
        return "keras"
    if head.startswith(ZIP):
        return _plain_zip(path, size)
    # Whatever is no zip by those bytes torch first tries as a tar, in which it once unpickled without
    # any restriction.
    if _is_tar(path):
        raise CheckpointError(
            f"{path} is a tar archive. PyTorch stored weights so until 2017, and such files are not read: "
            "they can't be checked for code. Choose a newer file."
        )
    if head.startswith(b"\x80"):
        return "pickle"
    raise CheckpointError(
        f"{path} is neither a safetensors file nor PyTorch weights. Choose a file of weights, "
        "or download it again."
    )


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except Exception:  # hostile headers make it stumble in any way; torch's reader stumbles likewise
        return False


def _plain_zip(path: Path, size: int) -> str:
    """Refuse a zip without an end, one that holds something else, and one that would fill the memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise CheckpointError(f"{path} is cut short or damaged. Download it again.") from None
    names = [member.filename.rpartition("/")[2] for member in members]
    if "data.pkl" not in names:
        raise CheckpointError(f"{path} is an archive, not weights. Unpack it and choose a file inside.")
    if sum(member.file_size for member in members) > MOST_UNPACKED * size + SMALL:
        raise CheckpointError(f"{path} would unpack to many times its size, as weights never do. {AGAIN}")
    return "program" if "constants.pkl" in names else "zip"


def check_sums(path: Path) -> None:
    """Compare what a zip holds with the sums in it, which torch's reader doesn't look at.

    raises: CheckpointError where the file was damaged since it was written

    Other kinds of files have no sums. Neither have those that torch wrote with its sums switched off: there
    all of them are 0.
    """
    if find_kind(path) not in ("zip", "program"):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if not any(member.CRC for member in archive.infolist()):
                return
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError):
        damaged = "one of its parts"
    if damaged is not None:
        raise CheckpointError(
            f"{path} is damaged: {damaged} is not what was written there. Download it again."
        )


# What a pickle may name


class _Inert:
    """Stands for a harmless value beside the tensors, such as a setting or a path: nothing is kept of it."""

    def __new__(cls, *_: object, **__: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        """Ignore what the value would be made from."""

    def __setstate__(self, _: object) -> None:
        """Ignore what the value would hold."""


def _plain_dict(*_: object) -> dict[Any, Any]:
    """Stands for a defaultdict, which then is filled."""
    return {}


def _plain_list(*_: object) -> list[Any]:
    """Stands for a deque, which then is filled."""
    return []


_PATHS = ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath")
# Values that training programs leave beside tensors. None of these is ever made: a stand-in is.
_HARMLESS: Mapping[str, tuple[str, ...]] = {
    "argparse": ("Namespace",),
    "types": ("SimpleNamespace",),
    "builtins": ("bool", "int", "float", "str", "bytes", "list", "tuple", "dict", "frozenset"),
    "_codecs": ("encode",),
    "datetime": ("date", "datetime", "timedelta", "timezone"),
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,
    **{f"numpy.{core}.multiarray": ("scalar", "_reconstruct") for core in ("core", "_core")},
    "numpy.dtypes": tuple(
        f"{kind}DType"
        for kind in ("Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "Float16", "Float32", "Float64")
    ),
    "numpy": (
        "dtype",
        "ndarray",
        *("bool_", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64"),
    ),
}
_STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_plain_dict, "collections.defaultdict"),
    (_plain_list, "collections.deque"),
    *((_Inert, f"{module}.{name}") for module, names in _HARMLESS.items() for name in names),
]
_ONE_AT_A_TIME = threading.Lock()  # what torch lets through holds for the whole process


def _unpickle(path: Path, lazily: bool) -> Any:  # noqa: ANN401, whatever a pickle holds
    """What torch's restricted reader finds in a file; a second time with the stand-ins if it must."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=lazily)
    except UnpicklingError:
        with _stand_ins():
            return torch.load(path, map_location="cpu", weights_only=True, mmap=lazily)


@contextmanager
def _stand_ins() -> Iterator[None]:
    """A context in which torch's reader puts stand-ins where a pickle names harmless values."""
    if TorchVersion(torch.__version__) < "2.6":  # it has no names for stand-ins: such files are refused
        yield
        return
    with _ONE_AT_A_TIME, torch.serialization.safe_globals(_STAND_INS):
        yield


def _refusal(path: Path, error: UnpicklingError) -> str:
    """Say in words what torch's reader would not touch."""
    wanted = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error))
    if wanted is None:
        return f"{path} holds more than tensors and plain values; nothing in it was run. {AGAIN}"
    return (
        f"{path} asks to run code when it is opened ({wanted[1]}). It was refused and nothing in it was run. "
        "Download it from a source that you trust."
    )
