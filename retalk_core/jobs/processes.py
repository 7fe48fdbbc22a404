"""Processes of this machine do tasks side by side; one that dies is replaced, and its task done anew."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..compute.memory import free_on_cpu
from ..errors import RetalkError
from ..places import PACK
from .executors import TRIES, Answer, AnswerStream, Plain, Task, Watch, Workload, unwatched
from .worker import BOOT

EMBEDDED_NEEDS, RETALK_NEEDS = 1_250_000_000, 5_000_000_000  # bytes of a process, at 1080p
RETALK_CORES = 4  # that a dub by the paper's networks makes good use of
ENDING_SECONDS = 10.0  # seconds in which a process that is told to stop may clean up
_Heard = tuple["_Process", dict[str, Any] | None]  # None: it ended


class Processes:
    """Runs tasks in several processes, each of which keeps its networks."""

    def __init__(self, count: int, tries: int = TRIES) -> None:
        """count: processes, at least 1; tries: how often a task is begun whose process dies."""
        if count < 1:
            raise ValueError(f"{count} processes do nothing")
        self._count, self._tries = count, tries

    def run(self, work: Workload, tasks: Iterable[Task], watch: Watch = unwatched) -> AnswerStream:
        """Run tasks; see `Executor`. Raises RetalkError where a process doesn't come up."""
        heard: queue.SimpleQueue[_Heard] = queue.SimpleQueue()
        pool: list[_Process] = []
        waiting = iter(tasks)
        try:
            while True:
                for task in _handed_out(waiting, self._idle(pool, work, heard)):
                    yield Answer(task)
                if not any(each.task for each in pool):
                    return
                yield from self._answers(heard.get(), pool, work, watch)
        finally:
            for each in pool:
                each.end()

    def _idle(
        self, pool: list[_Process], work: Workload, heard: queue.SimpleQueue[_Heard]
    ) -> Iterator[_Process]:
        """Processes that have nothing to do; new ones as far as there may be more."""
        while True:
            free = next((each for each in pool if each.task is None), None)
            if free is None and len(pool) < self._count:
                free = _Process(work, heard, _threads(self._count))
                pool.append(free)
            if free is None:
                return
            yield free

    def _answers(self, news: _Heard, pool: list[_Process], work: Workload, watch: Watch) -> Iterator[Answer]:
        """What follows from a word of a process, or from its end."""
        process, message = news
        task = process.task
        if message is None:
            pool.remove(process)
            yield from self._lost(process, pool, work)
        elif task is not None and "told" in message:
            process.task = None
            yield Answer(task, message["told"])
        elif task is not None and "stage" in message:
            watch(task, message["stage"], message["done"], message["total"])

    def _lost(self, process: _Process, pool: list[_Process], work: Workload) -> Iterator[Answer]:
        """Begin a task anew whose process has died, or give it up."""
        code = process.end()
        if process.task is None:
            return
        if not process.ready and process.tries == 1 and not any(each.ready for each in pool):
            raise RetalkError(
                f"A process of this machine that was to work did not come up (exit status {code}); what it "
                "said stands above. Try with one worker."
            )
        if process.tries >= self._tries:
            yield Answer(
                process.task,
                lost=f"the process that worked on it died {process.tries} times ({_cause(code)}); there may "
                "be too little memory: use fewer workers.",
            )
            return
        anew = _Process(work, process.heard, _threads(self._count))
        pool.append(anew)
        anew.give(process.task, process.tries + 1)


def _handed_out(waiting: Iterator[Task], idle: Iterator[_Process]) -> Iterator[Task]:
    """Give tasks to idle processes as far as there are any; tasks with nothing to do come back."""
    process = next(idle, None)
    while process is not None and (task := next(waiting, None)) is not None:
        if task.given is None:
            yield task
            continue
        process.give(task)
        process = next(idle, None)


def workers_that_fit(words: Plain) -> int:
    """How many processes suit this machine, by cores and memory.

    words: what is known of the options of all dubs; without an engine in them the dearer one is reckoned with
    """
    cores, free = os.cpu_count() or 1, free_on_cpu()
    if words.get("engine") == "embedded":
        return max(min(cores, free // EMBEDDED_NEEDS), 1)
    return max(min(cores // RETALK_CORES, free // RETALK_NEEDS), 1)


def _threads(count: int) -> int:
    """How many threads each of several processes may use."""
    return max((os.cpu_count() or 1) // count, 1)


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"


class _Process:
    """One of them, and what it does at the moment."""

    def __init__(self, work: Workload, heard: queue.SimpleQueue[_Heard], threads: int) -> None:
        self.heard = heard
        self.task: Task | None = None
        self.tries = 0
        self.ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", BOOT, str(PACK / "__main__.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            env={"OMP_NUM_THREADS": str(threads), **os.environ},
            start_new_session=True,  # Ctrl-C is for who started it
        )
        self._say({"place": work.place, "settings": dict(work.settings)})
        threading.Thread(target=self._listen, daemon=True).start()

    def give(self, task: Task, tries: int = 1) -> None:
        """Let it do a task. One that has died is noticed by its silence."""
        self.task, self.tries = task, tries
        self._say(dict(task.given or {}))

    def end(self) -> int:
        """Let it stop, and wait for that; gives its exit status, below 0 the signal that ended it."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self.task is not None:
            self._process.terminate()
        try:
            return self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _say(self, message: dict[str, Any]) -> None:
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.write(f"{json.dumps(message)}\n")
                self._process.stdin.flush()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            with suppress(ValueError):  # cut off where it died
                message = json.loads(line)
                self.ready = self.ready or "ready" in message
                self.heard.put((self, message))
        self.heard.put((self, None))
