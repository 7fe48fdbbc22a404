"""What became of every row of a table, on the disk: kept while work goes on, found by the next run."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from .outcome import STATUSES, JobOutcome

JOURNAL = "jobs.sqlite"
SAVED_SECONDS = 1.0  # between two moments at which outcomes are sure to be on the disk
SECONDS_OF_WORK = 0.05  # the same, after an outcome that took work
OUTCOMES_TABLE = """CREATE TABLE IF NOT EXISTS outcomes (
    key TEXT PRIMARY KEY, row INTEGER, status TEXT, doubtful INTEGER, plain TEXT, run INTEGER
) WITHOUT ROWID"""
CLAIMED = "CREATE TEMP TABLE claimed (output TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID"
# The worst first, and of equal ones as in the table
BY_WORTH = """ORDER BY CASE WHEN status = 'fault' THEN 0 WHEN status = 'failed' THEN 1
    WHEN doubtful > 0 THEN 2 ELSE 3 END, row"""


class Journal:
    """The outcomes of a table's rows. It lies in a file, so that a million of them take no memory."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database, self._saved = database, time.monotonic()
        database.execute(OUTCOMES_TABLE)
        database.execute(CLAIMED)
        (self._run,) = database.execute("SELECT COALESCE(MAX(run), 0) + 1 FROM outcomes").fetchone()

    def claim(self, output: str, row: int) -> int | None:
        """Let a row have an output; None, or the row of this run that has it already."""
        try:
            self._database.execute("INSERT INTO claimed VALUES (?, ?)", (output, row))
        except sqlite3.IntegrityError:
            found = self._database.execute("SELECT row FROM claimed WHERE output = ?", (output,)).fetchone()
            return int(found[0])
        return None

    def note(self, outcome: JobOutcome) -> JobOutcome:
        """Keep an outcome. Of a result that was there already the dub's figures are kept and given back."""
        if outcome.status == "there":
            before = self._known(outcome.key)
            if before is not None and before.status in ("done", "there"):
                outcome = replace(outcome, told=before.told)
        plain = json.dumps(outcome.to_plain())
        row = (outcome.key, outcome.row, outcome.status, len(outcome.doubts), plain, self._run)
        self._database.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", row)
        pause = SAVED_SECONDS if outcome.status in ("there", "planned") else SECONDS_OF_WORK
        if time.monotonic() - self._saved > pause:
            self.save()
        return outcome

    def save(self) -> None:
        """Bring what was noted to the disk."""
        self._database.commit()
        self._saved = time.monotonic()

    def forget_others(self) -> None:
        """Remove rows that this run, which saw the whole table, did not see."""
        self._database.execute("DELETE FROM outcomes WHERE run != ?", (self._run,))
        self.save()

    def outcomes(self, worst_first: bool = False) -> Iterator[JobOutcome]:
        """All outcomes, as in the table or the worst first."""
        order = BY_WORTH if worst_first else "ORDER BY row, key"
        for (plain,) in self._database.execute(f"SELECT plain FROM outcomes {order}"):
            yield JobOutcome(**json.loads(plain))

    def counts(self) -> dict[str, int]:
        """How many rows have each status, and how many results are doubtful."""
        found = dict(self._database.execute("SELECT status, COUNT(*) FROM outcomes GROUP BY status"))
        asked = "SELECT COUNT(*) FROM outcomes WHERE doubtful > 0 AND status IN ('done', 'there')"
        (doubtful,) = self._database.execute(asked).fetchone()
        return {**{each: found.get(each, 0) for each in STATUSES}, "doubtful": doubtful}

    def _known(self, key: str) -> JobOutcome | None:
        found = self._database.execute("SELECT plain FROM outcomes WHERE key = ?", (key,)).fetchone()
        return None if found is None else JobOutcome(**json.loads(found[0]))


@contextmanager
def opened_journal(folder: Path | None) -> Iterator[Journal]:
    """The journal in a folder, which is made; None: one that is gone afterwards. Raises InputError."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        # "" is a file without a name, which the system removes; in memory it could grow.
        database = sqlite3.connect("" if folder is None else folder / JOURNAL, timeout=1.0)
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            f"Results can't be kept in {folder} ({error}): choose another with --results."
        ) from error
    with closing(database):
        try:
            database.execute("PRAGMA temp_store = FILE")
            if folder is not None:
                # Two runs of one table would do everything twice.
                database.execute("PRAGMA locking_mode = EXCLUSIVE")
                database.execute("BEGIN IMMEDIATE")
            journal = Journal(database)
        except sqlite3.Error as error:
            why = "another run of this table uses them" if "locked" in str(error) else str(error)
            raise InputError(f"The results in {folder} can't be used: {why}.") from error
        try:
            yield journal
        finally:
            journal.save()
