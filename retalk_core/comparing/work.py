"""Make and judge every video of a comparison, each once, whatever stops the work between."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..compute.provider import NetworkProvider
from ..dub.choose import choose_engine
from ..dub.options import DubOptions
from ..dub.pipeline import dub
from ..dub.session import StageProgress, quiet
from ..errors import InputError, OptionError, RetalkError
from ..fields import changed
from ..judging.judge import judge
from ..judging.question import Question, asked_for, lacking_judges
from ..media.reader import open_clip
from ..metrics.registry import metrics
from ..stages.options import Stages
from ..version import __version__
from .inputs import PAIRED, SILENT, UNPAIRED, Case, prepare_cases, silent_case
from .kept import Kept, stamp
from .pairs import ClipAndVoice
from .remaining import Remaining
from .repaste import borrowed_faces, paste_given
from .systems import (
    PREVIEW,
    WITHOUT_AND_WITH_D,
    System,
    choose_systems,
    given_systems,
    restorer_systems,
    why_lacking,
    with_own_voice,
)

# Of one pair or one system, and no reason to give up the others
FAULTS_OF_ONE = (RetalkError, OSError, RuntimeError, ValueError, ArithmeticError)

_NOT_MADE: Mapping[str, Any] = {"seconds": 0.0, "weights": {}}  # of a video that is given
SOURCE = System("source", "Source", "", ("reference",), None)


@dataclass(frozen=True, kw_only=True)
class CompareQuestion:
    """What is to be compared on which pairs, and how it is judged."""

    pairs: Sequence[ClipAndVoice]
    folder: Path  # where all of it is kept
    systems: Sequence[str] = ()  # by the words of `known_systems`; none: all
    parts: bool = True  # also the paper's method in parts
    own_voice: bool = True  # also each clip with its own voice, where there is a truth
    shown: int = 3  # of the first pairs, in pictures and videos
    names: tuple[str, ...] = ()  # of metrics; none: all
    faces_only: bool = False  # the pictures are faces already
    real: Path | None = None  # a folder of real videos, for distances; None: the pairs' own clips
    frames: int = 64  # of each video, for distances

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in metrics()]
        if unknown:
            raise OptionError(f"There is no metric {unknown[0]}. Choose from {', '.join(metrics())}.")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one pair by one system."""

    case: Case
    system: System
    video: Path | None  # None: it failed
    seconds: float = 0.0  # that dubbing took; 0 where it wasn't dubbed here
    judgement: Mapping[str, Any] = field(default_factory=dict)  # as `Judgement.to_dict` has it
    failed: str = ""  # why
    weights: Mapping[str, Any] = field(default_factory=dict)  # files that drew it, by the network's key

    @property
    def values(self) -> Mapping[str, float]:
        """Its metrics by their names."""
        values: Mapping[str, float] = self.judgement.get("metrics", {})
        return values


@dataclass(frozen=True, eq=False)
class Work:
    """All that was made and judged."""

    question: CompareQuestion
    systems: tuple[System, ...]  # those that were asked for, whether they can run or not
    cases: tuple[Case, ...]
    entries: tuple[Outcome, ...]
    lacking: Mapping[str, str]  # by a system's name: why it can't run here

    def of(self, system: System, protocol: str = UNPAIRED) -> list[Outcome]:
        """What became of a system's pairs."""
        return [
            each
            for each in self.entries
            if each.system.name == system.name and each.case.protocol == protocol
        ]

    def entry(self, case: Case, system: System) -> Outcome | None:
        """What became of one of them; None: it wasn't asked for, or can't run."""
        found = (each for each in self.entries if each.case is case and each.system.name == system.name)
        return next(found, None)


def do_work(question: CompareQuestion, networks: NetworkProvider, progress: StageProgress = quiet) -> Work:
    """Make and judge what isn't made and judged yet. What fails is kept as such, and tried again next time.

    raises: InputError, OptionError for pairs or words that can't be used, before any system runs
    """
    systems = [*choose_systems(question.systems, parts=question.parts), *_given(question.pairs)]
    cases = prepare_cases(
        list(question.pairs), question.folder, own_voice=question.own_voice, progress=progress("prepare")
    )
    lacking = {
        each.name: why for each in (*systems, *restorer_systems()) if (why := why_lacking(each, networks))
    }
    planned = list(_plan(question, systems, cases, lacking))
    bench, left = _Bench(question, networks), Remaining(system.name for _, system in planned)
    entries = []
    for case, system in planned:
        begun = time.monotonic()
        entry, fresh = bench.entry(case, system, _numbered(progress, left, system, case))
        left.take(system.name, time.monotonic() - begun if fresh else None)
        entries.append(entry)
    made = tuple(dict.fromkeys(case for case, _ in planned))
    return Work(question, tuple(systems), made, tuple(entries), lacking)


def _given(pairs: Sequence[ClipAndVoice]) -> Iterator[System]:
    """The systems of which finished videos are given."""
    titles = dict.fromkeys(name for pair in pairs for name in pair.finished)
    for number, title in enumerate(titles, 1):
        yield from given_systems(title, number)


def _plan(
    question: CompareQuestion, systems: Sequence[System], cases: Sequence[Case], lacking: Mapping[str, str]
) -> Iterator[tuple[Case, System]]:
    """Which pair is asked of which system, pair by pair."""
    able = [system for system in systems if system.name not in lacking]
    own_voice = [with_own_voice(each) for each in able if each.is_whole and each.options is not None]
    parts = [each for each in able if each.name in WITHOUT_AND_WITH_D]
    restorers = [each for each in restorer_systems() if each.name not in lacking]
    for number, case in enumerate(cases):
        if case.protocol == PAIRED:
            yield from ((case, each) for each in own_voice)
            continue
        yield case, SOURCE
        yield from ((case, each) for each in able if each.options is not None or _video(case, each))
        if number < question.shown and parts:
            yield from ((case, each) for each in restorers)
            silent = silent_case(case, question.folder)
            yield from ((silent, each) for each in parts)


def _video(case: Case, system: System) -> Path | None:
    """The finished video that is given for a pair, or None."""
    return case.pair.finished.get(system.title)


def _numbered(progress: StageProgress, left: Remaining, system: System, case: Case) -> StageProgress:
    where = f"{left.words}; {system.label}, {case.name} with {case.protocol}"
    return lambda stage: progress(f"{where}: {stage}")


class _Bench:
    """Makes and judges one pair by one system."""

    def __init__(self, question: CompareQuestion, networks: NetworkProvider) -> None:
        self._question, self._networks = question, networks
        self._kept = Kept(question.folder)
        names = asked_for(question.names)
        self._judges = {  # what judgements depend on beside the videos
            "names": list(names),
            "faces_only": question.faces_only,
            "absent": sorted(dict(lacking_judges(names, networks))),
            "version": __version__,
        }

    def entry(self, case: Case, system: System, progress: StageProgress) -> tuple[Outcome, bool]:
        """What became of it, and whether that took any work now."""
        try:
            video, made, fresh = self._video(case, system, progress)
            judgement, judged = self._judgement(case, system, video, progress)
        except FAULTS_OF_ONE as error:
            words = str(error) if isinstance(error, RetalkError) else f"{type(error).__name__}: {error}"
            return Outcome(case, system, None, failed=words), True
        entry = Outcome(case, system, video, made["seconds"], judgement, weights=made["weights"])
        return entry, fresh or judged

    def _video(
        self, case: Case, system: System, progress: StageProgress
    ) -> tuple[Path, Mapping[str, Any], bool]:
        """The video, what was noted when it was made, and whether that was now."""
        if system.options is None:
            given = case.source if system is SOURCE else _video(case, system)
            assert given is not None
            if not system.repasted:
                return given, _NOT_MADE, False
        name = f"{case.folder}/{system.name}/{case.name}"
        path = self._question.folder / "videos" / f"{name}.mkv"
        key = self._key(case, system)
        known = self._kept.find(f"made/{name}", path, key)
        if known is not None:
            return path, known, False
        path.parent.mkdir(parents=True, exist_ok=True)
        made = self._make(case, system, path, progress)
        return path, self._kept.keep(f"made/{name}", path, key, made), True

    def _make(self, case: Case, system: System, path: Path, progress: StageProgress) -> Mapping[str, Any]:
        """Write a video; gives what is to be noted of it."""
        source, begun = open_clip(case.source), time.monotonic()
        if system.options is None:
            given = _video(case, system)
            assert given is not None
            with borrowed_faces(self._networks) as faces:
                paste_given(open_clip(given), source, faces, path, progress("paste"))
            return _NOT_MADE
        dubbed = dub(source, case.voice, path, system.options, self._networks, progress)
        weights = (dubbed.report.networks or {}).get("networks", {})
        return {"seconds": time.monotonic() - begun, "weights": weights}

    def _key(self, case: Case, system: System) -> dict[str, Any]:
        """What the pixels depend on."""
        if system.options is None:
            given = _video(case, system)
            assert given is not None
            return {"source": stamp(case.source), "given": stamp(given), "version": __version__}
        borrowed = choose_engine(system.options, self._networks).borrowed
        return {
            "source": stamp(case.source),
            "voice": stamp(case.voice),
            "options": _said(system.options),
            "weights": {key: self._networks.identity(key) for key in borrowed},
            "computing": self._networks.computing,
            "version": __version__,
        }

    def _judgement(
        self, case: Case, system: System, video: Path, progress: StageProgress
    ) -> tuple[Mapping[str, Any], bool]:
        if case.protocol == SILENT:  # only looked at
            return {}, False
        name = f"judged/{case.folder}/{system.name}/{case.name}"
        key = {"source": stamp(case.source), "voice": stamp(case.voice), **self._judges}
        known = self._kept.find(name, video, key)
        if known is not None:
            return known, False
        question = Question(
            result=open_clip(video),
            source=open_clip(case.source),
            voice=case.voice,
            truth=case.protocol == PAIRED,
            faces_only=self._question.faces_only,
            names=self._question.names,
            references=system is SOURCE,
        )
        found = judge(question, self._networks, progress).to_dict()
        return self._kept.keep(name, video, key, found), True


def _said(options: DubOptions) -> dict[str, str]:
    """What was chosen in words, by the options' names: an option that comes later changes none of them."""
    stages = options.chosen_stages
    found = {each.name: getattr(options, each.name) for each in changed(options, DubOptions())}
    if options.engine != PREVIEW:
        found |= {each.name: getattr(stages, each.name) for each in changed(stages, Stages())}
    return {name: str(value) for name, value in found.items()}


def check_folder(folder: Path) -> None:
    """Raise InputError where a comparison can't be kept; to be asked before the work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} can't be made a folder ({error.strerror}): choose another.") from error
