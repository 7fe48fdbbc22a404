"""What tests of many jobs share: files of a few bytes, and a table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.jobs import processes
from retalk_nodes.retalk_core.jobs.executors import Workload
from retalk_nodes.retalk_core.jobs.results.journal import Journal, opened_journal

WORKER = '''
"""Stands in for the pack: work that needs no networks."""
import json, os, sys, time
sys.path.insert(0, {here!r})
def load_pack():
    import types, importlib.util
    spec = importlib.util.spec_from_file_location(
        "retalk_nodes", {root!r} + "/__init__.py", submodule_search_locations=[{root!r}])
    sys.modules["retalk_nodes"] = pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    class Noter:
        """Writes a line into a file for each task that is begun, and one when it is done."""
        def __init__(self, file, pause=0.0):
            self.file, self.pause = file, pause
        def note(self, word):
            with open(self.file, "a") as file:
                file.write(word + chr(10))
        def __call__(self, given, tell):
            self.note("begun %s %d" % (given["number"], os.getpid()))
            tell("working")(1, 4)
            print("what a library says", flush=True)
            if given.get("dies"):
                os.kill(os.getpid(), 9)
            time.sleep(given.get("pause", self.pause))
            self.note("done %s" % given["number"])
            return {{"number": given["number"], "threads": os.environ["OMP_NUM_THREADS"]}}
    room = types.ModuleType("retalk_nodes.retalk_core.noting")
    room.Noter = Noter
    sys.modules[room.__name__] = room
'''


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with clips and voices that nobody looks into."""
    for name in ("a.mp4", "b.mp4", "a.wav", "b.wav", "said.txt"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def table(files: Path) -> Callable[..., str]:
    """Write a table beside those files; gives its name."""

    def write(*lines: str, name: str = "jobs.csv") -> str:
        (files / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(files / name)

    return write


@pytest.fixture
def journal() -> Iterator[Journal]:
    """One that is gone afterwards."""
    with opened_journal(None) as opened:
        yield opened


@pytest.fixture
def noting(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Workload]:
    """Workload whose processes have one room more than the pack; it notes what it does in notes.txt."""
    (tmp_path / "__main__.py").write_text(WORKER.format(here=str(tmp_path), root=str(root)))
    monkeypatch.setattr(processes, "PACK", tmp_path)
    return lambda **settings: Workload("noting:Noter", {"file": str(tmp_path / "notes.txt"), **settings})


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[str], list[str]]:
    """The lines of those notes that begin with a word."""

    def read(word: str) -> list[str]:
        lines = (tmp_path / "notes.txt").read_text().splitlines()
        return [line for line in lines if line.startswith(word)]

    return read
