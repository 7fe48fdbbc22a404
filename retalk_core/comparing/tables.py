"""The paper's tables, from what was judged: a corpus value with its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..compute.provider import NetworkProvider
from ..dub.session import StageProgress, quiet
from ..judging.corpus.features import FeatureShelf, PictureFeatures, distances, videos_in
from ..judging.corpus.intervals import Interval, corpus_value
from ..judging.references import LATE_VOICE, OTHERS_VOICE, OWN_VOICE
from ..metrics.pictures.frechet import FEWEST_PICTURES, UNBIASED
from ..metrics.registry import metrics
from ..weights.files import command
from .inputs import PAIRED, UNPAIRED
from .systems import CROSS_ATTENTION, PREVIEW, System
from .work import SOURCE, Outcome, Work

PAPERS_COLUMNS = ("fid", "cpbd", "lse_d", "lse_c")
MOUTHS = "mouth_kid"
OF_SETS = ("fid", MOUTHS)
_BY_VOICE = {
    OWN_VOICE: "Source with its own voice",
    OTHERS_VOICE: "Source with the other voice",
    LATE_VOICE: "Source with its own voice, 5 frames late",
}


@dataclass(frozen=True)
class Cell:
    """A figure of a table, or why there is none."""

    value: float | None
    low: float | None = None  # of its interval for other clips and voices; None: too few for one
    high: float | None = None
    over: int = 0  # pairs, or pictures
    why: str = ""  # there is no figure, or what is wrong with it

    def __str__(self) -> str:
        return "–" if self.value is None else f"{self.value:.{decimals(self.value)}f}"

    @property
    def range(self) -> str:
        """Its interval in words, as exact as the figure; empty where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return ""
        places = decimals(self.value)
        return f"{self.low:.{places}f} to {self.high:.{places}f}"


@dataclass(frozen=True)
class TableRow:
    """A system of a table."""

    system: str  # its name
    label: str
    cells: Mapping[str, Cell]  # by the metric's name
    note: str = ""
    made: int = 0  # pairs that it has a video of
    failed: int = 0  # pairs that it failed at
    of: int = 0  # pairs that it was asked for


@dataclass(frozen=True)
class Table:
    """Rows of figures under a title."""

    key: str
    title: str
    columns: tuple[str, ...]  # names of metrics
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Sets:
    """What Inception sees in each system's pictures, and in real ones."""

    real: PictureFeatures | None = None
    made: Mapping[str, PictureFeatures] = field(default_factory=dict)  # by the system's name
    why_not: str = ""


def decimals(value: float) -> int:
    """How many of a figure are worth saying."""
    return 4 if abs(value) < 1 else 3


def look_at_sets(work: Work, networks: NetworkProvider, progress: StageProgress = quiet) -> Sets:
    """Show Inception the pictures of every system and the real ones; what was seen before is kept."""
    wanted = not work.question.names or set(OF_SETS) & set(work.question.names)
    if not wanted:
        return Sets(why_not="nobody asked for it")
    if networks.lacking([("inception",)]):
        return Sets(why_not="needs the weights of Inception: `retalk models download inception`")
    sources = list(dict.fromkeys(case.source for case in work.cases))
    real = sources if work.question.real is None else videos_in(work.question.real)
    groups = {"real": real, **_videos_by_system(work)}
    seen = {
        name: _features(work, name, videos, networks, progress) for name, videos in groups.items() if videos
    }
    return Sets(seen.pop("real", None), seen)


def _videos_by_system(work: Work) -> dict[str, list[Path]]:
    names = dict.fromkeys(each.system.name for each in work.entries)
    return {
        name: [
            each.video
            for each in work.entries
            if each.system.name == name and each.case.protocol == UNPAIRED and each.video is not None
        ]
        for name in names
    }


def _features(
    work: Work, name: str, videos: Sequence[Path], networks: NetworkProvider, progress: StageProgress
) -> PictureFeatures:
    # Videos of one name lie in several folders: those of a dataset, too
    shelves = [
        FeatureShelf(work.question.folder / "features" / name / f"{i:05d}") for i in range(len(videos))
    ]
    return PictureFeatures.together(
        [
            shelf.of(
                video, work.question.frames, networks, progress(f"pictures of {name}, {i} of {len(videos)}")
            )
            for i, (shelf, video) in enumerate(zip(shelves, videos, strict=True), 1)
        ]
    )


def make_tables(work: Work, sets: Sets) -> list[Table]:
    """All tables of a comparison."""
    systems = work.systems
    methods = [each for each in systems if "method" in each.roles]
    previews = [each for each in systems if each.name == PREVIEW]
    parts = sorted((each for each in systems if "part" in each.roles), key=lambda each: each.is_whole)
    others = tuple(name for name in metrics() if name not in PAPERS_COLUMNS)
    tables = [
        Table(
            "methods",
            "Methods, in the form of the paper's table 1",
            PAPERS_COLUMNS,
            tuple(_row(work, sets, each, PAPERS_COLUMNS) for each in methods),
        ),
        Table(
            "references",
            "To hold them against",
            PAPERS_COLUMNS,
            (
                *_source_rows(work, sets, PAPERS_COLUMNS),
                *(_row(work, sets, each, PAPERS_COLUMNS) for each in previews),
            ),
        ),
    ]
    if parts:
        rows = tuple(_row(work, sets, each, PAPERS_COLUMNS, part=True) for each in parts)
        crossed = TableRow(
            "",
            "L-Net without cross-attention",
            dict.fromkeys(PAPERS_COLUMNS, Cell(None, why=CROSS_ATTENTION)),
        )
        tables.append(
            Table(
                "parts",
                "The method in parts, in the form of the paper's table 3",
                PAPERS_COLUMNS,
                (crossed, *rows),
            )
        )
    more = _told(others, [_row(work, sets, each, others) for each in (*methods, *previews)])
    tables.append(Table("more", "What the paper doesn't measure", *more))
    if any(case.protocol == PAIRED for case in work.cases):
        runs = [each for each in (*methods, *previews) if each.options is not None]
        everything = (*PAPERS_COLUMNS[1:], *others)
        told = _told(everything, [_row(work, sets, each, everything, protocol=PAIRED) for each in runs])
        tables.append(Table("own_voice", "With their own voice, where there is a truth", *told))
    return [table for table in tables if table.rows and table.columns]


def _told(
    columns: Sequence[str], rows: Sequence[TableRow]
) -> tuple[tuple[str, ...], tuple[TableRow, ...], tuple[str, ...]]:
    """Columns in which any row has a figure, the rows, and why the other columns are left out."""
    told = tuple(name for name in columns if any(row.cells[name].value is not None for row in rows))
    whys: dict[str, list[str]] = {}
    for name in columns:
        if name not in told and rows:
            whys.setdefault(rows[0].cells[name].why, []).append(name)
    return told, tuple(rows), tuple(f"{', '.join(names)}: {why}" for why, names in whys.items() if why)


def _row(
    work: Work,
    sets: Sets,
    system: System,
    columns: Sequence[str],
    *,
    protocol: str = UNPAIRED,
    part: bool = False,
) -> TableRow:
    entries = work.of(system, protocol)
    lacking = work.lacking.get(system.name, "")
    shown = entries[0].system if entries else system
    values = [(each, each.values) for each in entries if each.video is not None]
    cells = {name: _cell(name, values, lacking) for name in columns}
    if protocol == UNPAIRED:
        cells |= {name: _set_cell(name, sets, system.name, lacking) for name in OF_SETS if name in columns}
    return TableRow(
        system.name,
        system.title if part else system.label,
        cells,
        "; ".join(filter(None, [shown.note, f"can't run: {lacking}" if lacking else ""])),
        made=len(values),
        failed=sum(bool(each.failed) for each in entries),
        of=len(entries),
    )


def _source_rows(work: Work, sets: Sets, columns: Sequence[str]) -> Iterator[TableRow]:
    """The source itself: pictures and mouth are the same, and what is heard differs."""
    entries = [each for each in work.of(SOURCE) if each.video is not None]
    failed = len(work.of(SOURCE)) - len(entries)
    for voice, label in _BY_VOICE.items():
        heard = [
            (each, {**_of_pictures(each), **each.judgement.get("references", {}).get(voice, {})})
            for each in entries
        ]
        cells = {name: _cell(name, heard, "") for name in columns}
        themselves = "" if work.question.real else "the real pictures are these"
        cells |= {name: _set_cell(name, sets, SOURCE.name, themselves) for name in OF_SETS if name in columns}
        yield TableRow(SOURCE.name, label, cells, made=len(entries), failed=failed, of=len(entries) + failed)


def _of_pictures(entry: Outcome) -> dict[str, float]:
    return {name: entry.values[name] for name in ("cpbd",) if name in entry.values}


def _cell(name: str, values: Sequence[tuple[Outcome, Mapping[str, float]]], lacking: str) -> Cell:
    """A metric over the pairs that have it."""
    have = [(entry, found[name]) for entry, found in values if name in found]
    if not have:
        return Cell(None, why=lacking or _why_none(name, [entry for entry, _ in values]))
    found: Interval = corpus_value(
        [value for _, value in have],
        [str(entry.case.pair.video) for entry, _ in have],
        [_voice_of(entry) for entry, _ in have],
    )
    why = "" if len(have) == len(values) else f"told in {len(have)} of {len(values)} videos"
    return Cell(found.mean, found.low, found.high, len(have), why)


def _voice_of(entry: Outcome) -> str:
    """Which voice it is; where each clip speaks with its own, clips alone are drawn anew."""
    return "" if entry.case.protocol == PAIRED else str(entry.case.pair.voice)


def _why_none(name: str, entries: Sequence[Outcome]) -> str:
    if not entries:
        return "no video"
    reasons = [each.judgement.get("unavailable", {}).get(name, "") for each in entries]
    return _for_readers(next(filter(None, reasons), "it wasn't asked for"))


def _for_readers(words: str) -> str:
    """A reason without this machine's folders: tables are handed on."""
    return words.replace(command("models"), "retalk models")


def _set_cell(name: str, sets: Sets, system: str, lacking: str) -> Cell:
    """A distance between all pictures of a system and the real ones."""
    made = sets.made.get(system)
    if lacking or sets.why_not or made is None or sets.real is None:
        return Cell(None, why=lacking or sets.why_not or "no video")
    counts = (len(made.pictures), len(sets.real.pictures))
    if name == MOUTHS:
        counts = (len(made.mouths), len(sets.real.mouths))
    against = f"{counts[0]:,} pictures against {counts[1]:,}"
    value = distances(made, sets.real).get(name)
    if value is None:
        least = f": below {FEWEST_PICTURES:,} it says nothing" if name == "fid" else ""
        return Cell(None, over=counts[0], why=f"{against}{least}")
    biased = name == "fid" and min(counts) < UNBIASED
    return Cell(value, over=counts[0], why=f"{against}{'; biased, too large' if biased else ''}")


def table_to_dict(table: Table) -> dict[str, Any]:
    """Plain values, for JSON."""
    return {
        "key": table.key,
        "title": table.title,
        "columns": list(table.columns),
        "notes": list(table.notes),
        "rows": [
            {**vars(row), "cells": {name: vars(cell) for name, cell in row.cells.items()}}
            for row in table.rows
        ],
    }
