"""What `retalk models` does: list, download, verify and convert files of weights."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from ...models.catalog import NETWORKS, PRESETS, catalog, presets_with
from ...models.errors import CheckpointError
from ...models.network import File, Place
from ..errors import InputError, OptionError
from ..files import sha256_of, written_whole
from ..places import check_place
from ..types import Progress, silent
from ..version import __version__
from .download import Route, by_hand, download
from .files import (
    EDITION_HEADER,
    Found,
    ModelFiles,
    called,
    check_templates,
    command,
    found_by,
    told_edition,
)

if TYPE_CHECKING:
    from torch import nn

# List


def survey(files: ModelFiles) -> list[dict[str, Any]]:
    """What is there and what isn't, for each place in the catalogue."""
    return [_row(files, place) for place in catalog.values()]


def _row(files: ModelFiles, place: Place) -> dict[str, Any]:
    found = files.find(place.key)
    row: dict[str, Any] = {
        "key": place.key,
        "title": place.title,
        "role": place.role,
        "licence": place.licence,
        "presets": list(presets_with(place.key)),
        "path": None,
        "problems": files.refused(place.key),
        "files": [_facts(file) for file in place.files],
    }
    if found:
        path, what = found
        row |= {
            "path": str(path),
            "sha256": what.sha256,
            "published": what.published,
            "warning": what.warning,
        }
    return row


def _facts(file: File) -> dict[str, Any]:
    return {
        "file": file.name,
        "size": file.size or None,
        "sha256": file.sha256 or None,
        "sources": list(file.sources),
        "known": file.known,
    }


def survey_lines(files: ModelFiles) -> Iterator[str]:
    """The survey for people."""
    for row in survey(files):
        needed = f" (for {', '.join(row['presets'])})" if row["presets"] else ""
        absent = "UNUSABLE" if row["problems"] else "MISSING" if row["presets"] else "absent"
        state = "found" if row["path"] else absent
        yield f"{row['key']:<11} {state:<9} {row['title']}: {row['role']}{needed}"
        if row["path"]:
            yield f"{'':<11} {row['path']} ({_trust(row)})"
            if row["warning"]:
                yield f"{'':<11} WARNING: {row['warning']}"
        else:
            yield f"{'':<11} {' or '.join(_wanted(file) for file in catalog[row['key']].files)}"
        for problem in row["problems"]:
            yield f"{'':<11} not usable: {problem}"
        yield f"{'':<11} licence: {row['licence']}"
    yield ""
    yield f"Looked for in {', '.join(map(str, files.folders))}"
    for preset in PRESETS:
        yield _preset_line(files, preset)


def _trust(row: dict[str, Any]) -> str:
    if row["published"]:
        return "an official file"
    if all(facts["sha256"] for facts in row["files"]):
        return "recognised by its tensors; its hash is of no official file"
    return "recognised by its tensors; no hash is published, so its own is remembered"


def size_words(file: File) -> str:
    """How large a file is, in a unit that suits it."""
    if not file.size:
        return "size not published"
    units = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
    return next(
        (f"{file.size / unit:.3g} {name}" for unit, name in units if file.size >= unit), f"{file.size} bytes"
    )


def _wanted(file: File) -> str:
    size = size_words(file) if file.size else ""
    hand = "" if file.sources else "by hand"
    facts = ", ".join(filter(None, (size, file.known, hand)))
    return f"{file.name} ({facts})" if facts else file.name


def _preset_line(files: ModelFiles, preset: str) -> str:
    missing = files.missing(preset)
    if not missing:
        return f"Preset {preset}: complete"
    bad = [need for need in missing if any(files.refused(key) for key in need)]
    absent = ", ".join(" or ".join(need) for need in missing if need not in bad)
    unusable = ", ".join(" or ".join(need) for need in bad)
    wrong = f"can't be used: {unusable}, see above" if bad else ""
    needs = "; ".join(filter(None, (absent and f"missing {absent}", wrong)))
    return f"Preset {preset}: {needs}; fetch with {command('models', 'download', '--preset', preset)}"


# Download


def fetch(
    words: Sequence[str],
    preset: str | None,
    files: ModelFiles,
    folder: Path | None,
    route: Route,
    tell: Callable[[str], None] = print,
    bar: Callable[[str], Progress] = lambda name: silent,
) -> None:
    """Download what is named or what a preset lacks; the rest goes on where one fails. Raises InputError."""
    target = folder or files.folders[0]
    failed: list[str] = []
    for key, file in _chosen(words, preset, files, tell):
        tell(f"{catalog[key].title}: {file.name}; licence: {catalog[key].licence}")
        try:
            if not route.sources(file) and not (target / file.name).exists():
                raise InputError(by_hand(file, target))
            tell(f"checked: {download(file, target, checker(key), route, bar(file.name))}")
        except InputError as error:
            failed.append(str(error))
    if failed:
        raise InputError("\n".join(failed))


def _chosen(
    words: Sequence[str], preset: str | None, files: ModelFiles, tell: Callable[[str], None]
) -> list[tuple[str, File]]:
    """What was named, and what a preset lacks beyond that. Raises OptionError."""
    if not words and preset is None:
        raise OptionError(f"Say what to download: {', '.join(catalog)}, or --preset {'|'.join(PRESETS)}.")
    chosen = [called(word) for word in words]
    missing = files.missing(preset) if preset else []
    if preset and not missing:
        tell(f"Preset {preset}: complete")
    for need in missing:
        if not any(key in need for key, _ in chosen):
            chosen.append(called(need[0]))
    return list(dict.fromkeys(chosen))


def checker(key: str) -> Callable[[Path], None]:
    """Loads a file as the network it should be: strictly, so that nothing unusable gets its name."""

    def check(path: Path) -> None:
        if catalog[key].networks:
            _load_checked(key, path)
        else:
            check_templates(path)

    return check


# Verify


def verify(files: ModelFiles, words: Sequence[str] = (), run: bool = False) -> Iterator[str]:
    """Check every file that is there, line by line; at last raises CheckpointError if one is bad."""
    bad: list[str] = []
    looked_at = 0
    if run:
        yield from _machine()
    for key in [called(word)[0] for word in words] or catalog:
        fitting, refused = list(files.fitting(key)), files.refused(key)
        bad += refused
        looked_at += len(refused) + len(fitting)
        yield from (f"{key}: {problem}" for problem in refused)
        for path, found in fitting:
            yield from _verify_one(key, path, found, run=run, bad=bad)
    if not looked_at:
        yield f"Nothing was found in {', '.join(map(str, files.folders))}."
    if bad:
        raise CheckpointError(f"{len(bad)} of {looked_at} files can't be used as they are; see above.")


def _verify_one(key: str, path: Path, found: Found, run: bool, bad: list[str]) -> Iterator[str]:
    size = path.stat().st_size
    sha256 = sha256_of(path)  # anew, whatever is on record
    official = {file.sha256 for file in catalog[key].files if file.sha256}
    known = (
        "official" if sha256 in official else "not that of an official file" if official else "none published"
    )
    yield f"{key}: {path}, {size} bytes, sha256 {sha256} ({known})"
    if found.warning:
        yield f"{key}: WARNING: {found.warning}"
    try:
        if not catalog[key].networks:
            check_templates(path)
            return
        network = _load_checked(key, path)
    except CheckpointError as error:
        bad.append(str(error))
        yield f"{key}: {error}"
        return
    yield f"{key}: every tensor fits"
    if run:
        from .trial import try_out

        trial = try_out(found.network, network)
        yield from trial.lines()
        if not trial.sound:
            bad.append(f"{path} gives values that are no picture")


def _load_checked(key: str, path: Path) -> nn.Module:
    """Read a file anew as the network that it should be, and compare it with the sums that it carries."""
    from ...models.checkpoint import load_network
    from ...models.reading import check_sums

    check_sums(path)
    return load_network(catalog[key], path)


def _machine() -> Iterator[str]:
    """What a bug report should say about this machine's software."""
    import torch

    yield f"retalk {__version__}, Python {platform.python_version()}, torch {torch.__version__}, CPU, fp32"


# Convert


def convert(path: Path, output: Path | None = None, half: bool = False) -> Path:
    """Write a network's own tensors as safetensors, with what is known of them.

    half:    store numbers in 16 bits; they are loaded in 32
    returns: the file, whose tensors were checked; raises CheckpointError or InputError
    """
    from safetensors.torch import save_file

    from ...models.checkpoint import unpack
    from ...models.reading import read_tensors
    from ...models.telltales import recognise

    if not os.path.isfile(path):  # noqa: PTH113 - it never raises
        raise InputError(f"{str(path)!r} is no file. Name a file of weights to convert.")
    output = output or path.with_suffix(".safetensors")
    if os.path.lexists(output):
        raise InputError(f"{output} is there already. Choose another name with -o, or move it away.")
    check_place(output, "the weights")
    contents = read_tensors(path)
    name = recognise(contents)
    if name is None or name not in NETWORKS:
        raise CheckpointError(f"{path} is none of the networks that are known here; it was not converted.")
    row = NETWORKS[name]
    _load_checked(row.place_key, path)
    tensors = unpack(contents, path, row.build.find_layout(), name)
    stored = {
        key: (tensor.half() if half and tensor.is_floating_point() else tensor).clone().contiguous()
        for key, tensor in tensors.items()
    }
    sha256 = sha256_of(path)
    edition = told_edition(path, found_by(sha256, row))
    about = {
        "format": "pt",
        "network": edition.network,
        "source": path.name,
        "source_sha256": sha256,
        "licence": row.licence,
        "converted_by": f"retalk {__version__}",
        **({EDITION_HEADER: edition.network} if edition.told_by else {}),
    }
    with written_whole(output) as temporary:
        try:
            save_file(stored, temporary, about)
        except SafetensorError as error:  # how it tells of a full disk
            raise OSError(errno.EIO, str(error)) from error
    return output
