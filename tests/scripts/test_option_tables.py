"""The tables of the command's options."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from retalk_nodes.retalk_core.cli import words

PAGE = "# The command\n\nBefore.\n\n<!-- options -->\nstale\n<!-- /options -->\n\nAfter.\n"


@pytest.fixture(scope="module")
def builder(root: Path) -> ModuleType:
    """scripts/build_option_tables.py."""
    path = root / "scripts" / "build_option_tables.py"
    spec = spec_from_file_location("build_option_tables", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_option_has_its_row(builder: ModuleType) -> None:
    page = builder.with_tables(PAGE, words)
    for options in words.options_by_group().values():
        for each in options:
            assert len([line for line in page.splitlines() if line.startswith(f"| `{each.flag}")]) >= 1
            assert (each.command_tip or each.tip) in page
    rows = [line for line in page.splitlines() if line.startswith("| `--")]
    assert len(rows) == sum(map(len, words.options_by_group().values()))
    assert all(row.count(" | ") == 1 for row in rows)


def test_a_row_says_range_choices_and_default(builder: ModuleType) -> None:
    page = builder.with_tables(PAGE, words)
    assert "<br>From 0 to 51; default: 17. |" in page
    assert "<br>**`auto`** · `h264` · `hevc` · `prores` · `ffv1` |" in page
    assert "| `--restore-reference`, `--no-restore-reference` |" in page
    assert "<br>Default: every frame keeps its time. |" in page


def test_the_rest_of_the_page_stays(builder: ModuleType) -> None:
    page = builder.with_tables(PAGE, words)
    assert page.startswith("# The command\n\nBefore.\n\n<!-- options -->\n\n| ")
    assert page.endswith(" |\n\n<!-- /options -->\n\nAfter.\n") and "stale" not in page
    assert builder.with_tables(page, words) == page


@pytest.mark.parametrize("page", ["no marks", PAGE + PAGE])
def test_a_page_without_its_marks_is_refused(builder: ModuleType, page: str) -> None:
    with pytest.raises(ValueError, match="must be on the page once"):
        builder.with_tables(page, words)


def test_a_page_is_written_anew(root: Path, tmp_path: Path, builder: ModuleType) -> None:
    page = tmp_path / "command.md"
    page.write_text(PAGE, encoding="utf-8")
    page.write_text(builder.with_tables(page.read_text("utf-8"), words), encoding="utf-8")
    once = page.read_text("utf-8")
    builder.main([str(page)])  # with the pack that the script finds by itself
    assert page.read_text("utf-8") == once
