"""A whole table: what is there already stays, mistakes are told, the rest is done by an executor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ..errors import InputError, RetalkError
from .addresses import is_address
from .executors import Answer, Executor, Task, Watch, Workload, unwatched
from .job import Job, is_taken, plan_job
from .results.journal import Journal
from .results.outcome import JobOutcome
from .table import JobRow, read_rows, table_folder

DUBBING = "jobs.dubbing:Dubber"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A table of dubs, and how it is to be done."""

    table: str  # a file's name, or `table.STDIN`
    common: Mapping[str, Any] = field(default_factory=dict)  # options of rows that have none of their own
    again: bool = False  # results that are there are made anew
    dry: bool = False  # only say what would be done
    work: Workload = field(default_factory=lambda: Workload(DUBBING))  # what each job takes


def run_batch(
    batch: Batch, executor: Executor, journal: Journal, watch: Watch = unwatched
) -> Iterator[JobOutcome]:
    """Do what a table says; gives each row's outcome as soon as it is known, and notes it in the journal.

    Rows are read as fast as they are done. Raises RetalkError where the table as a whole can't be read.
    """
    with closing(executor.run(batch.work, _tasks(batch, journal), watch)) as answers:
        for answer in answers:
            yield journal.note(_outcome(answer))
    journal.forget_others()


def _tasks(batch: Batch, journal: Journal) -> Iterator[Task]:
    """A task for each row: what is to be run, or an outcome that is known already."""
    folder = table_folder(batch.table)
    for row in read_rows(batch.table):
        known = _planned(batch, row, folder, journal)
        if isinstance(known, Job):
            yield Task(row.number, PurePath(known.output).name, known.to_plain(), known)
        else:
            yield Task(row.number, known.output, meant=known)


def _planned(batch: Batch, row: JobRow, folder: Path, journal: Journal) -> Job | JobOutcome:
    """The job that a row asks for, or what is known of it without running it."""
    try:
        job = plan_job(row, folder, batch.common, batch.again)
        first = journal.claim(job.output, row.number)
        if first is not None:
            raise InputError(f"{row.place}: {job.output} is the output of row {first} already: name another.")
    except RetalkError as error:
        # Without its output, which may be another row's: that one's outcome stays.
        return JobOutcome(row.number, "", "failed", str(error), *_given(row))
    if not batch.again and not is_address(job.output) and is_taken(job.output):
        return JobOutcome(row.number, job.output, "there", clip=job.clip, voice=job.voice)
    if batch.dry:
        return JobOutcome(row.number, job.output, "planned", clip=job.clip, voice=job.voice)
    return job


def _given(row: JobRow) -> tuple[str, str]:
    return str(row.cells.get("clip", "")), str(row.cells.get("voice", ""))


def _outcome(answer: Answer) -> JobOutcome:
    if answer.told is not None:
        return JobOutcome(**answer.told)
    meant = answer.task.meant
    if isinstance(meant, JobOutcome):
        return meant
    words = f"row {meant.row}: {answer.lost}"
    return JobOutcome(meant.row, meant.output, "failed", words, meant.clip, meant.voice)
