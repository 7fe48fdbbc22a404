"""Bad inputs, one after the other: `python benchmarks/bad_inputs.py [--sample 150 --seed 1]`.

One process imports everything and forks a child for each case. A child has a folder of its own, and its
output is kept. Told are cases that end in a traceback or in exit status 3, without a word or never, that
leave files behind, that change what they were given, or that put a file where a device or pipe was.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import resource
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

os.environ.setdefault("OMP_NUM_THREADS", "1")  # children are forked, and threads don't come along

import cv2
import this_pack
import torch
from bad_cases import Case, all_cases
from bad_files import NO_FILES, contents, good_files
from retalk_nodes.retalk_core.cli.main import main as retalk
from retalk_nodes.retalk_core.weights.files import RECORD

CPU_LIMIT = 60  # seconds of a case
WALL_LIMIT = 180  # a machine may be busy; a case that waits for ever has used none of its seconds
STATUSES = {0, 1, 2, 130}


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    status: int  # below 0: killed by that signal
    said: str  # stderr
    printed: str  # stdout
    cpu: float  # seconds
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """What all cases share."""

    programs: Mapping[str, Callable[[list[str]], int]]
    files: Mapping[str, bytes]


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sample", type=int, help="try so many, chosen by the seed; default: all")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--only", default="", help="those whose words hold this")
    words.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    words.add_argument("-v", "--verbose", action="store_true", help="show every case")
    args = words.parse_args()
    began = time.monotonic()
    grid = prepare()
    cases = [case for case in all_cases(list(contents(grid.files))) if args.only in repr(case)]
    if args.sample is not None:
        cases = random.Random(args.seed).sample(cases, min(args.sample, len(cases)))
    outcomes = []
    for case, outcome in run_cases(grid, cases, args.workers):
        outcomes.append(outcome)
        if outcome.faults or args.verbose:
            print(f"{shown(case)}\n  {outcome.status}: {', '.join(outcome.faults) or 'fine'}")
            print("".join(f"  | {line}\n" for line in outcome.said.splitlines()[-12:]), flush=True, end="")
    return summary(outcomes, time.monotonic() - began)


def prepare() -> Grid:
    """Import everything, and make the good files."""
    import av
    import librosa  # noqa: F401 - the children shall not each do it
    import scipy.io  # noqa: F401
    import soxr  # noqa: F401
    from retalk_nodes.models import checkpoint  # noqa: F401
    from retalk_nodes.retalk_core.dub import pipeline  # noqa: F401
    from retalk_nodes.retalk_core.resume import store  # noqa: F401
    from retalk_nodes.retalk_core.weights import commands  # noqa: F401

    av.logging.set_level(None)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    programs: dict[str, Callable[[list[str]], int]] = {"retalk": retalk}
    if importlib.util.find_spec("aiohttp"):
        spec = importlib.util.spec_from_file_location(
            "queue_dub", this_pack.ROOT / "scripts" / "queue_dub.py"
        )
        assert spec is not None and spec.loader is not None
        sys.modules["queue_dub"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        programs["queue_dub"] = module.main
    else:
        print("queue_dub.py is not tried: aiohttp is not installed; ComfyUI brings it")
    with tempfile.TemporaryDirectory() as folder:
        files = good_files(Path(folder))
    return Grid(programs, {**contents(files), **files, "ş.mp4": b"x", "\udcff.mp4": b"x"})


def shown(case: Case) -> str:
    words = " ".join(word if len(word) < 90 else f"{word[:60]}…({len(word)})" for word in case.words)
    more = {"env": case.env, "stdout": case.stdout, "encoding": case.encoding, "where": case.where}
    told = [
        f"{name}={str(value)[:200]}" for name, value in more.items() if value not in ("", {}, "file", "utf-8")
    ]
    told += [f"answer={case.answer[:60]!r}"] if case.answer is not None else []
    return ascii(f"{case.program} {words}  {' '.join(told)}")[1:-1]


def summary(outcomes: list[Outcome], wall: float) -> int:
    """Print what was found; gives the exit status."""
    faulty = [outcome for outcome in outcomes if outcome.faults]
    kinds = sorted({fault.split(":")[0] for outcome in faulty for fault in outcome.faults})
    for kind in kinds:
        print(f"{kind}: {sum(any(fault.startswith(kind) for fault in each.faults) for each in faulty)}")
    statuses = ", ".join(
        f"{sum(outcome.status == status for outcome in outcomes)} with {status}"
        for status in sorted({outcome.status for outcome in outcomes})
    )
    spent = sum(outcome.cpu for outcome in outcomes)
    print(f"{len(outcomes)} cases, {len(faulty)} faulty; ended {statuses}; {spent:.0f} CPU s, {wall:.0f} s")
    return 1 if faulty else 0


# One case


@dataclass(frozen=True)
class Run:
    """A case that is running."""

    case: Case
    words: list[str]
    base: Path  # holds what is printed and, in `here`, all that the case is given
    before: Mapping[str, tuple[object, ...]]
    child: int
    server: int | None
    until: float  # when it must have ended, by the clock


def run_cases(grid: Grid, cases: list[Case], workers: int) -> Iterator[tuple[Case, Outcome]]:
    """Run cases, several at a time; this process has no threads, since they would not come along."""
    waiting = [case for case in reversed(cases) if case.program in grid.programs]
    running: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="cases-") as name:
        number = 0
        while waiting or running:
            while waiting and len(running) < workers:
                number += 1
                running.append(_start(grid, waiting.pop(), Path(name, str(number))))
            for run in list(running):
                outcome = _outcome(run)
                if outcome is not None:
                    running.remove(run)
                    shutil.rmtree(run.base, ignore_errors=True)
                    yield run.case, outcome
            time.sleep(0.005)


def _start(grid: Grid, case: Case, base: Path) -> Run:
    folder = base / "here"
    folder.mkdir(parents=True)
    if case.user is not None:
        for place in (base.parent, base, folder):
            place.chmod(0o777)
    server, address = (None, "") if case.answer is None else _server(case.answer)
    words = [_made(word, folder, grid.files).replace("{server}", address) for word in case.words]
    env = {key: value and value.replace("{server}", address) for key, value in case.env.items()}
    before = _state(folder)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _be_child(partial(grid.programs[case.program], words), case, env, base)
    return Run(case, words, base, before, child, server, time.monotonic() + WALL_LIMIT)


def _outcome(run: Run) -> Outcome | None:
    """How a case ended; None while it runs."""
    ended, code, used = os.wait4(run.child, os.WNOHANG)
    late = time.monotonic() > run.until
    if not ended and not late:
        return None
    if not ended:
        os.kill(run.child, signal.SIGKILL)
        _, code, used = os.wait4(run.child, 0)
    if run.server is not None:
        os.kill(run.server, signal.SIGKILL)
        os.waitpid(run.server, 0)
    status = os.waitstatus_to_exitcode(code)
    late = late or status in (-signal.SIGXCPU, -signal.SIGKILL)
    said, printed = (_text(run.base / stream) for stream in ("stderr", "stdout"))
    outputs = [*run.words, *(word.partition("=")[2] for word in run.words)]
    faults = _faults(status, late, said, run.before, _state(run.base / "here"), outputs)
    return Outcome(status, said, printed, used.ru_utime + used.ru_stime, tuple(faults))


def _made(word: str, folder: Path, files: Mapping[str, bytes]) -> str:
    """A word with the file in place that it names."""
    start, at, name = word.partition("@")
    if not at or start not in ("", start.rstrip("=") + "=") or not name:
        return word
    bare = name.rstrip("/")
    if bare not in files and bare not in NO_FILES:
        head, slash, tail = bare.partition("/")
        return f"{start}{_made('@' + head, folder, files)}/{tail}" if slash and head in files else word
    path = folder / bare
    if path.parent == folder and not os.path.lexists(path):
        if bare in NO_FILES:
            here = Path.cwd()
            os.chdir(folder)
            NO_FILES[bare](path)
            os.chdir(here)
        else:
            path.write_bytes(files[bare])
    return f"{start}{name}"


def _be_child(run: Callable[[], int], case: Case, env: Mapping[str, str | None], base: Path) -> NoReturn:
    """Run a case as the command would, in a process of its own."""
    status = 3
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
        os.chdir(base / "here")
        _connect(case, base)
        os.environ.update({"HOME": f"{base}", "XDG_DATA_HOME": f"{base}", "TMPDIR": f"{base}"})
        tempfile.tempdir = None
        for name in ("RETALK_MODELS", "RETALK_MIRROR", "HF_ENDPOINT", "http_proxy", "https_proxy"):
            os.environ.pop(name, None)
        for name, value in env.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if case.where == "removed":
            gone = base / "gone"
            gone.mkdir()
            os.chdir(gone)
            gone.rmdir()
        if case.user is not None and os.geteuid() == 0:
            os.setgid(case.user)
            os.setuid(case.user)
        status = run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):  # what Python says of it at its own end
        os.write(2, b"Traceback: Exception ignored while flushing sys.stdout\n")
    os._exit(status)


def _connect(case: Case, base: Path) -> None:
    """Give the child its streams."""
    flags = os.O_WRONLY | os.O_CREAT
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(base / "stderr", flags), 2)
    sys.stderr = os.fdopen(
        2, "w", encoding=case.encoding, errors="backslashreplace", buffering=1, closefd=False
    )
    if case.stdout == "closed":
        os.close(1)
        sys.stdout = None  # type: ignore[assignment] - as Python has it then
        return
    if case.stdout == "broken":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full" if case.stdout == "full" else base / "stdout", flags)
    os.dup2(writer, 1)
    sys.stdout = os.fdopen(1, "w", encoding=case.encoding, closefd=False)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""


def _server(answer: bytes) -> tuple[int, str]:
    """A process that gives every caller the same answer, and its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = os.fork()
    if server == 0:
        while True:
            with suppress(OSError):  # a caller that had enough
                caller, _ = listening.accept()
                caller.settimeout(5)
                caller.recv(1 << 16)
                caller.sendall(answer.replace(b"{server}", address.encode()))
                caller.close()
    listening.close()
    return server, address


# What is wrong with an outcome


def _state(folder: Path) -> dict[str, tuple[object, ...]]:
    """What is in a folder: kind, device and content by name."""
    found: dict[str, tuple[object, ...]] = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            state = path.lstat()
            regular = stat.S_ISREG(state.st_mode)
            content: object = hashlib.md5(path.read_bytes()).hexdigest() if regular else ""
            if stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            found[str(path.relative_to(folder))] = (stat.S_IFMT(state.st_mode), state.st_rdev, content)
    return found


def _faults(
    status: int,
    late: bool,
    said: str,
    before: Mapping[str, tuple[object, ...]],
    after: Mapping[str, tuple[object, ...]],
    outputs: list[str],
) -> Iterator[str]:
    if late:
        yield "hang"
    elif status == 3:
        yield "exit 3"
    elif status not in STATUSES:
        yield f"status: {status}"
    if "Traceback" in said or "Exception ignored" in said:
        yield "traceback"
    if status == 1 and not late and not said.strip():
        yield "silent"
    # What a link leads to may be written to, since the link stays.
    outputs = [*outputs, *(str(was[2]) for was in before.values() if was[0] == stat.S_IFLNK)]
    done = status == 0 or "finished" in said  # and only what comes behind the work failed
    for name, was in before.items():
        now = after.get(name)
        if Path(name).name == RECORD:  # it is rewritten whenever a file of weights is looked at
            continue
        if now != was and now is not None and now[0] != was[0]:
            yield f"replaced: {name}"
        elif now != was and not (done and _is_asked_for(name, outputs)):
            yield f"changed: {name}"
    for name in after.keys() - before.keys():
        if not done or not _is_asked_for(name, outputs):
            yield f"left behind: {name}"


def _is_asked_for(name: str, outputs: list[str]) -> bool:
    """Whether a new file was to be expected: named by a word, beside such a file, or below such a folder."""
    asked = [os.path.normpath(word) for word in outputs if word]
    return any(
        name == word or name.startswith(f"{word}{os.sep}") or Path(name).stem == Path(word).stem
        for word in asked
    )


if __name__ == "__main__":
    if shutil.which("true") is None or not hasattr(os, "fork"):
        sys.exit("this needs a system that can fork")
    sys.exit(main())
