"""The journal remembers what became of each row, for a second run and for the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.jobs.results.journal import JOURNAL, Journal, opened_journal
from retalk_nodes.retalk_core.jobs.results.outcome import JobOutcome


def test_the_worst_comes_first_where_that_is_wished(journal: Journal) -> None:
    for row, status, doubts in ((1, "done", []), (2, "done", ["x"]), (3, "failed", []), (4, "fault", [])):
        journal.note(JobOutcome(row, f"{row}.mp4", status, told={"doubts": doubts}))
    assert [each.row for each in journal.outcomes()] == [1, 2, 3, 4]
    assert [each.row for each in journal.outcomes(worst_first=True)] == [4, 3, 2, 1]
    assert journal.counts() == {
        "done": 2, "there": 0, "planned": 0, "failed": 1, "fault": 1, "doubtful": 1,
    }  # fmt: skip


def test_an_output_is_claimed_once_in_a_run(tmp_path: Path) -> None:
    for _ in range(2):
        with opened_journal(tmp_path / "new" / "folder") as journal:
            assert journal.claim("a.mp4", 2) is None
            assert journal.claim("a.mp4", 9) == 2
            assert journal.claim("b.mp4", 9) is None


def test_two_runs_do_not_share_a_journal(tmp_path: Path) -> None:
    with (
        opened_journal(tmp_path),
        pytest.raises(InputError, match="another run of this table"),
        opened_journal(tmp_path),
    ):
        pass


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match="can't be used"), opened_journal(tmp_path):
        pass
    assert (tmp_path / JOURNAL).read_bytes() == b"no database" * 1000


def test_what_was_noted_survives_a_crash(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened_journal(tmp_path) as journal:
        journal.note(JobOutcome(2, "a.mp4", "done", told={"spent": 1.0}))
        _ = 1 / 0
    with opened_journal(tmp_path) as journal:
        there = journal.note(JobOutcome(2, "a.mp4", "there"))
        assert there.told == {"spent": 1.0}
