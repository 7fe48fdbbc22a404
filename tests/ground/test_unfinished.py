"""What a killed process left is removed beside the next result; a living one's files never are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from elsewhere import elsewhere
from retalk_nodes.retalk_core import unfinished
from retalk_nodes.retalk_core.files import write_file
from retalk_nodes.retalk_core.unfinished import sweep_unfinished, unfinished_name
from scenes import leftovers

BEGIN = (
    "import sys; from pathlib import Path; from retalk_nodes.retalk_core.unfinished import unfinished_name; "
    "path = unfinished_name(Path(sys.argv[1])); path.write_bytes(b'half'); print(path.name, flush=True); "
    "sys.stdin.read()"
)


def begun(path: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that writes a file, and the file's unfinished name."""
    process = subprocess.Popen(
        elsewhere(BEGIN, str(path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_living_processs_file_stays_and_a_killed_ones_goes(tmp_path: Path) -> None:
    process, name = begun(tmp_path / "out.mp4")
    write_file(tmp_path / "report.json", b"{}")
    assert leftovers(tmp_path) == [name, "report.json"]
    process.kill()
    process.stdin.close()  # type: ignore[union-attr]
    if sys.platform == "linux":  # not waited for yet, it still has its number
        time.sleep(0.2)
        sweep_unfinished(tmp_path)
        assert leftovers(tmp_path) == ["report.json"]
    process.wait()
    write_file(tmp_path / "report.json", b"{}")
    assert leftovers(tmp_path) == ["report.json"]


def test_a_process_with_the_number_of_a_dead_one_keeps_nothing_alive(tmp_path: Path) -> None:
    if unfinished._begun(os.getpid()) is None:
        pytest.skip("the system doesn't tell when a process began")
    own = unfinished_name(tmp_path / "out.mp4")
    own.touch()
    _, begun_at, *_ = own.name.removeprefix(unfinished.UNFINISHED).split("_")
    older = own.with_name(own.name.replace(f"_{begun_at}_", f"_{int(begun_at) - 1}_"))
    older.touch()
    sweep_unfinished(tmp_path)
    assert leftovers(tmp_path) == [own.name]


def test_without_a_moment_the_number_alone_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "_begun", lambda process: None)
    process, _ = begun(tmp_path / "other")
    process.communicate("")
    dead = unfinished_name(tmp_path / "a.mp4").name.replace(f"{os.getpid()}_", f"{process.pid}_", 1)
    (tmp_path / dead).touch()
    own = unfinished_name(tmp_path / "out.mp4")
    own.touch()
    sweep_unfinished(tmp_path)
    assert leftovers(tmp_path) == [own.name]


@pytest.mark.parametrize("name", ["another machine's", "an older version's"])
def test_where_a_process_cant_be_asked_for_a_week_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / ".retalk-0123456789ab.mp4"
    if name == "another machine's":
        with monkeypatch.context() as there:
            there.setattr(unfinished, "_home", lambda: "0123abcd")
            path = unfinished_name(tmp_path / "out.mp4")
    path.touch()
    sweep_unfinished(tmp_path)
    assert leftovers(tmp_path) == [path.name]
    week_ago = time.time() - 8 * 86_400
    os.utime(path, (week_ago, week_ago))
    sweep_unfinished(tmp_path)
    assert leftovers(tmp_path) == []


def test_nothing_else_is_swept(tmp_path: Path) -> None:
    dead = unfinished_name(tmp_path / "out.mp4").name.replace(f"{os.getpid()}_", "999999999999_", 1)
    kept = [".retalk-notes.txt", ".retalk-", "clip.mp4", f"x{dead}", ".retalk-job"]
    long_ago = time.time() - 100 * 86_400
    for name in kept:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (long_ago, long_ago))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / dead).mkdir()
    (tmp_path / dead).touch()
    sweep_unfinished(tmp_path)
    sweep_unfinished(tmp_path / "folder")
    sweep_unfinished(tmp_path / "missing")
    assert leftovers(tmp_path) == sorted([*kept, "folder"])
    assert leftovers(tmp_path / "folder") == [dead]
