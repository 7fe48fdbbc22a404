"""Results of a table as pages for a browser: the worst first, with pictures, doubts and measures.

A page needs nothing from elsewhere and runs no script; pictures lie in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from itertools import islice
from pathlib import Path, PurePath
from urllib.parse import quote

from ..addresses import is_address
from .journal import Journal
from .lists import write_pieces
from .outcome import JobOutcome

PAGE_ROWS = 500  # of one page: with their pictures a few MB
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882;
  --good: #2a7d46; --doubt: #b7791f; --bad: #c0392b; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 76rem; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; } p { margin: .25rem 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid var(--line); padding: .4rem .6rem; }
td { vertical-align: top; border-bottom: 1px solid var(--line); padding: .5rem .6rem;
  overflow-wrap: anywhere; }
td.picture { width: 224px; }
td.picture img { display: block; width: 224px; height: 112px; border-radius: 4px; }
.none { display: block; width: 224px; height: 112px; border-radius: 4px; background: var(--soft); }
.status { display: inline-block; padding: 0 .5rem; border-radius: 1rem; color: #fff; white-space: nowrap;
  font-size: .85rem; background: var(--good); }
.failed .status, .fault .status { background: var(--bad); } .doubtful .status { background: var(--doubt); }
.small { font-size: .85rem; opacity: .8; } ul { margin: .2rem 0; padding-left: 1.1rem; }
td.figures { white-space: nowrap; font-size: .85rem; font-variant-numeric: tabular-nums; }
.failed .none, .fault .none { height: 2rem; }
@media (max-width: 50rem) {
  thead { display: none; } table, tbody, tr, td { display: block; } td { border: 0; padding: .2rem 0; }
  tr { border-bottom: 1px solid var(--line); padding: .6rem 0; } td.figures { white-space: normal; }
}
details summary { cursor: pointer; font-size: .85rem; } nav a { margin-right: .75rem; }
"""
FIGURES = {  # of the finished file: what a table has room for, and how it is said
    "opening_loudness": "mouth and loudness, r {:.2f}",
    "lag_frames": "lag {:+d} frames",
    "loss_outside": "outside the edit {:.1f} dB",
}


def write_pages(journal: Journal, folder: Path, title: str) -> None:
    """Write results.html, and results_2.html and so on where there are many rows. Raises InputError."""
    counts, rows = journal.counts(), journal.outcomes(worst_first=True)
    total = sum(count for status, count in counts.items() if status != "doubtful")
    pages = max(-(-total // PAGE_ROWS), 1)
    for number in range(1, pages + 1):
        page = _page(islice(rows, PAGE_ROWS), counts, folder, title, number, pages)
        write_pieces(folder / _page_name(number), page)
    while (extra := folder / _page_name(pages + 1)).exists():  # of an earlier run with more rows
        extra.unlink()
        pages += 1


def _page_name(number: int) -> str:
    return "results.html" if number == 1 else f"results_{number}.html"


def _page(
    rows: Iterator[JobOutcome], counts: dict[str, int], folder: Path, title: str, number: int, pages: int
) -> Iterator[str]:
    yield (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>{_summary(counts)}</p>{_links(number, pages)}"
        "<table><thead><tr><th>before, after</th><th>result</th><th>what looks wrong</th><th>figures</th>"
        "</tr></thead><tbody>"
    )
    for each in rows:
        yield _row(each, folder)
    yield f"</tbody></table>{_links(number, pages)}</body></html>\n"


def _summary(counts: dict[str, int]) -> str:
    """How many of which kind, in words."""
    named = {
        "done": "done",
        "there": "were there already",
        "doubtful": "with doubts",
        "planned": "would be made",
        "failed": "failed",
        "fault": "ended by a mistake of ours",
    }
    said = [f"<b>{counts[key]:,}</b> {words}" for key, words in named.items() if counts[key]]
    return " · ".join(said) or "no rows"


def _links(number: int, pages: int) -> str:
    if pages == 1:
        return ""
    near = sorted({1, pages, *range(max(number - 3, 1), min(number + 3, pages) + 1)})
    links = (
        f"<b>{each}</b>" if each == number else f'<a href="{_page_name(each)}">{each}</a>' for each in near
    )
    return f"<nav>Pages: {' '.join(links)}</nav>"


def _row(each: JobOutcome, folder: Path) -> str:
    kind = "doubtful" if each.doubts else each.status
    name = escape(PurePath(each.output).name or f"row {each.row}")
    link = name if each.status in ("failed", "fault", "planned") else _link(each.output, folder, name)
    status = {"there": "there already", "fault": "our mistake"}.get(each.status, each.status)
    status = f"{status}, with doubts" if each.doubts else status
    return (
        f'<tr class="{kind}"><td class="picture">{_picture(each)}</td>'
        f'<td><span class="status">{status}</span> {link}'
        f'<div class="small">row {each.row}: {escape(PurePath(each.clip).name)} · '
        f"{escape(PurePath(each.voice).name)}</div></td>"
        f'<td>{_wrong(each)}</td><td class="figures">{_figures(each)}</td></tr>\n'
    )


def _link(output: str, folder: Path, name: str) -> str:
    if is_address(output):
        return f'<span title="{escape(output)}">{name}</span>'
    try:
        target = os.path.relpath(output, folder.resolve())
    except ValueError:  # on another drive
        target = output
    return f'<a href="{escape(quote(PurePath(target).as_posix(), errors="surrogateescape"))}">{name}</a>'


def _picture(each: JobOutcome) -> str:
    thumbnail = str(each.told.get("thumbnail", ""))
    if not thumbnail:
        return '<span class="none"></span>'
    return (
        f'<img loading="lazy" alt="the face before and after" '
        f'src="data:image/jpeg;base64,{escape(thumbnail)}">'
    )


def _wrong(each: JobOutcome) -> str:
    said = [escape(each.words)] if each.words else []
    if each.doubts:
        said.append(f"<ul>{''.join(f'<li>{escape(doubt)}</li>' for doubt in each.doubts)}</ul>")
    notes = each.told.get("notes", ())
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        said.append(f"<details><summary>{len(notes)} notes</summary><ul>{items}</ul></details>")
    return "".join(said)


def _figures(each: JobOutcome) -> str:
    told, said = each.told, list[str]()
    if "frames" in told:
        engine = " ".join(filter(None, (told["engine"], told["preset"])))
        said += [
            escape(engine),
            f"{told['seconds_out']:.1f} s, {told['edited']} of {told['frames']} frames edited",
        ]
    for name, words in FIGURES.items():
        value = told.get("measured", {}).get(name)
        if value is not None:
            said.append(words.format(value))
    if "spent" in told:
        said.append(f"took {told['spent']:.1f} s")
    return "<br>".join(said)
