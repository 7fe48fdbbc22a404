"""One process at a time works in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from elsewhere import elsewhere
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.resume import lock
from retalk_nodes.retalk_core.resume.lock import locked, take_lock

HOLD = """
import sys, time
from pathlib import Path
from retalk_nodes.retalk_core.resume.lock import locked
with locked(Path(sys.argv[1]), "taken"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_kept_out_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(elsewhere(HOLD, str(path)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="Somebody is here"), locked(path, "Somebody is here."):
            pytest.fail("two at once")
        process.kill()
    with locked(path, "Somebody is here."):
        assert path.is_file()


def test_a_block_that_fails_lets_the_next_one_in(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(OSError, match="disk"), locked(path, "taken"):
        raise OSError("disk")
    taken = take_lock(path)
    assert taken is not None and take_lock(path) is None
    os.close(taken)


def test_where_a_disk_has_no_locks_everybody_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise OSError(38, "no locks")

    monkeypatch.setattr(lock, "_is_lockable", refuse)
    entered = []
    with locked(tmp_path / "lock", "taken"), locked(tmp_path / "lock", "taken"):
        entered.append(sys.platform)
    assert entered
