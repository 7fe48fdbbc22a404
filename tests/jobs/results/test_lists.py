"""Results as CSV and JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from retalk_nodes.retalk_core.jobs.results.journal import Journal
from retalk_nodes.retalk_core.jobs.results.lists import write_lists
from retalk_nodes.retalk_core.jobs.results.outcome import JobOutcome


def test_rows_are_written_with_measures_and_doubts_and_without_pictures(
    journal: Journal, tmp_path: Path
) -> None:
    told = {
        "engine": "embedded",
        "doubts": ["one", "two"],
        "measured": {"lip_flicker": 1.5, "lag_frames": None},
        "thumbnail": "x" * 9,
        "spent": 2.5,
    }
    journal.note(JobOutcome(2, "/a,b.mp4", "done", clip='a"b.mp4', told=told))
    journal.note(JobOutcome(3, "", "failed", "row 3: no\udcff such ü."))
    write_lists(journal, tmp_path)
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["output"], first["clip"], first["doubts"]) == ("/a,b.mp4", 'a"b.mp4', "one | two")
    assert (first["lip_flicker"], first["lag_frames"], first["spent"]) == ("1.5", "", "2.5")
    assert second["words"] == "row 3: no\\udcff such ü." and second["engine"] == ""
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert [row["row"] for row in found] == [2, 3]
    assert found[0]["measured"] == {"lip_flicker": 1.5, "lag_frames": None} and "thumbnail" not in found[0]


def test_no_rows_are_lists_too(journal: Journal, tmp_path: Path) -> None:
    write_lists(journal, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == []
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 1
