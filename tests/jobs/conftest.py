"""What tests of many jobs share: files of a few bytes, and a table of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.jobs.journal import Journal, opened_journal


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with clips and voices that nobody looks into."""
    for name in ("a.mp4", "b.mp4", "a.wav", "b.wav", "said.txt"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def table(files: Path) -> Callable[..., str]:
    """Write a table beside those files; gives its name."""

    def write(*lines: str, name: str = "jobs.csv") -> str:
        (files / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(files / name)

    return write


@pytest.fixture
def journal() -> Journal:
    """One that is gone afterwards."""
    with opened_journal(None) as opened:
        yield opened
