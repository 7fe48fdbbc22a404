"""Results as pages for a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from retalk_nodes.retalk_core.jobs.results import page
from retalk_nodes.retalk_core.jobs.results.journal import Journal
from retalk_nodes.retalk_core.jobs.results.outcome import JobOutcome

NASTY = "<script>alert(1)&\"'.mp4"


class Tags(HTMLParser):
    """Which tags are open at the end, and what links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_shows_the_worst_first_and_runs_nothing(journal: Journal, tmp_path: Path) -> None:
    told = {
        "engine": "embedded", "preset": "", "frames": 25, "edited": 20, "seconds_out": 1.0, "spent": 2.0,
        "doubts": [NASTY], "notes": [NASTY], "thumbnail": "AAAA",
        "measured": {"opening_loudness": 0.5, "lag_frames": None, "loss_outside": 49.3},
    }  # fmt: skip
    (tmp_path / "out").mkdir()
    journal.note(JobOutcome(2, str(tmp_path / "out" / NASTY), "done", "", NASTY, NASTY, told))
    journal.note(JobOutcome(3, "", "failed", f"row 3: {NASTY}.", NASTY, NASTY))
    journal.note(JobOutcome(4, "s3://bucket/a.mp4", "there"))
    page.write_pages(journal, tmp_path, NASTY)
    text = (tmp_path / "results.html").read_text("utf-8")
    tags = Tags(text)
    assert tags.open == [] and "script" not in tags.seen
    assert tags.links == ["out/%3Cscript%3Ealert%281%29%26%22%27.mp4"] or "script" not in tags.links[0]
    assert text.index("row 3") < text.index("row 2") < text.index("a.mp4</span>")
    for words in ("<b>1</b> done", "<b>1</b> failed", "<b>1</b> with doubts", "r 0.50", "49.3 dB"):
        assert words in text
    assert not re.search(r'(src|href)="(?!data:image/jpeg|out/)', text)


def test_many_rows_are_several_pages_and_old_ones_go(journal: Journal, tmp_path: Path) -> None:
    for name in ("results_4.html", "results_5.html", "results_7.html"):
        (tmp_path / name).touch()
    for row in range(2 * page.PAGE_ROWS + 1):
        journal.note(JobOutcome(row, f"/{row}.mp4", "done"))
    page.write_pages(journal, tmp_path, "many")
    names = ("results.html", "results_2.html", "results_3.html")
    assert {path.name for path in tmp_path.glob("*.html")} == {*names, "results_7.html"}
    rows = [(tmp_path / name).read_text().count("<tr class=") for name in names]
    assert rows == [page.PAGE_ROWS, page.PAGE_ROWS, 1]
    assert Tags((tmp_path / names[1]).read_text()).links[:2] == ["results.html", "results_3.html"]
