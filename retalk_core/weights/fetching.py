"""Fetches the files that a preset lacks while other work goes on, and tells how far it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...models.catalog import catalog
from ...models.network import File
from ..errors import InputError
from .commands import checker, size_words
from .download import Route, by_hand, download
from .files import ModelFiles


@dataclass(frozen=True)
class Lacking:
    """A file that a preset needs and that isn't here."""

    key: str  # in the catalogue
    file: File

    @property
    def licence(self) -> str:
        return catalog[self.key].licence

    def line(self, route: Route) -> str:
        """Name, size, what it is for, and where it comes from."""
        hosts = dict.fromkeys(urlsplit(url).hostname or url for url in route.sources(self.file))
        place = catalog[self.key]
        facts = (size_words(self.file), f"{place.title}: {place.role}", f"from {', '.join(hosts)}")
        return f"{self.file.name} · {' · '.join(facts)}"


def lacking(files: ModelFiles, preset: str) -> list[Lacking]:
    """What a preset needs beyond what is here; of several in one place the first."""
    return [Lacking(need[0], catalog[need[0]].files[0]) for need in files.missing(preset)]


def offer_lines(wanted: Sequence[Lacking], preset: str, folder: Path, route: Route) -> Iterator[str]:
    """What would be downloaded, the licences first, and where it would go."""
    if not wanted:
        yield f"Preset {preset}: complete. Nothing needs to be downloaded."
        return
    known = sum(each.file.size for each in wanted)
    more = " and more" if any(not each.file.size for each in wanted) else ""
    yield f"Preset {preset} lacks {len(wanted)} files: {known / 1e6:.0f} MB{more}."
    yield "Licences:"
    for licence in dict.fromkeys(each.licence for each in wanted):
        names = ", ".join(each.file.name for each in wanted if each.licence == licence)
        yield f"- {licence}: {names}"
    yield "Files:"
    yield from (f"- {each.line(route)}" for each in wanted)
    yield f"Into {folder}"


@dataclass
class Progressing:
    """How far a download is, in plain values."""

    running: bool = False
    file: str = ""  # that is being fetched
    done: int = 0  # bytes of it
    total: int = 0  # bytes that it has; 0: not known
    finished: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stopped: bool = False


class _StoppedError(Exception):
    """The user wants no more of it; what was fetched stays, and is gone on with."""


class Fetching:
    """At most one download at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = Progressing()

    def start(self, wanted: Sequence[Lacking], folder: Path, route: Route) -> None:
        """Begin to fetch files into a folder. Raises InputError where a download runs already."""
        with self._lock:
            if self._state.running:
                raise InputError("A download runs already: wait for it, or stop it first.")
            self._stop.clear()
            self._state = Progressing(running=True)
            work = (list(wanted), folder, route)
            self._thread = threading.Thread(target=self._run, args=work, name="retalk-fetch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the download soon; a part of a file stays and is completed next time."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Return when nothing is being downloaded any more, or after some time."""
        if self._thread is not None:
            self._thread.join(seconds)

    def state(self) -> dict[str, Any]:
        """How far it is, for JSON."""
        with self._lock:
            return dict(vars(self._state))

    def _run(self, wanted: Sequence[Lacking], folder: Path, route: Route) -> None:
        try:
            for each in wanted:
                self._fetch(each, folder, route)
        except _StoppedError:
            self._state.stopped = True
        except Exception as error:  # whatever it is, the one who waits must hear of it
            self._state.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self._state.running = False

    def _fetch(self, wanted: Lacking, folder: Path, route: Route) -> None:
        self._state.file, self._state.done, self._state.total = wanted.file.name, 0, wanted.file.size
        try:
            if not route.sources(wanted.file):
                raise InputError(by_hand(wanted.file, folder))
            download(wanted.file, folder, checker(wanted.key), route, self._tell)
        except InputError as error:
            self._state.problems.append(str(error))
        else:
            self._state.finished.append(wanted.file.name)

    def _tell(self, done: int, total: int | None) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._state.done, self._state.total = done, total or self._state.total
