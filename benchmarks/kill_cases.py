"""Where a dub is stopped and by what: the table of `kills.py`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

STOPS = ("TERM", "INT", "HUP")
# A second one arrives while the first is heeded: an impatient person, a service or a terminal that ends.
PAIRS = ("INT INT", "INT TERM", "TERM HUP", "HUP TERM")
ENGINES = ("embedded", "stand-ins")
FULL = ("disk", "limit")


@dataclass(frozen=True)
class Moment:
    """One call of one function, on the way in or out."""

    stage: str
    place: str  # module:function of the core, or what a stage tells of its progress
    call: int = 1
    after: bool = False

    def __str__(self) -> str:
        return f"{'after' if self.after else 'in'} {self.place.rpartition(':')[2]} {self.call}"


@dataclass(frozen=True)
class Case:
    """One dub that is stopped, and then run again."""

    engine: str  # embedded; stand-ins or weights: the paper's, with such networks
    by: str  # signals, or what is full: a disk, or the room that a limit allows for each file
    moment: Moment | None = None
    share: float = 0.0  # without a moment: of the time or the room that an undisturbed dub takes
    older: bool = True  # whole results lie at the names already
    linked: bool = False  # the older result is behind a link

    def __str__(self) -> str:
        where = self.moment or (f"room for {self.share:.0%}" if self.by in FULL else f"at {self.share:.0%}")
        more = f"{'' if self.older else ', nothing older'}{', a link' if self.linked else ''}"
        return f"{self.engine}, {self.by}, {where}{more}"

    @property
    def stage(self) -> str:
        if self.moment is not None:
            return self.moment.stage
        return f"full {self.by}" if self.by in FULL else "any"


BOTH = (
    Moment("reading", "media.reader:open_clip"),
    Moment("reading", "media.reader:open_clip", after=True),
    Moment("listening", "dub.analysis:mouth_drive"),
    Moment("listening", "dub.analysis:mouth_drive", after=True),
    Moment("tracking", "progress:track"),
    Moment("tracking", "progress:track", 8),
    Moment("tracking", "dub.analysis:track_faces", after=True),
    Moment("synthesis", "dub.pipeline:make_engine"),
    Moment("synthesis", "progress:dub"),
    Moment("synthesis", "progress:dub", 7),
    Moment("synthesis", "media.writer:VideoWriter.write", 11),
    Moment("encoding", "media.writer:_Muxer.__init__", after=True),
    Moment("encoding", "media.writer:_Muxer.add", 5),
    Moment("encoding", "media.writer:_Muxer.finish"),
    Moment("encoding", "media.writer:_Muxer.__exit__"),
    Moment("fsync", "media.writer:settle"),
    Moment("fsync", "media.writer:settle", after=True),
    Moment("rename", "media.writer:VideoWriter._appear", after=True),
    Moment("checking", "progress:check"),
    Moment("checking", "progress:check", 8),
    Moment("checking", "dub.pipeline:check_result", after=True),
    Moment("checking", "dub.pipeline:draw_sheet"),
    Moment("sheet", "files:write_picture"),
    Moment("sheet", "files:write_picture", after=True),
    Moment("chart", "files:write_picture", 2, after=True),
    Moment("report", "files:write_file"),
    Moment("report", "files:write_file", after=True),
    Moment("report", "reports.report:Report.to_text", after=True),
)
EMBEDDED = (
    Moment("sheet", "files:settle"),
    Moment("sheet", "files:settle", after=True),
    Moment("chart", "files:settle", 2),
    Moment("report", "files:settle", 3, after=True),
)
PAPER = (
    Moment("weights", "compute.provider:LocalNetworks._fetch", 5),
    Moment("fitting", "progress:fit"),
    Moment("fitting", "dub.analysis:learn_likeness", after=True),
    Moment("keeping", "resume.store:Store._mark"),
    Moment("keeping", "resume.store:write_arrays"),
    Moment("keeping", "resume.store:write_arrays", after=True),
    Moment("keeping", "resume.store:write_arrays", 2, after=True),
    Moment("keeping", "resume.store:write_arrays", 5, after=True),
    Moment("keeping", "resume.store:write_patches"),
    Moment("keeping", "resume.store:write_patches", 2, after=True),
    Moment("keeping", "resume.store:Store.write", 3, after=True),
    Moment("keeping", "resume.store:Store._make_room", 6),
)
SHARES = (0.0, 0.05, 0.3, 0.6, 0.85, 0.97)  # of the room


def all_cases(seed: int, weights: bool) -> list[Case]:
    """Every moment, with stops drawn by the seed, times drawn by it too, and full disks."""
    draw = random.Random(seed)
    cases = [
        *_killed_and_stopped("embedded", (*BOTH, *EMBEDDED), draw),
        *_killed_and_stopped("stand-ins", PAPER, draw),
        *(Case("stand-ins", draw.choice(("KILL", *STOPS, *PAIRS)), moment) for moment in BOTH),
        *(_at_any_time("embedded", 6, draw)),
        *(_at_any_time("stand-ins", 10, draw)),
        *(_at_any_time("weights", 4, draw) if weights else ()),
        *(
            Case(engine, by, share=share)
            for engine in ("embedded", "stand-ins")
            for by in FULL
            for share in SHARES
        ),
    ]
    return [replace(case, older=i % 4 != 1, linked=i % 4 == 2) for i, case in enumerate(cases)]


def _killed_and_stopped(engine: str, moments: Sequence[Moment], draw: random.Random) -> Iterator[Case]:
    for moment in moments:
        yield Case(engine, "KILL", moment)
        yield Case(engine, draw.choice((*STOPS, *PAIRS)), moment)


def _at_any_time(engine: str, count: int, draw: random.Random) -> Iterator[Case]:
    for i in range(count):
        share = round((i + draw.random()) / count, 3)
        yield Case(engine, "KILL" if i % 3 == 0 else draw.choice(STOPS), share=share)
