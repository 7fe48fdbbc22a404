"""The page of a study: one file that needs no server and no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..files import write_file

PAGE_NAME = "index.html"
_PARTS = Path(__file__).parent


def write_page(
    path: Path, study: str, videos: Sequence[str], sheets: Sequence[Sequence[int]], seconds: float
) -> None:
    """Write the page that asks for opinions.

    videos:  names of the videos, without their ending, as they lie in the folder beside it
    sheets:  orders of them, of which a person gets one
    seconds: that all videos last
    """
    data = {
        "study": study,
        "videos": list(videos),
        "sheets": [list(sheet) for sheet in sheets],
        "seconds": round(seconds),
    }
    page = _part("page.html")
    for mark, content in (
        ("/* style */", _part("page.css")),
        ("/* script */", _part("page.js")),
        ("/* data */", json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")),
    ):
        page = page.replace(mark, content)
    write_file(path, page.encode())


def _part(name: str) -> str:
    return (_PARTS / name).read_text("utf-8")
