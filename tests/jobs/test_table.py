"""Tables are read row by row, and a bad row keeps no other."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.jobs.table import STDIN, JobRow, count_rows, read_rows, table_folder

HEAD = "clip,voice,output,start"


def rows_of(path: Path, content: str | bytes) -> list[JobRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(str(path)))


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_csv_is_read_as_spreadsheets_of_any_country_write_it(tmp_path: Path, between: str) -> None:
    lines = [HEAD, "a.mp4, a.wav ,o.mp4,", "", '"b, c;d\t.mp4",b.wav,p.mp4,1:02.5']
    text = "\r\n".join(
        line.replace(",", between)
        if '"' not in line
        else line.replace(",b.wav", f"{between}b.wav").replace(",p.mp4,", f"{between}p.mp4{between}")
        for line in lines
    )
    first, second = rows_of(tmp_path / "jobs.csv", b"\xef\xbb\xbf" + text.encode())
    assert first == JobRow(2, {"clip": "a.mp4", "voice": "a.wav", "output": "o.mp4"})
    assert second.number == 4
    assert second.cells == {"clip": "b, c;d\t.mp4", "voice": "b.wav", "output": "p.mp4", "start": "1:02.5"}


def test_a_cell_may_hold_line_breaks(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path / "jobs.csv", f'{HEAD}\n"a\nb.mp4",v,o,\nc,v,p,\n')
    assert first.cells["clip"] == "a\nb.mp4"
    assert (second.number, second.cells["clip"]) == (4, "c")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"a,b,c,d,e", "has 5 cells, but the first row names 4"),
        (b'"a,b,c,d', "quotation mark that is never closed"),
        (b'a"b","c" d,e', "quotation mark"),
        (b"caf\xe9.mp4,b,c,", "is not in UTF-8"),
        (b"a\0b,b,c,", "bytes of zero"),
        (b"a" * 1_000_100 + b",b,c", "is longer than 1,000,000 letters"),
    ],
)
def test_a_bad_line_of_csv_is_told_and_keeps_no_other(tmp_path: Path, line: bytes, told: str) -> None:
    good = b"a.mp4,a.wav,o%d.mp4,"
    content = b"\n".join([HEAD.encode(), good % 1, line, good % 2, good % 3])
    found = rows_of(tmp_path / "jobs.csv", content)
    assert [row.cells["output"] for row in found if not row.fault] == ["o1.mp4", "o2.mp4", "o3.mp4"]
    (bad,) = (row for row in found if row.fault)
    assert bad.number == 3 and bad.fault.startswith("row 3 ") and told in bad.fault
    assert [row.number for row in found] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "is no JSON"),
        ('["a"]', "must be a JSON object"),
        ("[" * 100_000, "is no JSON"),
        ('{"clip": "\ud800"}', "is not in UTF-8"),
    ],
)
def test_a_bad_line_of_json_is_told_and_keeps_no_other(tmp_path: Path, line: str, told: str) -> None:
    good = json.dumps({"clip": "a.mp4", "voice": " a.wav ", "output": "o", "start": 0, "quality": None})
    content = f"{good}\n{line}\n\n{good}\n".encode("utf-8", "surrogatepass")
    first, bad, last = rows_of(tmp_path / "jobs.jsonl", content)
    assert first.cells == last.cells == {"clip": "a.mp4", "voice": "a.wav", "output": "o", "start": 0}
    assert told in bad.fault and (bad.number, last.number) == (2, 4)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("jobs.csv", b"", "is empty"),
        ("jobs.csv", b"a.mp4,a.wav,o.mp4\n", "names no column clip"),
        ("jobs.csv", b"clip,voice\n", "names no column output"),
        ("jobs.csv", b"clip,voice,output,clip\n", "two columns named 'clip'"),
        ("jobs.csv", "clip,voice,output\n".encode("utf-16"), "UTF-16"),
        ("jobs.csv", b"\xff\0\n", "its first row"),
        ("jobs.json", b'[{"clip": 1}]', "JSON array"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        rows_of(tmp_path / name, content)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="can't be read"):
            list(read_rows(str(path)))


@pytest.mark.parametrize("content", [f"{HEAD}\na,b,c,\n", '{"clip": "a", "voice": "b", "output": "c"}\n'])
def test_either_kind_may_be_piped_in(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    raw = io.BufferedReader(io.BytesIO(content.encode()))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    (row,) = read_rows(STDIN)
    assert row.cells == {"clip": "a", "voice": "b", "output": "c"}
    assert table_folder(STDIN) == Path() and count_rows(STDIN) is None


def test_what_is_piped_in_as_utf_16_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BufferedReader(io.BytesIO(f"{HEAD}\n".encode("utf-16")))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    with pytest.raises(InputError, match="What is piped in is in UTF-16: save it as UTF-8"):
        list(read_rows(STDIN))


def test_rows_are_counted_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(HEAD + "\n" + "a.mp4,a.wav,o.mp4,\n" * 20_000)
    assert count_rows(str(path)) == 20_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(str(path))) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 500_000  # bytes, of a table that has 360,000
    finally:
        tracemalloc.stop()
