"""Who runs many tasks: a seam. Here one after the other; elsewhere processes of this machine, or Ray.

Whatever is to be done many times, dubs or crops to learn from, is a `Workload`: a class by its name, which is
made once by whoever computes and then called for task after task, so that it can keep its networks.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..imports import without_tidying
from ..types import Progress

Plain = Mapping[str, Any]  # values that JSON holds
Tell = Callable[[str], Progress]  # of a stage's name; gives what is told how far the stage is
Doing = Callable[[Plain, Tell], dict[str, Any]]  # does one task
TRIES = 4  # of a task whose worker dies, before it is given up: memory may run out once more
CORE = __package__.rpartition(".")[0]


@dataclass(frozen=True)
class Workload:
    """What is to be done with each task, and what one who does it needs."""

    place: str  # "room.module:Class" in the core; Class(**settings) does tasks
    settings: Plain = field(default_factory=dict)
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0  # bytes; 0: not stated


@dataclass(frozen=True)
class Task:
    """One of many."""

    number: int
    name: str  # for a person
    # What the work is given; None: there is nothing to do, and it comes back as it is
    given: Plain | None = None
    meant: Any = None  # whatever the caller wants to find again; it stays here


@dataclass(frozen=True)
class Answer:
    """What became of a task."""

    task: Task
    told: Plain | None = None  # what the work gave
    lost: str = ""  # why there is no answer, in a sentence


AnswerStream = Generator[Answer, None, None]
Watch = Callable[[Task, str, int, int | None], None]  # is told a task's stage, and how far that is


def unwatched(task: Task, stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""


class Executor(Protocol):
    """Runs tasks, and gives back each of them once, as soon as it is done.

    Tasks are taken only as fast as they are done: a million of them are never held. Who ends the iteration
    early, or is stopped, stops what runs.
    """

    def run(self, work: Workload, tasks: Iterable[Task], watch: Watch = unwatched) -> AnswerStream: ...


class OneByOne:
    """Runs tasks in this process, one after the other."""

    def run(self, work: Workload, tasks: Iterable[Task], watch: Watch = unwatched) -> AnswerStream:
        doing: Doing | None = None
        for task in tasks:
            if task.given is None:
                yield Answer(task)
                continue
            if doing is None:
                doing = begin(work.place, work.settings)
            yield Answer(task, doing(task.given, telling(task, watch)))


def begin(place: str, settings: Plain) -> Doing:
    """Make what does a work's tasks."""
    module, _, name = place.partition(":")
    with without_tidying():
        room = importlib.import_module(f"{CORE}.{module}")
    made: Doing = getattr(room, name)(**settings)
    return made


def telling(task: Task, watch: Watch) -> Tell:
    """Tell a watch how far the stages of a task are."""

    def stage(name: str) -> Progress:
        watch(task, name, 0, None)
        return lambda done, total: watch(task, name, done, total)

    return stage
