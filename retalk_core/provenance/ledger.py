"""The ledger: every dub that was marked or signed here, by its id, in one SQLite file for many processes."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import InputError
from .folder import make_folder
from .statement import Statement, statement_of

R = TypeVar("R")

FILE = "ledger.sqlite3"
EDITION = 1  # of the tables
LONGEST_WAIT = 30.0  # seconds that another process may take to write
AFTER_DIGITS = "g"  # sorts behind every hexadecimal digit
SHORT_WAIT = 0.02  # seconds before the next try, where SQLite itself doesn't wait
TABLES = (
    "CREATE TABLE IF NOT EXISTS dubs (key TEXT PRIMARY KEY, id TEXT NOT NULL, first REAL NOT NULL, "
    "last REAL NOT NULL, runs INTEGER NOT NULL, statement TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS dubs_by_id ON dubs (id)",
    "CREATE TABLE IF NOT EXISTS files (sha256 TEXT PRIMARY KEY, dub TEXT NOT NULL REFERENCES dubs (key) "
    "ON DELETE CASCADE) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS files_by_dub ON files (dub)",
    "CREATE TABLE IF NOT EXISTS sources (dub TEXT NOT NULL REFERENCES dubs (key) ON DELETE CASCADE, "
    "role TEXT NOT NULL, archive BLOB NOT NULL, PRIMARY KEY (dub, role)) WITHOUT ROWID",
)


@dataclass(frozen=True)
class Entry:
    """A dub that the ledger knows."""

    key: str  # of the statement, as it was when it was written
    statement: Statement
    first: float  # when it was first made, in seconds since 1970
    last: float
    runs: int  # how often it was made

    @property
    def id(self) -> str:
        """The dub's, 16 hexadecimal digits."""
        return self.statement.id


class Ledger:
    """The ledger in a folder. Every call is a transaction of its own.

    A process that is killed leaves what it had written, and nothing of what it hadn't finished. Every method
    raises InputError where the file can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def record(
        self, statement: Statement, files: Sequence[str] = (), sources: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Remember a dub, once more where it is known.

        files:   SHA-256 of files that hold it
        sources: by their roles, clip (`parentOf`) and voice (`componentOf`), from `archive_of`
        """
        make_folder(self.path.parent)
        key, now = statement.key, time.time()

        def write(open_file: sqlite3.Connection) -> None:
            open_file.execute(
                "INSERT INTO dubs VALUES (?, ?, ?, ?, 1, ?) "
                "ON CONFLICT (key) DO UPDATE SET last = excluded.last, runs = runs + 1",
                (key, statement.id, now, now, statement.to_json()),
            )
            open_file.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?)", [(each, key) for each in files]
            )
            open_file.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)",
                [(key, role, archive) for role, archive in sources],
            )

        self._change(write)

    def add_file(self, entry: Entry, sha256: str) -> None:
        """Remember another file that holds a dub that is known; one that was forgotten stays so."""
        write = "INSERT OR REPLACE INTO files SELECT ?, key FROM dubs WHERE key = ?"
        self._change(lambda open_file: open_file.execute(write, (sha256, entry.key)))

    def entries(self, beginning: str = "") -> list[Entry]:
        """All dubs whose id begins so, in hexadecimal digits, the latest first."""
        query = (
            "SELECT key, statement, first, last, runs FROM dubs WHERE id >= ? AND id < ? "
            "ORDER BY last DESC, key"
        )
        return self._ask(query, (beginning, f"{beginning}{AFTER_DIGITS}"))

    def of_file(self, sha256: str) -> Entry | None:
        """The dub that a file holds, byte for byte."""
        query = (
            "SELECT key, statement, first, last, runs FROM files JOIN dubs ON dubs.key = files.dub "
            "WHERE sha256 = ?"
        )
        return next(iter(self._ask(query, (sha256,))), None)

    def files_of(self, entry: Entry) -> list[str]:
        """SHA-256 of the files that hold a dub."""
        return [row[0] for row in self._rows("SELECT sha256 FROM files WHERE dub = ?", (entry.key,))]

    def sources_of(self, entry: Entry) -> list[bytes]:
        """What was remembered of the manifests of a dub's sources, the clip's first."""
        query = "SELECT archive FROM sources WHERE dub = ? ORDER BY role DESC"
        return [row[0] for row in self._rows(query, (entry.key,))]

    def forget(self, id: str) -> int:
        """Remove what is known of an id, and say how many statements that were."""
        if not self.path.is_file():
            return 0
        remove = "DELETE FROM dubs WHERE id = ?"
        return self._change(lambda open_file: open_file.execute(remove, (id,)).rowcount)

    def _ask(self, query: str, values: Sequence[object]) -> list[Entry]:
        entries = []
        for key, text, first, last, runs in self._rows(query, values):
            statement = statement_of(json.loads(text))
            if statement is not None:
                entries.append(Entry(key, statement, first, last, runs))
        return entries

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple]:
        """What a question finds; nothing where no ledger was begun."""
        if not self.path.is_file():
            return []
        with self._open() as open_file:
            return _patiently(lambda: open_file.execute(query, values).fetchall())

    def _change(self, write: Callable[[sqlite3.Connection], R]) -> R:
        """Write all of it, or nothing."""
        with self._open() as open_file, _transaction(open_file):
            return write(open_file)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            open_file = sqlite3.connect(self.path, timeout=LONGEST_WAIT, isolation_level=None)
            try:
                _patiently(lambda: _prepare(open_file, self.path))
                yield open_file
            finally:
                open_file.close()
        except sqlite3.Error as error:
            raise InputError(
                f"The ledger {self.path} can't be used ({error}): check its folder's rights and room; if it "
                "is damaged, move it away, and a new one is begun."
            ) from error


def _prepare(open_file: sqlite3.Connection, path: Path) -> None:
    """Make the tables where they aren't there. Raises InputError for those of a later edition."""
    open_file.execute("PRAGMA foreign_keys = ON")
    edition = open_file.execute("PRAGMA user_version").fetchone()[0]
    if edition > EDITION:
        raise InputError(f"The ledger {path} is of a later version of ReTalk: use that one, or move it away.")
    open_file.execute("PRAGMA synchronous = FULL")
    if edition == EDITION:
        return
    open_file.execute("PRAGMA journal_mode = WAL")  # readers don't wait for writers; a disk may not offer it
    with _transaction(open_file):
        for table in TABLES:
            open_file.execute(table)
        open_file.execute(f"PRAGMA user_version = {EDITION}")


@contextmanager
def _transaction(open_file: sqlite3.Connection) -> Iterator[None]:
    """Write what the block writes, or nothing of it where it raises."""
    _patiently(lambda: open_file.execute("BEGIN IMMEDIATE"))
    try:
        yield
        _patiently(lambda: open_file.execute("COMMIT"))
    finally:
        if open_file.in_transaction:
            open_file.execute("ROLLBACK")


def _patiently(work: Callable[[], R]) -> R:
    """Try again while other processes are in the way: in some places SQLite says so without waiting."""
    until = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(SHORT_WAIT)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return any(word in str(error) for word in ("locked", "busy"))
