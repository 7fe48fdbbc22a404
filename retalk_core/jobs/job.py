"""One dub to be run, in plain values that can be sent anywhere, and the check of what a row says of it."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, OptionError, RetalkError
from ..faces.choice import FaceChoice
from ..fields import options_of
from ..media.codecs import suffixes_of
from ..places import check_name, unwritable
from .addresses import as_address, check_kind, is_address, kind_of
from .reading import (
    LOADED,
    columns_of_options,
    computing_of,
    dub_options_of,
    files_among,
    restored,
    words_of_cells,
)
from .table import NEEDED, JobRow, printable, shown, what_is_wrong

FACE_RULES = tuple(each.name for each in options_of(FaceChoice))  # of which a dub has one


@dataclass(frozen=True)
class Job:
    """A dub to be run. Paths are absolute, or addresses such as s3://bucket/clip.mp4."""

    row: int  # of the table
    clip: str
    voice: str
    output: str
    options: Mapping[str, Any]  # plain words by the fields' names
    again: bool = False  # also where the output is there already

    def to_plain(self) -> dict[str, Any]:
        """Every field by its name."""
        return asdict(self)

    @property
    def inputs(self) -> dict[str, str]:
        """The files that it reads, by what they are."""
        return {"clip": self.clip, "voice": self.voice, **files_among(self.options)}


def plan_job(row: JobRow, folder: Path, common: Mapping[str, Any], again: bool = False) -> Job:
    """What a row asks for, checked as far as that goes without opening a file.

    folder: what its paths are relative to
    common: plain words of options that hold where the row has none of its own
    raises: RetalkError with one sentence that begins with the row's number
    """
    if wrong := what_is_wrong(row):
        raise InputError(wrong)
    try:
        job = _job_of(row, folder, common, again)
        _check_options(job)
        for what, name in job.inputs.items():
            _check_input(what, name)
        _check_output(job)
        return job
    except RetalkError as error:
        raise type(error)(f"{row.place}: {error}") from None


def absolute(name: str, folder: Path) -> str:
    """A name that means the same anywhere on this machine; an address stays one."""
    return as_address(name) if is_address(name) else os.path.abspath(folder / name)  # noqa: PTH100 - links stay


def _job_of(row: JobRow, folder: Path, common: Mapping[str, Any], again: bool) -> Job:
    for name in NEEDED:
        if not isinstance(row.cells[name], str):
            raise InputError(f"{name} is {shown(row.cells[name])}, but must be the name of a file.")
    own = words_of_cells(
        ((name, cell) for name, cell in row.cells.items() if name not in NEEDED),
        lambda name: absolute(name, folder),
    )
    if any(rule in own for rule in FACE_RULES):
        common = {name: word for name, word in common.items() if name not in FACE_RULES}
    clip, voice, output = (absolute(row.cells[name], folder) for name in NEEDED)
    return Job(row.number, clip, voice, output, {**common, **own}, again)


def _check_options(job: Job) -> None:
    """Raise what options that don't fit would raise when the dub begins; files aren't opened yet."""
    known = columns_of_options()
    words = restored({name: word for name, word in job.options.items() if known[name].kind not in LOADED})
    picture = words.get("expression")
    if picture is not None and is_address(str(picture)):
        words.pop("expression")  # it is fetched first
    dub_options_of(words)
    computing_of(words)
    if sum(rule in job.options for rule in FACE_RULES) > 1:
        raise OptionError("Choose the face by one thing: a number, a place or a mask.")


def _check_input(what: str, name: str) -> None:
    if is_address(name):
        check_kind(kind_of(name))
    elif not os.path.isfile(name):  # noqa: PTH113 - it never raises
        there = "is no file" if os.path.lexists(name) else "isn't there"
        raise InputError(f"{what} {printable(name)} {there}: check the name.")


def _check_output(job: Job) -> None:
    codec = job.options.get("codec", "auto")
    check_name(Path(job.output), f"{'h264' if codec == 'auto' else codec} video", suffixes_of(codec))
    there = None
    if is_address(job.output):
        check_kind(kind_of(job.output))
    else:
        _check_folder(os.path.dirname(job.output))  # noqa: PTH120 - a thousand times quicker than a Path
        there = _state(job.output)
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise InputError(f"output {printable(job.output)} is a folder: name a file.")
    for what, name in job.inputs.items():
        if name == job.output or (there is not None and _is_same(there, name)):
            raise OptionError(
                f"{what} {printable(name)} would be overwritten by the result: name another output."
            )


def _state(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116
    except (OSError, ValueError):
        return None


def _is_same(there: os.stat_result, name: str) -> bool:
    other = None if is_address(name) else _state(name)
    return other is not None and os.path.samestat(there, other)


@functools.lru_cache(maxsize=1000)
def _check_folder(folder: str) -> None:
    """Raise InputError where a folder can neither be written to nor be made."""
    for path in (Path(folder), *Path(folder).parents):
        if os.path.lexists(path):
            if not path.is_dir():
                raise InputError(f"{path} is no folder, so nothing can be written into it.")
            if not os.access(path, os.W_OK):
                raise unwritable(path, PermissionError(13, "Permission denied"))
            return


def ready_folder(output: Path) -> None:
    """Make the folder that a result goes to. Raises InputError."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from error


def is_taken(name: str) -> bool:
    """Whether something has a name on this machine, if only a link that leads nowhere."""
    return os.path.lexists(name)
