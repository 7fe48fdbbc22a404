"""Other machines do tasks, by Ray: each task states what it takes, and one whose node dies is done anew.

Ray's workers are reused for task after task, so each keeps its networks. Nothing else imports Ray.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..errors import InputError, in_a_line
from ..places import PACK
from ..version import __version__
from .executors import TRIES, Answer, AnswerStream, Plain, Task, Watch, Workload, unwatched

AHEAD = 2  # tasks that wait for each one that runs: nobody idles, and a cluster that grows sees why
FEWEST_AHEAD = 4  # tasks that are handed over in any case: an empty cluster may be about to grow
LOOKING_PAUSE = 0.5  # seconds between two looks at how far tasks are
HOW = {"log_to_driver": False, "logging_level": "ERROR", "namespace": "retalk", "ignore_reinit_error": True}
# How Ray's workers rank among a machine's programs unless it is told otherwise: behind all others
LAST = 15


class RayTasks:
    """Runs tasks on a cluster that Ray holds together."""

    def __init__(self, address: str, say: Callable[[str], None] = print) -> None:
        """Join a cluster.

        address: auto: the cluster of this machine; HOST:PORT of its head, or ray://HOST:10001 from outside it
        say:     is told in a sentence what is unwise about the cluster
        raises:  InputError where there is no Ray, or no cluster
        """
        self._ray = _joined(address)
        self._say = say

    def run(self, work: Workload, tasks: Iterable[Task], watch: Watch = unwatched) -> AnswerStream:
        """Run tasks; see `Executor`."""
        ray, running = self._ray, dict[Any, Task]()
        _check_fits(ray, work, self._say)
        board = _Board(ray, watch)
        do = _remote(ray, work, board.actor)
        waiting, more = iter(tasks), True
        try:
            while more or running:
                while more and len(running) < _wanted(ray, work):
                    task = next(waiting, None)
                    if task is None:
                        more = False
                    elif task.given is None:
                        yield Answer(task)
                    else:
                        named = do.options(name=f"retalk {task.name}")  # as the dashboard shows it
                        running[named.remote(task.number, json.dumps(task.given))] = task
                if running:
                    yield from self._ended(running, board)
        finally:
            for each in running:
                with suppress(Exception):  # the cluster may be gone
                    ray.cancel(each, force=True)
            board.close()

    def _ended(self, running: dict[Any, Task], board: _Board) -> Iterator[Answer]:
        """The answers of tasks that have ended since."""
        ended, _ = self._ray.wait(list(running), num_returns=1, timeout=LOOKING_PAUSE)
        board.show(running.values())
        for each in ended:
            task = running.pop(each)
            yield self._answer(task, each)

    def _answer(self, task: Task, ended: Any) -> Answer:  # noqa: ANN401 - a promise of Ray's
        try:
            told = json.loads(self._ray.get(ended))
        except self._ray.exceptions.RayTaskError as error:
            return Answer(task, lost=f"a worker could not do it ({in_a_line(error.cause, 300)}).")
        except self._ray.exceptions.RayError as error:
            return Answer(task, lost=f"its worker or node died {TRIES} times ({in_a_line(error)}).")
        if told["nice"] >= LAST:
            self._say(
                f"Ray's workers let every other program go first (nice {told['nice']}): on a busy machine "
                "they take many times as long. Start each node with RAY_worker_niceness=0."
            )
            self._say = _silent
        return Answer(task, told["told"])


def _silent(words: str) -> None:
    """Say it once."""


def _joined(address: str) -> Any:  # noqa: ANN401 - Ray's types would be imported
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # who dubs here has agreed to no statistics
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise InputError(
            "--ray needs the package ray: `pip install 'ray>=2.40'`, here and on each node."
        ) from None
    try:
        ray.init(address=address, **HOW)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise InputError(
            f"No Ray cluster answers at {address} ({in_a_line(error)}). Start one with "
            "`ray start --head`, or name its head as HOST:PORT; docs/scale.md says how."
        ) from None
    return ray


# How many at a time


def _wanted(ray: Any, work: Workload) -> int:  # noqa: ANN401
    """How many tasks to have handed over: those that fit into the cluster as it is, and some to wait."""
    return max(AHEAD * _fitting(ray.cluster_resources(), work), FEWEST_AHEAD)


def _fitting(resources: Plain, work: Workload) -> int:
    """How many tasks can run at a time."""
    taken = {"CPU": work.cpus, "GPU": work.gpus, "memory": work.memory}
    return min(
        (int(resources.get(name, 0) / each) for name, each in taken.items() if each), default=FEWEST_AHEAD
    )


def _check_fits(ray: Any, work: Workload, say: Callable[[str], None]) -> None:  # noqa: ANN401
    """Say so where no node has what a task takes: it waits until one has, which may be for ever."""
    nodes = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    if any(_fitting(each, work) for each in nodes):
        return
    most = {name: max((each.get(name, 0) for each in nodes), default=0) for name in ("CPU", "GPU", "memory")}
    say(
        f"A job takes {work.cpus:g} CPUs, {work.gpus:g} GPUs and {work.memory / 1e9:g} GB, but the largest "
        f"node has {most['CPU']:g} CPUs, {most['GPU']:g} GPUs, {most['memory'] / 1e9:.1f} GB: jobs wait "
        "until the cluster has one that fits. If it doesn't grow, ask for less with --cpus, --gpus, --memory."
    )


# What is sent to a node. It is sent as it stands here, since the node may have the pack elsewhere.


def _remote(ray: Any, work: Workload, board: Any) -> Any:  # noqa: ANN401
    """What does one task on a node, with what it takes stated."""
    place, settings, threads = work.place, dict(work.settings), max(int(work.cpus), 1)
    pack, version, pause = str(PACK), __version__, LOOKING_PAUSE
    kept: dict[str, Any] = {}  # in a worker it lasts from task to task

    def do(number: int, given: str) -> str:
        """Do a task; what does it is kept for the next one in this process."""
        import json as plain
        import os as system
        import runpy
        import sys
        import time as clock
        from importlib import import_module
        from pathlib import Path

        system.environ["OMP_NUM_THREADS"] = str(threads)
        if "retalk_nodes" not in sys.modules:
            boot = f"{pack}/__main__.py"
            if Path(boot).is_file():  # at the same place as where the work was begun
                runpy.run_path(boot)["load_pack"]()
            found = import_module("retalk_nodes").__version__
            if found != version:
                raise RuntimeError(f"this node has ReTalk {found}, but {version} is needed there")
        if not kept:
            executors = import_module("retalk_nodes.retalk_core.jobs.executors")
            kept[place] = executors.begin(place, settings)
        last = [0.0]

        def tell(stage: str) -> Any:  # noqa: ANN401
            def progress(done: int, total: int | None) -> None:
                if clock.monotonic() - last[0] > pause:
                    last[0] = clock.monotonic()
                    print(f"retalk: task {number}: {stage} {done} of {total}", flush=True)  # for Ray's log
                    board.tell.remote(number, stage, done, total)

            return progress

        return plain.dumps({"told": kept[place](plain.loads(given), tell), "nice": system.nice(0)})

    taken = {"num_cpus": work.cpus, "num_gpus": work.gpus, "max_retries": TRIES - 1, "max_calls": 0}
    if work.memory:
        taken["memory"] = work.memory
    return ray.remote(**taken)(do)


class _Board:
    """Where workers say how far they are, and where that is read."""

    def __init__(self, ray: Any, watch: Watch) -> None:  # noqa: ANN401
        class Noted:
            """How far each task is."""

            def __init__(self) -> None:
                self.found: dict[int, Any] = {}

            def tell(self, number: int, stage: str, done: int, total: int | None) -> None:
                self.found[number] = (stage, done, total)

            def take(self) -> dict[int, tuple[str, int, int | None]]:
                found, self.found = self.found, {}
                return found

        self._ray, self._watch = ray, watch
        self.actor = ray.remote(num_cpus=0, max_restarts=-1)(Noted).remote()
        self._asked: Any = None
        self._last = 0.0

    def show(self, tasks: Iterable[Task]) -> None:
        """Tell the watch what was said since; never wait for it."""
        if self._asked is None:
            if time.monotonic() - self._last > LOOKING_PAUSE:
                self._asked, self._last = self.actor.take.remote(), time.monotonic()
            return
        ready, _ = self._ray.wait([self._asked], timeout=0)
        if not ready:
            return
        with suppress(self._ray.exceptions.RayError):  # it is started anew elsewhere
            found = self._ray.get(self._asked)
            for task in tasks:
                if task.number in found:
                    self._watch(task, *found[task.number])
        self._asked = None

    def close(self) -> None:
        with suppress(Exception):  # the cluster may be gone
            self._ray.kill(self.actor)
