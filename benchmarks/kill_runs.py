"""Dubs as processes that are stopped, for `kills.py`: forked or anew, at a moment, or in little room."""

from __future__ import annotations

import faulthandler
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import this_pack
from kill_cases import Case, Moment
from retalk_nodes.retalk_core.cli.main import main as retalk

PACK = "retalk_nodes.retalk_core"
CHUNK = 4  # frames that the paper's engine keeps at a time, so that a second of video has several
PATIENCE = 600  # seconds
REACHED = "\0"  # a process's word to its parent, beside those of stderr
SOON = 0.003  # seconds, between two signals
PAGE = 4096  # bytes


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int  # below 0: by that signal
    said: str  # stderr
    seconds: float  # by the clock
    late: bool = False  # it had to be ended
    reached: bool = False  # the moment came


@dataclass(frozen=True)
class Harm:
    """What happens to a process; nothing by default."""

    by: str = ""  # names of signals
    moment: Moment | None = None
    seconds: float | None = None  # without a moment: after so many
    largest: int | None = None  # bytes that a file may have


def run_dub(words: Sequence[str], folder: Path, harm: Harm, *, anew: bool, stand_ins: bool) -> Ended:
    """Run the command in a folder.

    anew:      start Python; else fork, which needs no imports
    stand_ins: small networks in the place of the paper's
    """
    reader, writer = os.pipe()  # no file: a limit for files doesn't hold for it
    begun = time.monotonic()
    if anew:
        command = [sys.executable, str(this_pack.ROOT / "__main__.py"), *words]
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=writer,
            preexec_fn=_hear,
        ).pid
    else:
        child = os.fork()
        if child == 0:
            _be_child(words, folder, writer, harm, stand_ins)
    os.close(writer)
    with os.fdopen(reader, "rb") as heard:
        status, late = _awaited(child, begun, harm)
        said = heard.read().decode("utf-8", "replace")
    seconds = time.monotonic() - begun
    return Ended(status, said.replace(REACHED, ""), seconds, late, REACHED in said)


def _hear() -> None:
    """Let signals do what they do by themselves: what a terminal runs in the background ignores some."""
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_apart(work: Callable[[], None]) -> None:
    """Do something in a forked process: threads that it leaves behind would be missing in the next ones."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit("what the cases need could not be made")


def _awaited(child: int, begun: float, harm: Harm) -> tuple[int, bool]:
    """Wait for a process, and send it what ends it at a time; its status, and whether it was late."""
    due = None if harm.moment is not None or harm.seconds is None else begun + harm.seconds
    while True:
        ended, code, _ = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(code), False
        now = time.monotonic()
        if due is not None and now >= due:
            due = None
            os.kill(child, getattr(signal, f"SIG{harm.by}"))
        if now > begun + PATIENCE:
            os.kill(child, signal.SIGUSR1)  # it says where it stands
            time.sleep(1)
            os.kill(child, signal.SIGKILL)
            _, code, _ = os.wait4(child, 0)
            return os.waitstatus_to_exitcode(code), True
        time.sleep(0.002)


def _be_child(words: Sequence[str], folder: Path, errors: int, harm: Harm, stand_ins: bool) -> NoReturn:
    """Run the command as a process of its own would."""
    status = 3
    try:
        os.setsid()
        _hear()
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number, opened in ((0, nowhere), (1, nowhere), (2, errors)):
            os.dup2(opened, number)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
        faulthandler.register(signal.SIGUSR1, sys.stderr)
        if stand_ins:
            _lend_stand_ins()
        if harm.moment is not None:
            trip(harm.moment, harm.by)
        if harm.largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (harm.largest, harm.largest))
        sys.argv = ["retalk", *words]
        status = retalk()
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def _lend_stand_ins() -> None:
    """Let the command use small networks, and keep its work in small parts."""
    from retalk_nodes.retalk_core.cli import commands
    from retalk_nodes.retalk_core.compute.provider import LocalNetworks
    from retalk_nodes.retalk_core.engines import chunks
    from retalk_nodes.retalk_core.weights.files import ModelFiles

    made = importlib.import_module("standins")
    lent = made.stand_ins(lnet=made.LNetStandIn(0.05), parser=made.PulsingParser())
    networks = LocalNetworks(
        ModelFiles([Path("no such folder")]), device="cpu", precision="fp32", resident="together", lent=lent
    )
    commands._networks = lambda args: networks
    chunks.CHUNK_FRAMES = CHUNK


# A moment


def trip(moment: Moment, by: str) -> None:
    """Make this process send itself signals when a moment comes."""
    module, _, name = moment.place.partition(":")
    if module == "progress":
        _trip_progress(name, _nth(moment.call, by))
        return
    owner: Any = importlib.import_module(f"{PACK}.{module}")
    *outer, last = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    inner, act = getattr(owner, last), _nth(moment.call, by)

    @wraps(inner)
    def watched(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        if not moment.after:
            act()
        made = inner(*given, **named)
        if moment.after:
            act()
        return made

    setattr(owner, last, watched)


def _trip_progress(stage: str, act: Callable[[], None]) -> None:
    from retalk_nodes.retalk_core.cli.bars import Bars

    shown = Bars.__call__

    def watched(bars: Bars, name: str) -> Callable[[int, int | None], None]:
        tell = shown(bars, name)

        def telling(done: int, total: int | None) -> None:
            tell(done, total)
            if name == stage:
                act()

        return telling

    Bars.__call__ = watched  # type: ignore[assignment]


def _nth(call: int, by: str) -> Callable[[], None]:
    """What sends signals when it is called for so many times."""
    calls = 0

    def act() -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            os.write(2, REACHED.encode())
            first, *more = by.split()
            if more:
                threading.Timer(SOON, _send, more).start()
            _send(first)

    return act


def _send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, f"SIG{name}"))


# Little room


@contextmanager
def place_of(case: Case, folder: Path, room: int) -> Iterator[Path]:
    """An empty folder for a case: a small disk in memory where the disk shall be full."""
    folder.mkdir()
    if case.by != "disk":
        yield folder
        shutil.rmtree(folder)
        return
    pages = max(-(-room // PAGE), 1) + 1  # one for the folder's own
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={pages * PAGE}", "tmpfs", str(folder)]
    subprocess.run(mounted, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def make_room(folder: Path) -> None:
    """Enlarge a small disk."""
    subprocess.run(["mount", "-o", "remount,size=256m", str(folder)], check=True)
