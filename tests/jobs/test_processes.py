"""Processes of this machine: each task is done once, whatever dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from retalk_nodes.retalk_core.errors import RetalkError
from retalk_nodes.retalk_core.jobs import processes
from retalk_nodes.retalk_core.jobs.executors import Task, Workload
from retalk_nodes.retalk_core.jobs.processes import Processes, workers_that_fit


def tasks(count: int, **given: object) -> Iterator[Task]:
    return (Task(number, str(number), {"number": number, **given}) for number in range(count))


def test_each_task_is_done_once_and_those_with_nothing_to_do_come_back(
    noting: Callable[..., Workload], notes: Callable[[str], list[str]]
) -> None:
    heard = set()
    mixed = (Task(each.number, each.name, None if each.number % 5 == 0 else each.given) for each in tasks(20))
    running = Processes(2).run(noting(), mixed, lambda task, *told: heard.add(told))
    found = {each.task.number: each.told for each in running}
    assert sorted(found) == list(range(20))
    assert all((found[number] is None) == (number % 5 == 0) for number in found)
    assert len(notes("done")) == 16
    assert len({line.split()[2] for line in notes("begun")}) == 2  # processes
    assert ("working", 0, None) in heard
    assert {told["threads"] for told in found.values() if told} == {os.environ["OMP_NUM_THREADS"]}


def test_tasks_are_taken_no_faster_than_they_are_done(noting: Callable[..., Workload]) -> None:
    taken = []

    def counted() -> Iterator[Task]:
        for task in tasks(30):
            taken.append(task.number)
            yield task

    running = Processes(2).run(noting(), counted())
    next(running)
    assert len(taken) <= 3
    running.close()


@pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals")
def test_a_process_that_is_killed_is_replaced_and_its_task_done_anew(
    noting: Callable[..., Workload], notes: Callable[[str], list[str]]
) -> None:
    killed = []

    def kill(task: Task, *told: object) -> None:
        if task.number in (3, 4) and task.number not in killed:
            killed.append(task.number)
            begun = next(line for line in notes("begun") if line.split()[1] == str(task.number))
            os.kill(int(begun.split()[2]), signal.SIGKILL)

    found = list(Processes(2).run(noting(pause=0.3), tasks(8), kill))
    assert sorted(each.told["number"] for each in found if each.told) == list(range(8))
    assert len(notes("begun")) == 10 and killed == [3, 4]


@pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals")
def test_a_task_that_kills_every_process_is_given_up_and_keeps_no_other(
    noting: Callable[..., Workload],
) -> None:
    mixed = [*tasks(1), Task(1, "deadly", {"number": 1, "dies": True}), Task(2, "", {"number": 2})]
    found = {each.task.number: each for each in Processes(1, tries=2).run(noting(), mixed)}
    assert "died 2 times (signal 9)" in found[1].lost and "memory" in found[1].lost
    assert found[0].told and found[2].told


def test_a_process_that_does_not_come_up_is_told(noting: Callable[..., Workload]) -> None:
    with pytest.raises(RetalkError, match="did not come up"):
        list(Processes(1).run(Workload("nowhere:Nothing"), tasks(2)))


@pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals")
def test_who_stops_takes_the_processes_along(
    noting: Callable[..., Workload], notes: Callable[[str], list[str]]
) -> None:
    running = Processes(2).run(noting(), (Task(n, "", {"number": n, "pause": n * 60}) for n in range(4)))
    assert next(running).told
    begun = time.monotonic()
    running.close()
    assert time.monotonic() - begun < 5
    for line in notes("begun"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(line.split()[2]), 0)


@pytest.mark.parametrize(
    ("engine", "cores", "free", "count"),
    [
        ("embedded", 8, 64, 8),
        ("embedded", 8, 4.0, 3),
        ("embedded", 8, 0.1, 1),
        ("retalk", 8, 64, 2),
        ("retalk", 64, 32, 6),
        ("auto", 2, 64, 1),
    ],
)
def test_as_many_processes_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, engine: str, cores: int, free: float, count: int
) -> None:
    monkeypatch.setattr(processes, "free_on_cpu", lambda: int(free * 1e9))
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert workers_that_fit({"engine": engine}) == count
