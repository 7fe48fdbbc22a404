"""Results of a table as tables: CSV and JSON, written row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...files import written_whole
from ..table import printable
from .journal import Journal
from .outcome import JobOutcome

OUTCOME_COLUMNS = ("row", "status", "clip", "voice", "output", "words")  # that are fields of an outcome
TOLD = (  # columns that come from the dub's report
    *("engine", "preset", "seconds_out", "frames", "edited", "doubtful", "serious", "doubts", "notes"),
    *("mark_id", "signed", "resumed", "spent", "cpu", "host"),
)
SENTENCES = ("doubts", "notes")
BETWEEN = " | "  # the sentences of one cell


def write_lists(journal: Journal, folder: Path) -> None:
    """Write results.csv and results.json into a folder, whole or not at all. Raises InputError."""
    measures = sorted({name for each in journal.outcomes() for name in each.told.get("measured", ())})
    write_pieces(folder / "results.csv", _csv_lines(journal.outcomes(), measures))
    write_pieces(folder / "results.json", _json_lines(journal.outcomes()))


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """Write a text piece by piece, whole or not at all; names in it may hold any bytes. Raises InputError."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for piece in pieces:
            file.write(printable(piece))


def _csv_lines(outcomes: Iterable[JobOutcome], measures: list[str]) -> Iterator[str]:
    yield _csv_line([*OUTCOME_COLUMNS, *TOLD, *measures])
    for each in outcomes:
        told = {name: each.told.get(name, "") for name in TOLD}
        told |= {name: BETWEEN.join(each.told.get(name, ())) for name in SENTENCES}
        measured = each.told.get("measured", {})
        cells = [*(getattr(each, name) for name in OUTCOME_COLUMNS), *told.values()]
        yield _csv_line([*cells, *(measured.get(name, "") for name in measures)])


def _csv_line(cells: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _json_lines(outcomes: Iterable[JobOutcome]) -> Iterator[str]:
    """One array, a row on each line."""
    between = "[\n"
    for each in outcomes:
        plain = {name: getattr(each, name) for name in OUTCOME_COLUMNS}
        told = {name: value for name, value in each.told.items() if name != "thumbnail"}
        yield f"{between}{json.dumps({**plain, **told}, ensure_ascii=False)}"
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"
