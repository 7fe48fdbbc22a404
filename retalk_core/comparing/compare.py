"""The paper's comparison: make and judge all videos, then tables, pictures, videos and pages from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compute.provider import NetworkProvider
from ..dub.session import StageProgress, quiet
from ..files import write_file, write_picture
from ..resume.lock import locked
from ..version import __version__
from .exhibits.pages import Exhibit, Page, html_page, markdown
from .exhibits.strips import StripRow, draw_strip
from .exhibits.together import write_together
from .inputs import PAIRED, SILENT, UNPAIRED, Case, shows_pictures
from .kept import Kept, stamp
from .repaste import borrowed_faces
from .systems import WITHOUT_AND_WITH_D, System, restorer_systems
from .tables import Sets, look_at_sets, make_tables, table_to_dict
from .work import CompareQuestion, Outcome, Work, check_folder, do_work

JSON_FILE, PAGE_FILE, TEXT_FILE = "comparison.json", "comparison.html", "comparison.md"
LOCK_FILE = ".comparing"
_FORM = 1  # of the JSON


@dataclass(frozen=True, eq=False)
class Comparison:
    """A finished comparison, as it lies in its folder."""

    work: Work
    page: Page

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; files are told from the comparison's folder where they lie in it."""
        entries: dict[Case, list[Outcome]] = {case: [] for case in self.work.cases}
        for each in self.work.entries:
            entries[each.case].append(each)
        return {
            "form": _FORM,
            "tables": [table_to_dict(table) for table in self.page.tables],
            "exhibits": [vars(each) for each in self.page.exhibits],
            "systems": [_system_to_dict(each, self.work) for each in self.work.systems],
            "cases": [_case_to_dict(case, made, self.work) for case, made in entries.items()],
            "failures": list(self.page.failures),
            "facts": list(self.page.facts),
        }


def compare(
    question: CompareQuestion, networks: NetworkProvider, progress: StageProgress = quiet
) -> Comparison:
    """Compare systems on pairs of clip and voice, and write it down.

    Stopped and asked again, what was made, judged and drawn is taken as it is. One pair that a system fails
    at is counted and doesn't stop the others.

    raises: InputError, OptionError for pairs, words or a folder that can't be used, or where another
            comparison is at work
    """
    with alone_in(question.folder):
        return _compare(question, networks, progress)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder ready for a comparison, and keep others out for so long. Raises InputError."""
    check_folder(folder)
    words = f"Another comparison is at work in {folder}: wait for its end, or choose another folder."
    with locked(folder / LOCK_FILE, words):
        yield


def _compare(question: CompareQuestion, networks: NetworkProvider, progress: StageProgress) -> Comparison:
    work = do_work(question, networks, progress)
    sets = look_at_sets(work, networks, progress)
    tables = make_tables(work, sets)
    exhibits = [*_draw(work, networks, progress), *_side_by_side(work, progress)]
    page = Page(tables, exhibits, tuple(_failures(work)), tuple(_facts(work, sets, networks)))
    comparison = Comparison(work, page)
    told = json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False)
    for name, content in (
        (JSON_FILE, f"{told}\n"),
        (TEXT_FILE, markdown(page)),
        (PAGE_FILE, html_page(page)),
    ):
        write_file(question.folder / name, content.encode())
    return comparison


def _failures(work: Work) -> Iterator[str]:
    for each in work.entries:
        if each.failed:
            yield f"{each.system.label}, pair {each.case.name} with {each.case.protocol}: {each.failed}"


def _facts(work: Work, sets: Sets, networks: NetworkProvider) -> Iterator[str]:
    """What the figures depend on."""
    for protocol in (UNPAIRED, PAIRED):
        count = sum(case.protocol == protocol for case in work.cases)
        yield f"{count} clips with {protocol}"
    yield "videos are lossless (FFV1) and unmarked; frames that a system leaves alone count like the others"
    described = networks.describe()
    yield f"computed in {described['precision']} on {described['device']}"
    used = {key: each for entry in work.entries for key, each in _weights(entry).items()}
    if sets.real is not None and "inception" not in described["networks"]:  # what it saw was kept
        yield f"weights: inception: sha256 {networks.identity('inception')[:16]}"
    for key, each in sorted({**used, **described["networks"]}.items()):
        odd = f"; {each['warning']}" if each["warning"] else ""
        yield f"weights: {key}: {each['file']}, sha256 {each['sha256'][:16]}{odd}"


def _weights(entry: Outcome) -> dict[str, Any]:
    """Of those that drew it and of those that judged it, by their keys."""
    judges = entry.judgement.get("networks", {}).get("networks", {})
    return {**entry.weights, **judges}


# Pictures


def _shown_cases(work: Work, protocol: str = UNPAIRED) -> list[Case]:
    return [case for case in work.cases if case.protocol == protocol][: work.question.shown]


def _rows(work: Work, case: Case, systems: Sequence[System]) -> list[StripRow]:
    found = [(each, work.entry(case, each)) for each in systems]
    return [
        StripRow(each.label, entry.video)
        for each, entry in found
        if entry is not None and entry.video is not None
    ]


def _draw(work: Work, networks: NetworkProvider, progress: StageProgress) -> Iterator[Exhibit]:
    """The paper's figures, of the pairs that are shown."""
    strips = [*_mouth_strips(work), *_silent_strips(work), *_restorer_strips(work)]
    kept, tell = Kept(work.question.folder), progress("draw strips")
    for number, (name, title, rows, mouths) in enumerate(strips, 1):
        file = f"pictures/{name}.png"
        path = work.question.folder / file

        def draw(path: Path = path, rows: Sequence[StripRow] = rows, mouths: bool = mouths) -> None:
            with borrowed_faces(networks) as faces:
                write_picture(path, draw_strip(rows, faces, mouths=mouths))

        kept.make(file, path, {"rows": _stamps(rows), "mouths": mouths, "version": __version__}, draw)
        tell(number, len(strips))
        yield Exhibit(title, file)


def _stamps(rows: Sequence[StripRow]) -> list[tuple[str, dict[str, Any], str]]:
    """What is shown in rows, to tell whether it is shown already."""
    return [(row.words, stamp(row.video), str(row.start)) for row in rows]


_Strip = tuple[str, str, list[StripRow], bool]


def _mouth_strips(work: Work) -> Iterator[_Strip]:
    kept = Kept(work.question.folder)
    for case in _shown_cases(work):
        made = _rows(work, case, [each for each in work.systems if each.is_whole])
        rows = [StripRow("Source", case.source), *made]
        if shows_pictures(f"{case.name}_voice", case.pair.voice, kept):
            rows.append(StripRow("Who says it", case.pair.voice, case.pair.voice_start))
        yield f"mouths_{case.name}", f"Mouths over time, pair {case.name} (as figure 7)", rows, True


def _silent_strips(work: Work) -> Iterator[_Strip]:
    words = dict(zip(WITHOUT_AND_WITH_D, ("without D-Net", "with D-Net"), strict=True))
    for case in _shown_cases(work, SILENT):
        made = [each for each in work.entries if each.case is case and each.video is not None]
        rows = [StripRow(words[each.system.name], each.video) for each in made if each.video is not None]
        if rows:
            seen = [rows[0]._replace(words="Source", video=case.source), *rows]
            yield f"silence_{case.name}", f"A silent voice, clip {case.name} (as figure 4)", seen, False


def _restorer_strips(work: Work) -> Iterator[_Strip]:
    whole = [each for each in work.systems if "restorer" in each.roles]
    for case in _shown_cases(work) if whole else ():
        rows = _rows(work, case, [*reversed(whole), *restorer_systems()])
        if len(rows) > 1:
            seen = [StripRow("Source", case.source), *rows]
            yield (
                f"restorers_{case.name}",
                f"What sharpens the face, clip {case.name} (as figure 6)",
                seen,
                False,
            )


def _side_by_side(work: Work, progress: StageProgress) -> Iterator[Exhibit]:
    systems, kept = [each for each in work.systems if each.is_whole], Kept(work.question.folder)
    for case in _shown_cases(work):
        made = _rows(work, case, systems)
        if not made:
            continue
        file = f"pictures/together_{case.name}.mp4"
        path, rows = work.question.folder / file, [StripRow("Source", case.source), *made]

        def write(path: Path = path, rows: Sequence[StripRow] = rows, case: Case = case) -> None:
            write_together(rows, case.voice, path, progress(f"side by side, {case.name}"))

        key = {"rows": _stamps(rows), "voice": stamp(case.voice), "version": __version__}
        kept.make(file, path, key, write)
        yield Exhibit(f"Side by side, pair {case.name}", file)


# Plain values


def _system_to_dict(system: System, work: Work) -> dict[str, Any]:
    return {
        "name": system.name,
        "title": system.title,
        "finish": system.finish,
        "roles": list(system.roles),
        "note": system.note,
        "lacking": work.lacking.get(system.name, ""),
        "options": repr(system.options),
    }


def _case_to_dict(case: Case, entries: Sequence[Outcome], work: Work) -> dict[str, Any]:
    videos = {
        each.system.name: {
            "video": None if each.video is None else _told(work, each.video),
            "seconds": each.seconds,
            "failed": each.failed,
            **each.judgement,
        }
        for each in entries
    }
    return {
        "name": case.name,
        "protocol": case.protocol,
        "clip": str(case.pair.video),
        "speaker": str(case.pair.voice),
        "source": _told(work, case.source),
        "voice": _told(work, case.voice),
        "seconds": float(case.seconds),
        "entries": videos,
    }


def _told(work: Work, path: Path) -> str:
    folder = work.question.folder.resolve()
    whole = path.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)
