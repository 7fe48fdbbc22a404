"""Finds files of weights: by their names first, accepted by their hash or their tensors."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...models.catalog import NETWORKS, PRESETS, Need, catalog, editions
from ...models.errors import CheckpointError
from ...models.network import Entry, File, Network
from ..errors import InputError, OptionError
from ..files import sha256_of, write_file
from ..places import PACK, data_folder

if TYPE_CHECKING:
    from torch import nn


SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".model", ".h5")
SHARED = ("facerestore_models", "facedetection", "upscale_models")  # folders of other packs
RECORD = "retalk_files.json"  # what was found in the files beside it
EDITION_HEADER = "edition"  # in a converted file's header: which way of training, where that is known
CHECKS = 4  # of what a file is asked; what an earlier edition recorded is looked at again


def model_folders(
    pack: Path = PACK, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> tuple[Path, ...]:
    """Where files of weights are looked for, in this order; downloads go to the first."""
    named = tuple(Path(part) for part in environment.get("RETALK_MODELS", "").split(os.pathsep) if part)
    if pack.parent.name == "custom_nodes":
        models = pack.parent.parent / "models"
        return (*named, *(models / name for name in ("retalk", *SHARED)))
    kept = "files of weights can't be looked for. Set HOME, or name a folder for them in RETALK_MODELS"
    return named or (data_folder(kept, environment, platform) / "models",)


@dataclass(frozen=True)
class Found:
    """A file that fits a place in the catalogue, or why it fits none."""

    sha256: str = ""  # of the whole file; "" where nothing is known that it could be
    key: str = ""  # in the catalogue
    network: str = ""
    published: bool = False  # its hash is that of an official file
    # Of a network that was trained in several ways: hash, header, name or choice; "": nothing told yet
    told_by: str = ""
    problem: str = ""  # why it can't be used
    seems: str = ""  # the key of the place that a file with a problem was for
    warning: str = ""  # what to look into although it can

    def chosen_for(self, *keys: str) -> Found:
        """The same; of a network that was trained in several ways, as the one that was chosen.

        What the hash or the name says is not overruled.
        """
        if self.told_by or not self.network or len(editions(self.network)) == 1:
            return self
        meant = next((key for key in keys if key in editions(self.network)), None)
        return self if meant is None else replace(self, key=meant, network=meant, told_by="choice")


class ModelFiles:
    """The files of weights on this machine. What was found is recorded: hashing takes seconds."""

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self.folders = tuple(folder.absolute() for folder in folders or model_folders())
        self._record = _Record(self.folders[0] / RECORD)

    def find(self, key: str) -> tuple[Path, Found] | None:
        """The best file for a place in the catalogue, or None."""
        return next(self.fitting(key), None)

    def fitting(self, key: str) -> Iterator[tuple[Path, Found]]:
        """Every file for a place in the catalogue, the best first."""
        for path in self._candidates(key):
            found = self.look_at(path).chosen_for(key)
            if found.key == key:
                yield path, found

    def refused(self, key: str) -> list[str]:
        """Why files can't be used that are called like this one, or seem to be it."""
        names = {name for file in catalog[key].files for name in file.names}
        problems = []
        for path in self._candidates(key):
            found = self.look_at(path)
            if found.problem and (path.name in names or found.seems == key):
                problems.append(found.problem)
            elif path.name in names and not found.problem and found.key != key:
                problems.append(f"{path} is {catalog[found.key].title}, not {catalog[key].title}.")
        return problems

    def require(self, key: str) -> tuple[Path, Found]:
        """The best file for a place in the catalogue. Raises CheckpointError, which says how to get one."""
        found = self.find(key)
        if found is None:
            raise CheckpointError(self.missing_words(key))
        return found

    def missing_words(self, key: str) -> str:
        """What is wrong with the files for a place in the catalogue, and how to get another."""
        problems = self.refused(key)
        there = [edition_words(each) for each in other_editions(key) if self.find(each)]
        return " ".join([*problems, *there, missing_words(key, self.folders, another=bool(problems))])

    def load(self, key: str) -> nn.Module:
        """Load a network from the best file there is, in fp32 on the CPU. Raises CheckpointError."""
        from ...models.checkpoint import load_network

        path, _ = self.require(key)
        return load_network(catalog[key], path)

    def missing(self, preset: str) -> list[Need]:
        """What a preset still needs; of several in one place any will do."""
        return [need for need in PRESETS[preset] if not any(self.find(key) for key in need)]

    def look_at(self, path: Path) -> Found:
        """Say what a file is. Problems and warnings are in the answer, nothing is raised."""
        try:
            state = path.stat()
        except OSError as error:
            return Found(problem=f"{path} can't be read ({error.strerror}).")
        if not stat.S_ISREG(state.st_mode):  # a pipe would never end
            kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a pipe or a device"
            return Found(problem=f"{path} can't be read: it is {kind}, not a file.")
        stamp = (state.st_size, state.st_mtime_ns, CHECKS)
        known = self._record.get(path, stamp)
        if known is None:
            try:
                known = _examine(path, state.st_size)
            except CheckpointError as error:
                words = f"{error}{_official_facts(path, state.st_size)}"
                seems = NETWORKS[error.network].place_key if error.network in NETWORKS else ""
                known = Found(problem=words, seems=seems)
            except OSError as error:
                return Found(problem=f"{path} can't be read ({error.strerror}).")
            self._record.put(path, stamp, known)
        warnings = (known.warning, _unofficial(path, known), self._record.change(path, known))
        return replace(known, warning=" ".join(filter(None, warnings)))

    def _candidates(self, key: str) -> list[Path]:
        """Files that may be it: those with a right name first, then all the others in our folders."""
        names = [name for file in catalog[key].files for name in file.names]
        paths = [folder / name for name in names for folder in self.folders]
        named = [path for path in paths if os.path.lexists(path)]  # whatever it is: that is told
        others = [path for folder in self.folders for path in _weights_in(folder) if path not in named]
        return named + (others if catalog[key].networks else [])


def _weights_in(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())


def other_editions(key: str) -> tuple[str, ...]:
    """The keys of the same network, trained in other ways."""
    return tuple(each for each in editions(key) if each != key) if key in NETWORKS else ()


def edition_words(key: str) -> str:
    """That a network is there, for somebody who chose the same one trained in another way."""
    return f"A file of {NETWORKS[key].title} was found: choose the lips {key} for it."


def missing_words(key: str, folders: Sequence[Path], another: bool = False) -> str:
    """How to get a file that isn't there.

    another: there is one, but it can't be used
    """
    place = catalog[key]
    files = " or ".join(file.name for file in place.files)
    what = f"{place.title} {'were' if place.title.endswith('s') else 'was'} not found;"
    if another:
        what = f"No other file of {place.title} was found; move this one away and"
    if not any(file.sources for file in place.files):
        return f"{what} put {files} into {folders[0]}."
    return f"{what} run `{command('models', 'download', key)}`, or put {files} into {folders[0]}."


def command(*words: str) -> str:
    """This command as it must be typed here: `retalk` where pip installed it, else Python and this folder."""
    if Path(sys.argv[0]).stem == "retalk":
        return " ".join(("retalk", *words))
    return " ".join((f'"{sys.executable}"', f'"{PACK}"', *words))


def official_with(sha256: str) -> Entry | None:
    """The row of the catalogue that has a file of this hash."""
    for place in catalog.values():
        for row in place.rows:
            if sha256 and any(file.sha256 == sha256 for file in row.files):
                return row
    return None


def _examine(path: Path, size: int) -> Found:
    """Identify a file by its hash where one is published, else by its tensors. Raises CheckpointError."""
    files = [file for place in catalog.values() for file in place.files]
    sha256 = ""
    if any(path.name in file.names or file.size == size for file in files):
        sha256 = sha256_of(path)
        if official := official_with(sha256):
            return _found(sha256, official, published=True)
    if path.suffix == ".mat":
        check_templates(path)
        return Found(sha256, "expression")
    from ...models.checkpoint import examine

    examined = examine(path)
    sha256 = sha256 or sha256_of(path)
    # It may be published under another name, its size never
    found = replace(found_by(sha256, NETWORKS[examined.network]), warning=examined.doubts)
    return told_edition(path, found)


def found_by(sha256: str, row: Entry) -> Found:
    """A file of a network that its tensors told, or its hash where that is published."""
    published = official_with(sha256)
    return _found(sha256, published or row, published is not None)


def _found(sha256: str, row: Entry, published: bool) -> Found:
    network = row.key if isinstance(row, Network) else ""
    several = bool(network) and len(editions(network)) > 1
    return Found(sha256, row.place_key, network, published, "hash" if published and several else "")


def told_edition(path: Path, found: Found) -> Found:
    """Of a network that was trained in several ways, the one that a converted file's header names, or whose
    official file is called like this one.
    """
    from ...models.reading import read_header

    several = editions(found.network)
    if found.told_by or len(several) == 1:
        return found
    said = read_header(path).get(EDITION_HEADER)
    named = [key for key in several if any(path.name in file.names for file in NETWORKS[key].files)]
    key = said if said in several else next(iter(named), "")
    if not key:
        return found
    told_by = "header" if key == said else "name"
    return replace(found, key=NETWORKS[key].place_key, network=key, told_by=told_by)


def _unofficial(path: Path, found: Found) -> str:
    """A warning where a file has the name of an official one, but not its content."""
    if found.published or found.problem:
        return ""
    official = [
        file.sha256
        for place in catalog.values()
        for file in place.files
        if path.name in (file.name, *file.also) and file.sha256
    ]
    if not official:
        return ""
    return (
        f"{path.name} is not the official file: its sha256 begins with {found.sha256[:12]}, the official "
        f"one's with {official[0][:12]}. Download it again, unless you put it there on purpose."
    )


def _official_facts(path: Path, size: int) -> str:
    """How the official file of this name differs, for one that can't be used."""
    for place in catalog.values():
        for file in place.files:
            if path.name in (file.name, *file.also) and file.sha256:
                length = f"{file.size} bytes and " if file.size else ""
                return f" The official file has {length}sha256 {file.sha256}; this one has {size} bytes."
    return ""


def check_templates(path: Path) -> None:
    """Make sure that a .mat file holds expression templates. Raises CheckpointError."""
    from scipy.io import loadmat

    from ...models.reading import require_file

    require_file(path)
    try:
        shapes = {name: value.shape for name, value in loadmat(path).items() if hasattr(value, "shape")}
    except Exception as error:  # damaged files make the reader stumble in any way
        raise CheckpointError(f"{path} can't be read ({type(error).__name__}). Download it again.") from None
    for name in ("expression_center", "expression_mouth"):
        if len(shapes.get(name, ())) != 2 or shapes[name][1] < 64:
            raise CheckpointError(f"{path} has no {name} of 64 numbers. Choose PIRenderer's expression.mat.")


def called(word: str) -> tuple[str, File]:
    """The catalogue's key and file for a key or an official file's name. Raises OptionError."""
    if word in catalog:
        return word, catalog[word].files[0]
    for key, place in catalog.items():
        for file in place.files:
            if word in (file.name, *file.also):
                return key, file
    files = [file.name for place in catalog.values() for file in place.files]
    raise OptionError(
        f"{word} is not known. Choose from {', '.join(catalog)}, or a file: {', '.join(files)}."
    )


# What is remembered


class _Record:
    """What was found in files, by path, size and time; without a place to write it is forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, dict[str, object]] = {}
        with suppress(OSError, ValueError, RecursionError):
            # Of anything but a file, such as a pipe, reading might never end.
            stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            if isinstance(stored, dict):
                self._files = {name: dict(known) for name, known in stored.items() if isinstance(known, dict)}

    def get(self, path: Path, stamp: tuple[int, ...]) -> Found | None:
        known = self._files.get(str(path), {})
        if known.get("stamp") != list(stamp):
            return None
        with suppress(TypeError, KeyError):
            return Found(**known["found"])  # type: ignore[arg-type]
        return None

    def put(self, path: Path, stamp: tuple[int, ...], found: Found) -> None:
        first = self._files.get(str(path), {}).get("first") or found.sha256
        self._files[str(path)] = {"stamp": list(stamp), "first": first, "found": asdict(found)}
        if self._path.parent.is_dir():
            with suppress(InputError):
                write_file(self._path, json.dumps(self._files, indent=1).encode())

    def change(self, path: Path, found: Found) -> str:
        """A warning where a file without a published hash is not what it was when first used."""
        first = self._files.get(str(path), {}).get("first")
        if found.published or found.problem or not first or first == found.sha256:
            return ""
        return (
            f"{path} has changed since it was first used: its sha256 was {first} and is {found.sha256}. "
            f"Download it again, or delete {self._path} if you changed it yourself."
        )
