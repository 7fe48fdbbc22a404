"""Tables and pictures as Markdown, as a page for a browser, and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ...metrics.registry import metrics
from ...version import __version__
from ..paper import CORPORA, NOT_KNOWN, NOT_REPRODUCED, PAPERS_FIGURES
from ..tables import PAPERS_COLUMNS, Cell, Table, TableRow

NAMES = {"fid": "FID", "cpbd": "CPBD", "lse_d": "LSE-D", "lse_c": "LSE-C", "mouth_kid": "KID of mouths"}
_ARROWS = {"higher": "↑", "lower": "↓", "near 0": "→ 0", "near 1": "→ 1"}
_LEGEND = (
    "A figure is the mean over pairs, its range (95 %) for other clips and other voices. Compare rows of one "
    "table only: figures depend on clips, frame size and protocol.",
    "Italics: the paper's own figures, of its clips and its protocol, not reproduced here.",
)
_STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True)
class Exhibit:
    """A picture or a video beside the tables."""

    title: str
    file: str  # told from the page's folder; .png or .mp4


@dataclass(frozen=True)
class Page:
    """All that is shown."""

    tables: Sequence[Table]
    exhibits: Sequence[Exhibit]
    failures: Sequence[str]  # which pair which system failed at, and why
    facts: Sequence[str]  # pairs, weights and how they computed


def metric_name(name: str) -> str:
    """What a metric is called in a table, and which way is better."""
    return f"{NAMES.get(name, name)} {_ARROWS[metrics()[name].better]}"


def markdown(page: Page) -> str:
    """All of it as Markdown."""
    parts = ["# Comparison", *_LEGEND]
    for table in page.tables:
        parts += [f"## {table.title}", _markdown_table(table), *_footnotes(table)]
    parts += [f"## {each.title}\n\n{_markdown_exhibit(each)}" for each in page.exhibits]
    parts += ["## Failures", _listed(page.failures or ("None.",))]
    parts += ["## How it was made", _listed(page.facts)]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    head = ["", *map(metric_name, table.columns), "pairs"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for row in table.rows:
        cells = [f"{cell} ({cell.range})" if cell.range else f"{cell}" for cell in _cells(table, row)]
        lines.append([row.label, *cells, _pairs(row)])
        lines += [
            [f"*{label}*", *(f"*{figure}*" for figure in figures), "*paper*"]
            for label, figures in _papers(table, row)
        ]
    return "\n".join(f"| {' | '.join(_in_a_cell(word) for word in line)} |" for line in lines)


def _in_a_cell(word: str) -> str:
    return word.replace("|", "\\|")


def _papers(table: Table, row: TableRow) -> Iterator[tuple[str, list[str]]]:
    """The paper's own figures of a system, where they are known."""
    if table.key != "methods" or not row.system.endswith("-own"):
        return
    known = PAPERS_FIGURES.get(row.system.removesuffix("-own"))
    for corpus in CORPORA if known else ():
        assert known is not None
        by_name = dict(zip(PAPERS_COLUMNS, known[corpus], strict=True))
        words = row.label.split(",")[0]
        yield f"{words} on {corpus}, as the paper says", [f"{by_name[name]:g}" for name in table.columns]


def _cells(table: Table, row: TableRow) -> list[Cell]:
    """A row's, in the order of the columns."""
    return [row.cells[name] for name in table.columns]


def _pairs(row: TableRow) -> str:
    if not row.of:
        return "–"
    failed = f", {row.failed} failed" if row.failed else ""
    return f"{row.made} of {row.of}{failed}" if row.made != row.of else f"{row.made}"


def _footnotes(table: Table) -> list[str]:
    """Why figures are missing or to be taken with care."""
    told: dict[str, list[str]] = {}
    for row in table.rows:
        if row.note:
            told.setdefault(row.note, []).append(row.label)
    dashes = [row.label for row in table.rows if _is_all_dashes(row)]
    for row in table.rows:
        why = next((cell.why for cell in row.cells.values()), "")
        if row.label in dashes and why not in row.note:
            told.setdefault(why, []).append(row.label)
    for name in table.columns:
        for why, labels in _whys(table, name, dashes).items():
            everywhere = len(labels) == len(table.rows) - len(dashes)
            where = [f"{label}, {NAMES.get(name, name)}" for label in labels]
            told.setdefault(why, []).extend([NAMES.get(name, name)] if everywhere else where)
    notes = [f"{_few(where)}: {why}" for why, where in told.items()]
    if table.key == "methods":
        unknown = [row.label.split(",")[0] for row in table.rows if not _has_papers(row)]
        if len(unknown) < len(table.rows):
            notes.append(f"Figures in italics: {NOT_REPRODUCED}.")
        if unknown:
            notes.append(f"{_few(unknown)}: {NOT_KNOWN}, or has none.")
    return [_listed([*table.notes, *notes])] if table.notes or notes else []


def _is_all_dashes(row: TableRow) -> bool:
    """Whether a row has no figure at all, for one reason."""
    return (
        all(cell.value is None for cell in row.cells.values())
        and len({cell.why for cell in row.cells.values()}) == 1
    )


def _whys(table: Table, name: str, but: Sequence[str]) -> dict[str, list[str]]:
    """What there is to say of a column's figures: the rows' names, without some, by the words."""
    found: dict[str, list[str]] = {}
    for row in table.rows:
        why = row.cells[name].why
        if why and row.label not in but:
            found.setdefault(why, []).append(row.label)
    return found


def _has_papers(row: TableRow) -> bool:
    return row.system.rpartition("-")[0] in PAPERS_FIGURES


def _few(words: Sequence[str]) -> str:
    found = list(dict.fromkeys(words))
    return "; ".join(found) if len(found) <= 4 else f"{'; '.join(found[:3])} and {len(found) - 3} more"


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _markdown_exhibit(each: Exhibit) -> str:
    return f"![{each.title}]({each.file})" if each.file.endswith(".png") else f"[{each.file}]({each.file})"


def html_page(page: Page) -> str:
    """All of it as one page beside its pictures and videos; it asks no server for anything."""
    body = ["<h1>Comparison</h1>", *(f"<p>{escape(line)}</p>" for line in _LEGEND)]
    for table in page.tables:
        body += [f"<h2>{escape(table.title)}</h2>", _html_table(table)]
        body += [_html_list(notes) for notes in _footnotes(table)]
    for each in page.exhibits:
        body += [f"<h2>{escape(each.title)}</h2>", _html_exhibit(each)]
    body += ["<h2>Failures</h2>", _html_list(_listed(page.failures or ("None.",)))]
    body += ["<h2>How it was made</h2>", _html_list(_listed(page.facts))]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Comparison</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE.read_text('utf-8')}</style>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{escape(word)}" for word in ("", *map(metric_name, table.columns), "pairs"))
    lines = []
    for row in table.rows:
        cells = "".join(map(_html_cell, _cells(table, row)))
        lines.append(f"<tr><td>{escape(row.label)}{cells}<td>{escape(_pairs(row))}")
        for label, figures in _papers(table, row):
            cells = "".join(f"<td>{figure}" for figure in figures)
            lines.append(f'<tr class="paper"><td>{escape(label)}{cells}<td>paper')
    rows = "\n".join(lines)
    return f'<div class="wide"><table><thead><tr>{head}</thead><tbody>\n{rows}\n</tbody></table></div>'


def _html_cell(cell: Cell) -> str:
    if cell.range:
        return f"<td>{cell}<small>{cell.range}</small>"
    why = f' title="{escape(cell.why)}"' if cell.why else ""
    return f"<td{why}>{cell}"


def _html_list(listed: str) -> str:
    items = "".join(f"<li>{escape(line.removeprefix('* '))}" for line in listed.splitlines())
    return f'<ul class="note">{items}</ul>'


def _html_exhibit(each: Exhibit) -> str:
    if each.file.endswith(".png"):
        return f'<div class="wide"><img src="{escape(each.file)}" alt="{escape(each.title)}"></div>'
    return f'<video src="{escape(each.file)}" controls preload="metadata"></video>'


def comparison_lines(page: Page) -> Iterator[str]:
    """The tables for a terminal."""
    for table in page.tables:
        yield f"\n{table.title}"
        heads = [metric_name(name) for name in table.columns]
        lines: list[tuple[str, Sequence[str], str]] = [("", heads, "pairs")]
        for row in table.rows:
            lines.append((row.label, [f"{cell}" for cell in _cells(table, row)], _pairs(row)))
            lines += [(f"  {label}", figures, "paper") for label, figures in _papers(table, row)]
        width = max(len(label) for label, _, _ in lines) + 2
        column = max([16, *(len(head) + 2 for head in heads)])
        for label, figures, pairs in lines:
            yield f"{label:<{width}}{''.join(f'{figure:>{column}}' for figure in figures)}   {pairs}"
        yield from (line for notes in _footnotes(table) for line in notes.splitlines())
    yield from (f"failed: {failure}" for failure in page.failures)
    yield f"ReTalk {__version__}"
