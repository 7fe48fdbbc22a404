"""Names of files that are still being written, and what became of those whose process has ended.

A name says who writes: process, moment at which the process began, machine, chance. So what a process left
that was killed can be told from what another one is writing just now, though numbers of processes come again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path

UNFINISHED = ".retalk-"  # how the names begin
NAME = re.compile(
    re.escape(UNFINISHED) + r"(?:([1-9]\d*)_(\d+)_([0-9a-f]{8})_)?[0-9a-f]{8,12}(?:\..*)?", re.DOTALL
)
LONGEST_SUFFIX = 12  # letters
FOREIGN_SECONDS = 7 * 86_400  # after which a file counts as left behind whose process can't be asked for


def unfinished_name(path: Path, suffix: str | None = None) -> Path:
    """A new name beside a file, while it is being written. What dead processes left there is removed.

    suffix: of the new name; None: the file's own, unless it is so long that it is none
    """
    sweep_unfinished(path.parent)
    if suffix is None:
        suffix = path.suffix if len(path.suffix) <= LONGEST_SUFFIX else ""
    process = os.getpid()
    writer = f"{process}_{_begun(process) or 0}_{_home()}"
    return path.with_name(f"{UNFINISHED}{writer}_{secrets.token_hex(6)}{suffix}")


def sweep_unfinished(folder: Path) -> None:
    """Remove what processes left unfinished in a folder and will not finish any more."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # it was finished or removed meanwhile, or isn't ours to remove
                if entry.name.startswith(UNFINISHED) and _is_left(entry):
                    Path(entry.path).unlink()


def _is_left(entry: os.DirEntry[str]) -> bool:
    named = NAME.fullmatch(entry.name)
    if named is None or not entry.is_file(follow_symlinks=False):
        return False
    process, begun, home = named.groups()
    if home == _home():
        return not _lives(int(process), int(begun))
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > FOREIGN_SECONDS


def _home() -> str:
    """Where a process's number means something: this machine, or this container on it."""
    numbers = ""
    with suppress(OSError):
        numbers = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {numbers}".encode()).hexdigest()[:8]


def _lives(process: int, begun: int) -> bool:
    """Whether the process that began at a moment still runs; True where that can't be told."""
    if sys.platform == "win32":
        return _lives_on_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    now = _begun(process)
    return now is None or begun == 0 or now == begun


def _begun(process: int) -> int | None:
    """When a process began, in the system's ticks; 0 for one that has ended, None: it isn't told here."""
    try:
        # The name of the program comes second, in brackets, and may hold anything.
        facts = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return 0 if facts[0] in (b"Z", b"X") else int(facts[19])
    except (OSError, ValueError, IndexError):
        return None


def _lives_on_windows(process: int) -> bool:
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle = kernel.OpenProcess(0x1000, False, process)  # the right to ask whether it runs
    if not handle:
        return kernel.GetLastError() == 5  # it runs, and belongs to another user
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # it has no exit code yet
