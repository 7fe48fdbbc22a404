"""Where results and data may be written, and what a name stands for: a file behind its links, or a stream."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from .errors import InputError
from .unfinished import unfinished_name

PACK = Path(__file__).absolute().parents[1]  # not resolved: ComfyUI may hold a link to it
MOST_LINKS = 40  # one behind the other
NO_FILES = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def check_place(
    path: Path, result: str = "the result", suffixes: Sequence[str] = (), *, may_stream: bool = False
) -> None:
    """Raise InputError where a result can't be written; to be asked before the work that makes it.

    result:     what is to be written, in words
    suffixes:   one of them must end the name; none: any will do
    may_stream: devices, pipes and names such as /dev/stdout are written to; else they are refused
    """
    check_name(path, result, suffixes)
    if may_stream and _is_stream(path):
        return
    target = find_target(path)
    temporary = unfinished_name(target)
    try:  # rights alone don't tell: a system's own folders let nobody make files
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise unwritable(path, error) from error


def check_name(path: Path, result: str, suffixes: Sequence[str] = ()) -> None:
    """Raise InputError for a name that a result can't have, wherever it lies."""
    if path == Path():  # an empty name means the same
        raise InputError(f"The name for {result} is empty or that of this folder: name a file.")
    if suffixes and path.suffix.lower() not in suffixes:
        wanted = " or ".join(suffixes)
        raise InputError(f"{path.name or path} can't hold {result}: end its name in {wanted}.")


def find_target(path: Path) -> Path:
    """The file that a result replaces: the one behind a name's links, which stay. It need not be there yet.

    raises: InputError where that is a folder, a device, a pipe, or in no folder
    """
    target = path
    try:
        if path.is_symlink():
            target = Path(os.path.realpath(path))
        if not os.path.isdir(target.parent):  # noqa: PTH112 - unlike a Path's, it never raises
            raise InputError(
                f"The folder {target.parent} does not exist, so {path.name} can't be written: create it, or "
                "choose another."
            )
        kind = _kind_of(path)
    except OSError as error:  # the name is too long, the folder is closed, or links lead in a circle
        raise unwritable(path, error) from error
    if descriptor_of(path) is not None and kind != "a folder":
        kind = "an open stream"
    if kind:
        raise InputError(f"{path} is {kind}: choose another name.")
    return target


def open_stream(path: Path) -> IO[bytes] | None:
    """Open what a name stands for if it is written to and not replaced; None for a file. Raises OSError.

    A pipe that nobody reads is refused, since waiting for a reader might take for ever.
    """
    number = descriptor_of(path)
    if number is not None:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()  # what was said before stands before
        return os.fdopen(os.dup(number), "wb")
    if not _is_stream(path):
        return None
    try:
        opened = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "nobody reads from it") from error
        raise
    if os.name == "posix":
        os.set_blocking(opened, True)
    return os.fdopen(opened, "wb")


def descriptor_of(path: Path) -> int | None:
    """The number of this process's own open file that a name such as /dev/stdout stands for; None: none."""
    for _ in range(MOST_LINKS):
        folder = os.path.realpath(path.parent)
        own = re.fullmatch(rf"/dev/fd|/proc/{os.getpid()}(/task/\d+)?/fd", folder)
        if own and path.name.isdecimal():
            return int(path.name)
        try:
            path = path.parent / path.readlink()
        except (OSError, ValueError):
            return None
    return None


def unwritable(path: Path, error: OSError) -> InputError:
    """Why a file can't be written, in words."""
    return InputError(f"{path} can't be written ({error.strerror or error}). Choose another place.")


def _is_stream(path: Path) -> bool:
    """Whether a name stands for something that is written to; raises InputError where it can't be."""
    number = descriptor_of(path)
    try:
        if number is not None:
            _check_open(number)
            return True
        return _kind_of(path) in ("a device", "a pipe") and not path.is_block_device()
    except OSError as error:
        raise unwritable(path, error) from error


def _check_open(number: int) -> None:
    """Raise OSError unless an open file of this process may be written to."""
    os.fstat(number)
    if sys.platform != "win32":
        import fcntl

        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "it is open for reading only")


def _kind_of(path: Path) -> str:
    """What there is that is no file, in words; "" for a file and for nothing. Raises OSError."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ""
    return next((name for is_kind, name in NO_FILES if is_kind(mode)), "")


def data_folder(
    otherwise: str, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Where this program keeps its data on this platform; it need not be there yet.

    otherwise: what can't be done without such a folder and how to name another, for the error's words
    raises:    InputError where the user's home folder is not known
    """
    named = {"win32": "LOCALAPPDATA", "darwin": ""}.get(platform, "XDG_DATA_HOME")
    if environment.get(named):
        return Path(environment[named]) / "retalk"
    try:
        home = Path.home()
    except RuntimeError:  # an account that nobody has listed, and no HOME
        raise InputError(f"Your home folder is not known, so {otherwise}.") from None
    if platform == "win32":
        return home / "AppData" / "Local" / "retalk"
    return home / ("Library/Application Support" if platform == "darwin" else ".local/share") / "retalk"
