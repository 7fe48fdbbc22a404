"""The seam: tasks come back once each, and are taken no faster than they are done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from retalk_nodes.retalk_core.jobs import executors
from retalk_nodes.retalk_core.jobs.executors import OneByOne, Task, Workload


class Doubler:
    """Workload that needs nothing."""

    made = 0

    def __init__(self, by: int) -> None:
        type(self).made += 1
        self._by = by

    def __call__(self, given: dict[str, int], tell: executors.Tell) -> dict[str, Any]:
        tell("multiply")(1, 2)
        return {"number": given["number"] * self._by}


def test_here_tasks_are_done_one_after_the_other_by_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    Doubler.made = 0
    monkeypatch.setattr(executors, "begin", lambda place, settings: Doubler(**settings))
    taken: list[int] = []
    heard: list[tuple[int, str, int, int | None]] = []

    def tasks() -> Iterator[Task]:
        for number in range(4):
            taken.append(number)
            yield Task(number, str(number), None if number == 1 else {"number": number}, "kept")

    running = OneByOne().run(
        Workload("a:b", {"by": 3}), tasks(), lambda task, *told: heard.append((task.number, *told))
    )
    first = next(running)
    assert first.told == {"number": 0} and taken == [0]
    found = [first, *running]
    assert [each.told for each in found] == [{"number": 0}, None, {"number": 6}, {"number": 9}]
    assert Doubler.made == 1 and {each.task.meant for each in found} == {"kept"}
    assert heard[:2] == [(0, "multiply", 0, None), (0, "multiply", 1, 2)]


def test_who_has_nothing_to_do_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "begin", lambda place, settings: pytest.fail("made"))
    assert len(list(OneByOne().run(Workload("a:b"), (Task(n, "") for n in range(3))))) == 3
