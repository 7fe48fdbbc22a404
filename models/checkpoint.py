"""Read files of weights without running anything in them, and fill networks with them strictly."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .catalog import title
from .errors import CheckpointError
from .interception import Function, Interception
from .network import Layout, Place
from .telltales import recognise

AGAIN = "Download it again, or choose another file."
SHOWN = 3  # differences in a message
N = TypeVar("N", bound=nn.Module)


def load(network: N, path: Path, layout: Layout, name: str) -> N:
    """Fill a network from a file, strictly, and make it ready for inference: in fp32, on the CPU.

    name:    the network's key in the catalogue, or what to call it in a message
    returns: the same network
    """
    contents = read_tensors(path)
    tensors = unpack(contents, path, layout, name)
    names = rename(tensors, layout)
    if found := differences(network, tensors, names):
        raise CheckpointError(
            f"{path} can't be used as {title(name)}: {'; '.join(found)}. {_advice(recognise(contents), name)}"
        )
    network.load_state_dict({names[key]: tensor for key, tensor in tensors.items()}, strict=True)
    return network.eval().requires_grad_(False)


def load_network(place: Place, path: Path) -> nn.Module:
    """Build the network that a file is for and fill it strictly, in fp32 on the CPU, for inference.

    place:  in the catalogue; of several networks there the file says which
    raises: CheckpointError where the file is for none of them
    """
    if not place.networks:
        raise CheckpointError(f"{place.title} is no network, so {path} can't be loaded as one.")
    row = place.networks[0]
    if len(place.networks) > 1:
        rows = {each.key: each for each in place.networks}
        found = recognise(read_tensors(path, names_only=True))
        if found not in rows:
            wanted = " or ".join(each.title for each in place.networks)
            seems = f"seems to be {title(found)}" if found else "is none of the networks known here"
            raise CheckpointError(f"{path} {seems}. Choose a file of {wanted}.")
        row = rows[found]
    layout = row.build.find_layout()
    with Blank():
        network = row.build.create()
    return load(network, path, layout, row.key)


class Blank(Interception):
    """A context in which networks are built without drawing random weights: strict loading fills them."""

    def call(self, function: Function, args: tuple[Any, ...], given: dict[str, Any]) -> Any:  # noqa: ANN401
        if getattr(function, "__module__", "") == nn.init.__name__:
            return given.get("tensor", args[0] if args else None)
        return function(*args, **given)


# From a file to tensors


def read_tensors(path: Path, names_only: bool = False) -> dict[str, Any]:
    """Read a safetensors file, or a pickle that holds tensors and plain values and nothing else.

    Nothing in the file is executed. Whatever else it is raises a CheckpointError that says so.
    names_only: leave the numbers on the disk until they are used, which is slower if all are
    """
    kind = _kind(path)
    try:
        if kind == "safetensors":
            return dict(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=names_only and kind == "zip")
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


def _kind(path: Path) -> str:
    """What a file is by its first bytes: safetensors, zip or pickle. Anything else is refused."""
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
    if len(head) > 8 and head[8:9] == b"{":
        if 8 + int.from_bytes(head[:8], "little") <= size:
            return "safetensors"
        raise CheckpointError(f"{path} is cut short or damaged: its header is longer. Download it again.")
    if head.startswith(b"PK"):
        return _plain_zip(path)
    # In a tar archive older releases of torch unpickle without any restriction.
    if head.startswith(b"\x80") and not tarfile.is_tarfile(path):
        return "pickle"
    raise CheckpointError(
        f"{path} is neither a safetensors file nor PyTorch weights. Choose a file of weights, "
        "or download it again."
    )


def _plain_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError):
        raise CheckpointError(f"{path} is cut short or damaged. Download it again.") from None
    if "constants.pkl" in names:
        raise CheckpointError(f"{path} is a TorchScript program, not weights. Choose a file of weights.")
    if "data.pkl" not in names:
        raise CheckpointError(f"{path} is an archive, not weights. Unpack it and choose a file inside.")
    return "zip"


def _refusal(path: Path, error: UnpicklingError) -> str:
    """Say in words what torch's reader would not touch."""
    wanted = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error))
    if wanted is None:
        return f"{path} holds more than tensors and plain values; nothing in it was run. {AGAIN}"
    return (
        f"{path} asks to run code when it is opened ({wanted[1]}). It was refused and nothing in it was run. "
        "Download it from a source that you trust."
    )


# From tensors in a file to tensors of a network


def unpack(contents: Mapping[str, Any], path: Path, layout: Layout, name: str) -> dict[str, Tensor]:
    """Take a network's own tensors out of a file's contents, folded, still under the file's names."""
    container = next((key for key in layout.containers if isinstance(contents.get(key), Mapping)), None)
    held: Mapping[Any, Any] = contents if container is None else contents[container]
    foreign = [re.compile(pattern) for pattern in (*layout.ignored, *layout.dead)]
    tensors: dict[str, Tensor] = {}
    for given, value in held.items():
        key = str(given).replace(layout.strip, "") if layout.strip else str(given)
        if not isinstance(value, Tensor) or any(pattern.search(key) for pattern in foreign):
            continue
        if key in tensors:
            raise CheckpointError(
                f"{path} holds {key} twice, so it can't be used as {title(name)}. Download it again."
            )
        tensors[key] = _plain(value, key, path)
    return fold_spectral_norm(tensors)


def _plain(tensor: Tensor, key: str, path: Path) -> Tensor:
    """Refuse a tensor that isn't simply numbers in memory; bring any kind of float to fp32."""
    simple = (
        tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not (tensor.is_quantized or tensor.is_complex())
        and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    )
    if not simple:
        raise CheckpointError(f"{path}: {key} is no plain tensor of numbers. Download the file again.")
    return tensor.float() if tensor.is_floating_point() else tensor


def fold_spectral_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divide spectrally normalised weights by their norm once and for all.

    The norm is that of the stored vectors, u · (W v), with W as (out, everything else). Where a vector
    is missing or of the wrong length the weight stays unfolded, and strict loading will name it.
    """
    folded = dict(tensors)
    for key, weight in tensors.items():
        stem, found, rest = key.rpartition("weight_orig")
        u, v = (tensors.get(f"{stem}weight_{vector}") for vector in "uv")
        if not found or rest or u is None or v is None or weight.dim() < 2:
            continue
        matrix = weight.flatten(1)
        if u.shape == matrix.shape[:1] and v.shape == matrix.shape[1:]:
            folded[f"{stem}weight"] = weight / torch.dot(u, torch.mv(matrix, v))
            for part in ("orig", "u", "v"):
                del folded[f"{stem}weight_{part}"]
    return folded


def rename(tensors: Mapping[str, Tensor], layout: Layout) -> dict[str, str]:
    """Our name for each of the file's names, in the file's order."""
    renames = [(re.compile(pattern), ours) for pattern, ours in layout.renames]
    names = {}
    for theirs in tensors:
        key = theirs
        for pattern, ours in renames:
            key = pattern.sub(ours, key)
        names[theirs] = key
    return names


# From tensors to a network


def differences(network: nn.Module, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> list[str]:
    """Why tensors would not fit a network exactly, in words; nothing where they do.

    names: our name for each of the file's names, from `rename`
    """
    wanted = network.state_dict()
    theirs = {names[key]: key for key in tensors}
    missing = [key for key in wanted if key not in theirs]
    extra = [key for key in tensors if names[key] not in wanted or theirs[names[key]] != key]
    misshapen = [
        f"{theirs[key]} is {_shape(tensors[theirs[key]])} instead of {_shape(tensor)}"
        for key, tensor in wanted.items()
        if key in theirs and tensors[theirs[key]].shape != tensor.shape
    ]
    found = (_some("it lacks", missing), _some("it has no place for", extra), _some("", misshapen))
    return [words for words in found if words]


def _some(words: str, items: Iterable[str]) -> str:
    """The first few of many, and how many there are."""
    listed = list(items)
    if not listed:
        return ""
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{words} {', '.join(listed[:SHOWN])}{more}".strip()


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _advice(found: str | None, name: str) -> str:
    if found is None:
        return "It is none of the networks that are known here; choose another file."
    if found == name:
        return "It seems to be that network, changed or of another edition; download the official file."
    return f"It seems to be {title(found)}; choose the file of {title(name)}."


# Weights that ship with the pack

WEIGHTS = Path(__file__).parent / "weights"


def load_weights(network: N, path: Path) -> N:
    """Fill a network strictly from a safetensors file under our own names and make it ready for inference.

    returns: the same network, in fp32 on the CPU
    raises:  RuntimeError for a tensor that is missing, unexpected or of another shape
    """
    network.load_state_dict(load_file(path), strict=True)
    network.float().eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # a third faster on one CPU thread
