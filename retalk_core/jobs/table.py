"""A table of jobs, row by row, however long: CSV or one JSON object a line. A bad row keeps no other.

It imports nothing but Python's own modules and the errors, so that scripts/queue_dub.py reads tables with it.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import InputError

STDIN = "-"
NEEDED = ("clip", "voice", "output")  # what every row names
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
DELIMITERS = ",;\t"  # as spreadsheets of different countries write them
MOST_LINES = 50  # of one row, whose cells may hold line breaks
LONGEST_LINE = 1_000_000  # letters
SHOWN = 60  # letters of a cell in a sentence


@dataclass(frozen=True)
class JobRow:
    """One row of a table."""

    number: int  # of its first line, from 1, as spreadsheets count
    cells: Mapping[str, Any] = field(default_factory=dict)  # those that aren't empty: texts, or JSON's values
    fault: str = ""  # why it can't be read, in a sentence; "": it can

    @property
    def place(self) -> str:
        """How a sentence begins that is about this row."""
        return f"row {self.number}"


def read_rows(name: str) -> Iterator[JobRow]:
    """The rows of a table, while it is read: a long one takes no more memory than a short one.

    name:   a file's; .jsonl, .ndjson and .json hold one JSON object a line, others CSV whose first row names
            the columns. STDIN: what is piped in, of either kind
    raises: InputError where the table as a whole can't be read; what is wrong with a row is its `fault`
    """
    with _opened(name) as lines:
        first = next(lines, None)
        if first is None:
            raise InputError(f"{_called(name)} is empty: its first row names the columns, {_needed_words()}.")
        numbered = _Lines(first, lines)
        is_json = Path(name).suffix.lower() in JSON_SUFFIXES or (
            name == STDIN and first.lstrip().startswith(("{", "["))
        )
        yield from _json_rows(numbered, name) if is_json else _csv_rows(numbered, name)


def count_rows(name: str) -> int | None:
    """About how many rows a file holds; None where that can't be known before it is read."""
    path = Path(name)
    if name == STDIN or not path.is_file():
        return None
    with path.open("rb") as file:
        ends = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return ends if path.suffix.lower() in JSON_SUFFIXES else max(ends - 1, 0)


def table_folder(name: str) -> Path:
    """What paths in a table are relative to."""
    return Path() if name == STDIN else Path(name).parent


def what_is_wrong(row: JobRow) -> str:
    """Why a row can be no job, in a sentence; "": it can be read, and names what every row needs."""
    lacking = [name for name in NEEDED if not row.cells.get(name)]
    if row.fault or not lacking:
        return row.fault
    return f"{row.place} names no {' and no '.join(lacking)}: every row needs {', '.join(NEEDED)}."


def printable(text: str) -> str:
    """The same where a name holds bytes that are no letters: those as JSON escapes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def shown(value: object) -> str:
    """A cell's content for a sentence: short, and in letters that can be printed."""
    text = printable(str(value))
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def _needed_words() -> str:
    return f"{', '.join(NEEDED)}, and more if wanted"


def _called(name: str) -> str:
    return "What is piped in" if name == STDIN else name


# Lines


@contextmanager
def _opened(name: str) -> Iterator[Iterator[str]]:
    """A table's lines. Bytes that are no UTF-8 become lone surrogates, which `_unreadable` finds."""
    try:
        file: IO[bytes] = sys.stdin.buffer if name == STDIN else Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{name} can't be read ({error.strerror}). Check the path.") from error
    except AttributeError:
        raise InputError("Nothing is piped in: name a table.") from None
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape")
    try:
        start = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
        if start in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(f"{_called(name)} is in UTF-16: save it as UTF-8.")
        yield _lines_of(text)
    except OSError as error:
        raise InputError(f"{name} can't be read ({error.strerror}).") from error
    finally:
        if name == STDIN:
            text.detach()
        else:
            file.close()


def _lines_of(text: IO[str]) -> Iterator[str]:
    """Lines, of which one that is too long is cut."""
    while line := text.readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith("\n"):
            line = text.readline(LONGEST_LINE)


class _Lines:
    """Counts lines, and takes back those that were looked at in vain."""

    def __init__(self, first: str, others: Iterator[str]) -> None:
        self._waiting, self._others = deque([first]), others
        self.number = 0  # of the line that was taken last

    def take(self) -> str:
        """The next line; "" at the end."""
        line = self._waiting.popleft() if self._waiting else next(self._others, "")
        self.number += bool(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        """Let lines that were taken last be taken again."""
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)


def _unreadable(line: str) -> str:
    """Why a line can't be taken as text, in words; "" where it can."""
    if len(line) >= LONGEST_LINE:
        return f"is longer than {LONGEST_LINE:,} letters"
    if "\0" in line:
        return "holds bytes of zero: it is no text"
    try:
        line.encode()
    except UnicodeEncodeError:
        return "is not in UTF-8: save the table as UTF-8"
    return ""


# CSV


def _csv_rows(lines: _Lines, name: str) -> Iterator[JobRow]:
    header = lines.take()
    if wrong := _unreadable(header):
        raise InputError(f"{_called(name)}: its first row {wrong}.")
    delimiter = max(DELIMITERS, key=header.count)
    columns = [column.strip() for column in _cells(header, delimiter) or []]
    _check_columns(columns, name)
    while line := lines.take():
        number, cells = lines.number, _record(line, lines, delimiter)
        if isinstance(cells, str):
            yield JobRow(number, fault=f"row {number} {cells}.")
        elif any(cell.strip() for cell in cells):
            yield _csv_row(number, columns, cells)


def _csv_row(number: int, columns: list[str], cells: list[str]) -> JobRow:
    given = [cell.strip() for cell in cells]
    if any(given[len(columns) :]):
        return JobRow(
            number, fault=f"row {number} has {len(cells)} cells, but the first row names {len(columns)}."
        )
    return JobRow(number, {name: cell for name, cell in zip(columns, given, strict=False) if cell})


def _check_columns(columns: list[str], name: str) -> None:
    lacking = [each for each in NEEDED if each not in columns]
    if lacking:
        raise InputError(
            f"{_called(name)}: its first row names no column {' and no column '.join(lacking)}. It names the "
            f"columns: {_needed_words()}."
        )
    for each in columns:
        if each and columns.count(each) > 1:
            raise InputError(f"{_called(name)} has two columns named {shown(each)}: name each once.")


def _record(line: str, lines: _Lines, delimiter: str) -> list[str] | str:
    """The cells of the row that begins with a line, taking more lines where a cell goes on; or what is wrong.

    A quotation mark that is never closed costs its own line only.
    """
    text, more = line, list[str]()
    while True:
        if wrong := _unreadable(text):
            lines.give_back(more)
            return wrong
        cells = _cells(text, delimiter)
        if cells is not None:
            return cells
        following = lines.take() if len(more) < MOST_LINES and text.count('"') % 2 else ""
        if not following:
            lines.give_back(more)
            return "has a quotation mark that is never closed, or one inside a cell that isn't doubled"
        more.append(following)
        text += following


def _cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of a row; None where its quotation marks don't fit."""
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error:
        return None


# JSON


def _json_rows(lines: _Lines, name: str) -> Iterator[JobRow]:
    while line := lines.take():
        number, text = lines.number, line.strip()
        if number == 1 and text.startswith("["):
            raise InputError(f"{_called(name)} holds a JSON array: write one object a line instead.")
        if wrong := _unreadable(line):
            yield JobRow(number, fault=f"row {number} {wrong}.")
        elif text:
            yield _json_row(number, text)


def _json_row(number: int, text: str) -> JobRow:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = getattr(error, "msg", None) or "it is nested too deep"
        return JobRow(number, fault=f"row {number} is no JSON ({why}).")
    if not isinstance(found, dict):
        return JobRow(number, fault=f"row {number} is {shown(text)}, but must be a JSON object.")
    given = {name.strip(): cell.strip() if isinstance(cell, str) else cell for name, cell in found.items()}
    return JobRow(number, {name: cell for name, cell in given.items() if cell not in (None, "")})
