"""What was noted of a file is found again while it, and what it was made from, is the same."""

from __future__ import annotations

import os
from pathlib import Path

from retalk_nodes.retalk_core.comparing.kept import Kept


def test_a_note_is_found_for_the_same_file_and_the_same_key(tmp_path: Path) -> None:
    made = tmp_path / "a.mkv"
    made.write_bytes(b"one")
    kept = Kept(tmp_path)
    assert kept.find("x/a", made, {"from": 1}) is None
    assert kept.keep("x/a", made, {"from": 1}, {"ranges": [(0.5, 1.0)]}) == {"ranges": [[0.5, 1.0]]}
    assert kept.find("x/a", made, {"from": 1}) == {"ranges": [[0.5, 1.0]]}
    assert kept.find("x/a", made, {"from": 2}) is None
    assert kept.find("x/b", made, {"from": 1}) is None


def test_a_file_that_changed_or_went_is_made_again(tmp_path: Path) -> None:
    made = tmp_path / "a.mkv"
    made.write_bytes(b"one")
    kept = Kept(tmp_path)
    kept.keep("a", made, {}, {})
    os.utime(made, (1, 1))
    assert kept.find("a", made, {}) is None
    kept.keep("a", made, {}, {})
    made.write_bytes(b"longer")
    os.utime(made, (1, 1))
    assert kept.find("a", made, {}) is None
    made.unlink()
    assert kept.find("a", made, {}) is None


def test_half_a_note_is_none(tmp_path: Path) -> None:
    made = tmp_path / "a.mkv"
    made.write_bytes(b"one")
    kept = Kept(tmp_path)
    kept.keep("a", made, {}, {})
    note = tmp_path / "notes" / "a.json"
    note.write_text(note.read_text()[:20])
    assert kept.find("a", made, {}) is None
    note.write_text("[]")
    assert kept.find("a", made, {}) is None
