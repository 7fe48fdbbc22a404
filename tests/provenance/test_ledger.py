"""The ledger loses nothing and tears nothing, whoever writes at the same time and whoever is killed."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from elsewhere import elsewhere
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.provenance import ledger as module
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.statement import Statement

WRITER = """
import os
from pathlib import Path
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.statement import Statement
folder, first, written = Path(sys.argv[1]), int(sys.argv[2]), os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT)
ledger = Ledger(folder)
for number in range(first, first + 100_000):
    options = {"n": number, "room": "x" * 500}
    said = Statement(id=f"{number:016x}", version="0", engine="retalk", options=options)
    ledger.record(said, [f"file {number}"], [("parentOf", b"y" * 2000)])
    os.write(written, b"%d\\n" % number)
"""


def test_eight_processes_write_at_once_and_some_are_killed(tmp_path: Path) -> None:
    chance, writers, begun = random.Random(0), [], 0
    folder = tmp_path / "records"

    def begin() -> subprocess.Popen[bytes]:
        nonlocal begun
        begun += 1
        log = tmp_path / f"written_{begun}"
        return subprocess.Popen(elsewhere(WRITER, str(folder), str(begun * 1_000_000), str(log)))

    def written() -> set[int]:
        logs = (log.read_text().splitlines(keepends=True) for log in tmp_path.glob("written_*"))
        return {int(line) for lines in logs for line in lines if line.endswith("\n")}

    try:
        writers = [begin() for _ in range(8)]
        until = time.monotonic() + 60
        for _ in range(12):
            enough = len(written()) + 10
            while len(written()) < enough and time.monotonic() < until:
                time.sleep(0.01)
            place = chance.randrange(len(writers))
            writers[place].kill()
            writers[place].wait()
            writers[place] = begin()
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    said = written()
    assert len(said) >= 100
    entries = Ledger(folder).entries()
    assert {int(entry.id, 16) for entry in entries} >= said  # a killed one may not have said its last row
    assert all(entry.statement.options["n"] == int(entry.id, 16) for entry in entries)
    with sqlite3.connect(folder / module.FILE) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        counts = [file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in TABLES]
    assert counts == [len(entries)] * 3


TABLES = ("dubs", "files", "sources")


def test_a_dub_is_remembered_once_however_often_it_is_made(tmp_path: Path, statement: Statement) -> None:
    ledger = Ledger(tmp_path / "records")
    assert ledger.entries() == [] and ledger.of_file("aa") is None and not ledger.path.exists()
    before = time.time()
    ledger.record(statement, ["aa"], [("componentOf", b"voice"), ("parentOf", b"clip")])
    ledger.record(statement, ["bb"])
    (entry,) = ledger.entries()
    assert (entry.statement, entry.runs, entry.id) == (statement, 2, statement.id)
    assert before <= entry.first < entry.last <= time.time()
    assert ledger.of_file("aa") == ledger.of_file("bb") == entry and ledger.files_of(entry) == ["aa", "bb"]
    assert ledger.sources_of(entry) == [b"clip", b"voice"]
    ledger.add_file(entry, "cc")
    assert ledger.of_file("cc") == entry


def test_the_first_digits_of_an_id_find_it(tmp_path: Path, statement: Statement) -> None:
    ledger = Ledger(tmp_path)
    others = [
        replace(statement, id=id) for id in ("0123456789abcdee", "0124000000000000", "fff0000000000000")
    ]
    for each in (statement, *others):
        ledger.record(each)
    assert [entry.id for entry in ledger.entries("0123")] == ["0123456789abcdee", statement.id]
    assert [entry.id for entry in ledger.entries(statement.id)] == [statement.id]
    assert [entry.id for entry in ledger.entries("f")] == ["fff0000000000000"]
    assert ledger.entries("012345678a") == [] and len(ledger.entries()) == 4


def test_what_is_forgotten_is_gone_with_all_that_hung_on_it(tmp_path: Path, statement: Statement) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.forget(statement.id) == 0
    ledger.record(statement, ["aa"], [("parentOf", b"clip")])
    (entry,) = ledger.entries()
    assert ledger.forget(statement.id) == 1
    assert ledger.entries() == [] and ledger.of_file("aa") is None and ledger.sources_of(entry) == []
    ledger.add_file(entry, "aa")  # by a program that had asked before
    assert ledger.of_file("aa") is None


def test_a_file_that_is_no_ledger_is_left_alone_and_named(tmp_path: Path, statement: Statement) -> None:
    ledger = Ledger(tmp_path)
    ledger.path.write_bytes(b"a letter, and no table" * 100)
    for ask in (ledger.entries, lambda: ledger.record(statement), lambda: ledger.forget(statement.id)):
        with pytest.raises(InputError, match="can't be used"):
            ask()
    assert ledger.path.read_bytes() == b"a letter, and no table" * 100


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path: Path, statement: Statement) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(statement)
    with sqlite3.connect(ledger.path) as file:
        file.execute(f"PRAGMA user_version = {module.EDITION + 1}")
    with pytest.raises(InputError, match="later version"):
        ledger.record(statement)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, statement: Statement) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be made"):
        Ledger(tmp_path / "file" / "records").record(statement)
