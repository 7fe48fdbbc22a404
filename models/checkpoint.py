"""Fill networks strictly with the tensors in files, and say in words what doesn't fit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from .catalog import NETWORKS, RECOGNISED, title
from .containers import find_tensors
from .errors import CheckpointError
from .interception import Function, Interception
from .naming import find_name, rename
from .network import Layout, Network, Place, Stranger
from .reading import AGAIN, check_sums, read_tensors
from .telltales import recognise
from .training.shapes import build_told, told_shape

SHOWN = 3  # differences in a message
TRIED = 12  # missing tensors whose names are looked for
LARGEST = 1e12  # no weight comes near it; a flipped bit goes far beyond
N = TypeVar("N", bound=nn.Module)


def load(network: N, path: Path, layout: Layout, name: str) -> N:
    """Fill a network from a file, strictly, and make it ready for inference: in fp32, on the CPU.

    name:    the network's key in the catalogue, or what to call it in a message
    returns: the same network
    raises:  CheckpointError where a tensor is missing, left over, of another shape, or holds no numbers
    """
    fitted = fit(network, read_tensors(path), path, layout, name)
    network.load_state_dict(fitted.tensors, strict=True)
    return network.eval().requires_grad_(False)


def load_network(place: Place, path: Path) -> nn.Module:
    """Build the network that a file is for and fill it strictly, in fp32 on the CPU, for inference.

    place:  in the catalogue; of several networks there the file says which
    raises: CheckpointError where the file is for none of them
    """
    if not place.networks:
        raise CheckpointError(f"{place.title} is no network, so {path} can't be loaded as one.")
    if (told := told_shape(path)) is not None:
        return _load_told(place, path, *told)
    row = place.networks[0]
    if len(place.networks) > 1:
        rows = {each.key: each for each in place.networks}
        found = recognise(read_tensors(path, names_only=True))
        if found not in rows:
            wanted = " or ".join(each.title for each in place.networks)
            raise CheckpointError(f"{_seeming(path, found)}. Choose a file of {wanted}.")
        row = rows[found]
    return load(_empty(row), path, row.build.find_layout(), row.key)


def _load_told(place: Place, path: Path, key: str, shape: object) -> nn.Module:
    """Load a network that was trained here in another shape than the released one."""
    if key not in {row.key for row in place.networks}:
        raise CheckpointError(f"{path} is {title(key)}, not {place.title}. Choose another file.")
    with Blank():
        network, layout = build_told(key, shape)
    return load(network, path, layout, key)


@dataclass(frozen=True)
class Examined:
    """A file that can be loaded."""

    network: str  # its key in the catalogue
    doubts: str  # sentences about what is odd in it, or ""


def examine(path: Path) -> Examined:
    """Find out which network a file is for, and whether it was damaged and would load.

    raises: CheckpointError, which knows the network that the file seems to be

    It takes as long as reading the file twice, and leaves the numbers of a zip on the disk.
    """
    check_sums(path)
    contents = read_tensors(path, names_only=True)
    if (told := told_shape(path)) is not None:
        with Blank():
            network, layout = build_told(*told)
        return Examined(told[0], fit(network, contents, path, layout, told[0]).doubts)
    found = recognise(contents)
    if found is None or found not in NETWORKS:
        raise CheckpointError(_unneeded(path, found))
    row = NETWORKS[found]
    try:
        network = _empty(row)
    except ImportError:  # a package that this network is built with isn't there; that is told when it is used
        return Examined(found, "")
    return Examined(found, fit(network, contents, path, row.build.find_layout(), found).doubts)


def _empty(row: Network) -> nn.Module:
    with Blank():
        return row.build.create()


class Blank(Interception):
    """A context in which networks are built without drawing random weights: strict loading fills them."""

    def call(self, function: Function, args: tuple[Any, ...], given: dict[str, Any]) -> Any:  # noqa: ANN401
        if getattr(function, "__module__", "") == nn.init.__name__:
            return given.get("tensor", args[0] if args else None)
        return function(*args, **given)


# From tensors in a file to tensors of a network


def unpack(contents: Mapping[str, Any], path: Path, layout: Layout, name: str) -> dict[str, Tensor]:
    """Take a network's own tensors out of a file's contents, folded, still under the file's names."""
    own = NETWORKS[name].telltales if name in NETWORKS else ()
    held = find_tensors(contents, layout.containers, own)
    foreign = [re.compile(pattern) for pattern in (*layout.ignored, *layout.dead)]
    tensors: dict[str, Tensor] = {}
    for given, value in held.items():
        key = given.replace(layout.strip, "") if layout.strip else given
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


# From tensors to a network


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network's tensors, under the network's own names."""

    tensors: dict[str, Tensor]
    doubts: str  # sentences about what is odd in them, or ""


def fit(network: nn.Module, contents: Mapping[str, Any], path: Path, layout: Layout, name: str) -> Fitted:
    """Take a network's tensors out of a file's contents, if it can be filled with them exactly.

    raises: CheckpointError, in the names that the file uses
    """
    tensors = unpack(contents, path, layout, name)
    names = rename(tensors, layout)
    if found := differences(network, tensors, names, layout, name):
        seems = recognise(contents)
        words = f"{path} can't be used as {title(name)}: {'; '.join(found)}. {_advice(seems, name)}"
        raise CheckpointError(words, seems or "")
    wanted = network.state_dict()
    flawed, constant = _judge(tensors, {key: wanted[names[key]].is_floating_point() for key in tensors})
    if flawed:
        words = f"{path} can't be used as {title(name)}: {'; '.join(flawed)}. {AGAIN}"
        raise CheckpointError(words, name)
    doubts = (
        f"{path} may be damaged: the same number stands everywhere in {_some(constant)}. "
        "Download it again if the result looks wrong."
        if constant
        else ""
    )
    return Fitted({names[key]: tensor for key, tensor in tensors.items()}, doubts)


def differences(
    network: nn.Module, tensors: Mapping[str, Tensor], names: Mapping[str, str], layout: Layout, name: str
) -> list[str]:
    """Why tensors would not fit a network exactly, in words; nothing where they do.

    names: our name for each of the file's names, from `rename`
    name:  the network's key in the catalogue, or what to call it
    """
    wanted = network.state_dict()
    theirs = {names[key]: key for key in tensors}
    missing = [key for key in wanted if key not in theirs]
    extra = [key for key in tensors if names[key] not in wanted or theirs[names[key]] != key]
    if len(missing) == len(wanted):
        return ["it has none of its tensors", *([f"it holds {_some(extra)}"] if extra else [])]
    misshapen = [
        f"{theirs[key]} is {_shape(tensors[theirs[key]])} instead of {_shape(tensor)}"
        for key, tensor in wanted.items()
        if key in theirs and tensors[theirs[key]].shape != tensor.shape
    ]
    split = {key: stem for key in extra if (stem := re.sub(r"weight_(orig|u|v)$", "weight", key)) != key}
    halved = dict.fromkeys(split.values())
    extra = [key for key in extra if key not in split]
    missing = [key for key in missing if key not in rename(halved, layout).values()]
    found = (
        *(_parts_of(stem, tensors) for stem in list(halved)[:SHOWN]),
        _lacks(missing, names, layout, name),
        f"it has no place for {_some(extra)}" if extra else "",
        _some(misshapen) if misshapen else "",
    )
    return [words for words in found if words]


def _parts_of(stem: str, tensors: Mapping[str, Tensor]) -> str:
    """What is wrong with a spectrally normalised weight that could not be folded."""
    absent = [part for part in (f"{stem}_orig", f"{stem}_u", f"{stem}_v") if part not in tensors]
    return f"it lacks {_some(absent)}" if absent else f"{stem}_u and {stem}_v don't belong to {stem}_orig"


def _lacks(missing: list[str], names: Mapping[str, str], layout: Layout, name: str) -> str:
    """Tensors that a file lacks, as far as it can be told what they would be called there."""
    if not missing:
        return ""
    official = NETWORKS[name].telltales if name in NETWORKS else ()
    known = {**rename(official, layout), **names}
    called = (find_name(key, known, layout) for key in missing[:TRIED])
    shown = list(islice((each for each in called if each is not None), SHOWN))
    rest = len(missing) - len(shown)
    if not shown:
        return f"it lacks {rest} of its tensors"
    return f"it lacks {_told(shown, rest)}"


def _judge(tensors: Mapping[str, Tensor], floats: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """What is wrong with numbers, in words; and weights that are the same number everywhere.

    floats: whether the network has floating-point numbers there
    """
    whole, broken, constant, weights = [], [], [], 0
    for key, tensor in tensors.items():
        if not floats[key] or not tensor.numel():
            continue
        if not tensor.is_floating_point():
            whole.append(key)
            continue
        low, high = (float(value) for value in torch.aminmax(tensor))  # not a number where one is none
        if not (-LARGEST < low <= high < LARGEST):
            broken.append(key)
        if tensor.dim() > 1 and tensor.numel() > 1:
            weights += 1
            constant += [key] if low == high else []
    if 2 * len(constant) > weights:
        return [f"{len(constant)} of its {weights} weights hold one number everywhere"], []
    found = (
        f"there are whole numbers instead of fractions in {_some(whole)}" if whole else "",
        f"there are values that are no numbers, or far too large, in {_some(broken)}" if broken else "",
    )
    return [words for words in found if words], constant


def _seeming(path: Path, found: str | None) -> str:
    return f"{path} seems to be {title(found)}" if found else f"{path} is none of the networks known here"


def _unneeded(path: Path, found: str | None) -> str:
    """A sentence about a file that is none of ours."""
    row = RECOGNISED.get(found or "")
    if isinstance(row, Stranger) and row.instead:
        return f"{_seeming(path, found)}. {row.instead}"
    return f"{_seeming(path, found)}, which is not needed. Choose another file."


def _some(items: Sequence[str]) -> str:
    """The first few of many, and how many there are."""
    return _told(items[:SHOWN], len(items) - SHOWN)


def _told(shown: Sequence[str], rest: int) -> str:
    return f"{', '.join(shown)} and {rest} more" if rest > 0 else ", ".join(shown)


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
