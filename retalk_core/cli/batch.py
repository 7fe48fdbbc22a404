"""What `retalk batch` does: a table of dubs, here or on other machines."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError

if TYPE_CHECKING:
    import argparse

    from ..jobs.batch import Batch
    from ..jobs.executors import Executor, Task
    from ..jobs.results.journal import Journal
    from ..jobs.results.outcome import JobOutcome

MISTAKES_SHOWN = 50  # sentences on the terminal; the tables have all
REFRESHED = 30.0  # seconds between two states of the tables while the work goes on


def run_batch_command(args: argparse.Namespace) -> int:
    """Do a table's dubs; gives the exit status of the worst."""
    from ..jobs.batch import run_batch
    from ..jobs.results.journal import opened_journal

    batch, folder = _batch(args), _results_folder(args)
    with ExitStack() as stack:
        journal = stack.enter_context(opened_journal(folder))
        told = stack.enter_context(_Told(args, journal, folder))
        executor = _executor(args, batch)
        try:
            for outcome in run_batch(batch, executor, journal, told.watch):
                told.tell(outcome)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"{told.done} jobs were done; the same command goes on with the others"
            ) from stop
    return told.worst


def _batch(args: argparse.Namespace) -> Batch:
    from ..jobs.batch import DUBBING, Batch
    from ..jobs.executors import Workload
    from .options import plain_words

    return Batch(
        table=args.table,
        common=plain_words(args),
        again=args.again,
        dry=args.dry_run,
        work=Workload(DUBBING, cpus=args.cpus, gpus=args.gpus, memory=int(args.memory * 1e9)),
    )


def _results_folder(args: argparse.Namespace) -> Path | None:
    """Where the tables of results go; None: nowhere, since nothing is done."""
    from ..jobs.table import STDIN

    if args.dry_run:
        return None
    if args.results is not None:
        return Path(args.results)
    if args.table == STDIN:
        raise OptionError("For a table that is piped in, name a folder for the results: --results FOLDER.")
    return Path(args.table).with_suffix(".results")


def _executor(args: argparse.Namespace, batch: Batch) -> Executor:
    """Who does the work."""
    from ..jobs.executors import OneByOne
    from ..jobs.processes import Processes, workers_that_fit

    if not (args.cpus > 0 and args.gpus >= 0 and args.memory >= 0):
        raise OptionError("--cpus, --gpus and --memory must not be negative, and --cpus not 0.")
    if args.dry_run:
        return OneByOne()
    if args.ray is not None:
        from ..jobs.on_ray import RayTasks
        from .terminal import complain

        if args.workers is not None:
            raise OptionError("--workers are of this machine: with --ray, --cpus says how many fit a node.")
        return RayTasks(args.ray, complain)
    count = workers_that_fit(batch.common) if args.workers is None else args.workers
    if count < 1:
        raise OptionError(f"--workers is {count}, but must be at least 1.")
    return OneByOne() if count == 1 else Processes(count)


class _Told:
    """Tells how far all jobs are: a bar, a line for each that is done, tables of results at the end."""

    def __init__(self, args: argparse.Namespace, journal: Journal, folder: Path | None) -> None:
        self._args, self._journal, self._folder = args, journal, folder
        self._running: dict[int, str] = {}
        self._mistakes = 0
        self._written = time.monotonic()
        self._cost = 0.0  # seconds that the tables took last
        self.worst = self.done = 0

    def __enter__(self) -> _Told:
        from tqdm import tqdm

        from ..jobs.table import count_rows

        live = sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = tqdm(
            desc="jobs",
            unit=" jobs",
            total=count_rows(self._args.table),
            disable=self._args.quiet or sys.stderr is None,
            mininterval=0.2 if live else 15,
            file=sys.stderr,
        )
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._bar.close()
        if error is None or isinstance(error, KeyboardInterrupt):
            self._write()
            self._sum_up()

    def watch(self, task: Task, stage: str, done: int, total: int | None) -> None:
        """Show how far a running job is."""
        share = f" {100 * done // total} %" if total else ""
        self._running[task.number] = f"{task.name}: {stage}{share}"
        self._bar.set_postfix_str("; ".join(list(self._running.values())[:3]), refresh=False)
        self._bar.update(0)

    def tell(self, outcome: JobOutcome) -> None:
        """Say what became of a row."""
        self._running.pop(outcome.row, None)
        self.worst = max(self.worst, outcome.exit_status)
        self.done += outcome.status == "done"
        if self._args.json:
            told = {**outcome.to_plain(), "told": {**outcome.told, "thumbnail": None}}
            print(json.dumps(told), flush=True)
        elif outcome.words:
            self._complain(outcome.words)
        elif outcome.status != "there":
            self._bar.write(outcome.line(), file=sys.stdout)
        self._bar.update(1)
        if time.monotonic() - self._written > max(REFRESHED, 50 * self._cost):
            self._write()

    def _complain(self, words: str) -> None:
        self._mistakes += 1
        if self._mistakes <= MISTAKES_SHOWN or self._folder is None:
            self._bar.write(f"retalk: {words}", file=sys.stderr)
        elif self._mistakes == MISTAKES_SHOWN + 1:
            self._bar.write("retalk: there are more such rows; the tables have them all.", file=sys.stderr)

    def _write(self) -> None:
        if self._folder is None:
            return
        from ..jobs.results.lists import write_lists
        from ..jobs.results.page import write_pages

        begun = time.monotonic()
        self._journal.save()
        write_lists(self._journal, self._folder)
        write_pages(self._journal, self._folder, f"ReTalk: {Path(self._args.table).name}")
        self._written = time.monotonic()
        self._cost = self._written - begun

    def _sum_up(self) -> None:
        counts = self._journal.counts()
        named = {"done": "done", "there": "there already", "planned": "would be made", "failed": "failed"}
        said = [f"{counts[key]} {words}" for key, words in named.items() if counts[key]]
        said += [f"{counts['fault']} ended by a mistake of ours"] if counts["fault"] else []
        said += [f"{counts['doubtful']} with doubts"] if counts["doubtful"] else []
        where = "" if self._folder is None else f"; {self._folder / 'results.html'}"
        print(f"{', '.join(said) or 'no rows'}{where}", file=sys.stderr if self._args.json else sys.stdout)
