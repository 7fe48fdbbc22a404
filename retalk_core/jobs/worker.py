"""A process of this machine that does tasks: one JSON object a line comes in, others go out."""

from __future__ import annotations

import _thread
import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import IO, Any

from ..types import Progress
from .executors import begin

STOPPING = (signal.SIGINT, signal.SIGTERM)
TELLING_PAUSE = 0.25  # seconds between two words on how far a stage is
# What a new Python is given to run: the pack from where it lies, under its own name.
BOOT = (
    "import runpy, sys; runpy.run_path(sys.argv[1])['load_pack'](); "
    "from retalk_nodes.retalk_core.jobs.worker import serve; serve()"
)


def serve() -> None:
    """Do tasks until nothing comes in any more. Who started this process and ends takes it along."""
    for number in STOPPING:
        signal.signal(number, _stop)
    sent = _own_output()
    coming: queue.SimpleQueue[str] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(coming, busy), daemon=True).start()
    with suppress(KeyboardInterrupt):
        wanted = json.loads(coming.get() or "null")
        if wanted is None:
            return
        doing = begin(wanted["place"], wanted["settings"])
        _send(sent, {"ready": True})
        while line := coming.get():
            busy.set()
            told = doing(json.loads(line), _Teller(sent).stage)
            busy.clear()
            _send(sent, {"told": told})


def _stop(number: int, frame: object) -> None:
    for each in STOPPING:  # a second one must not interrupt the cleaning up
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _own_output() -> IO[str]:
    """A way out of this process; what anything prints goes to where complaints go."""
    sent = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape")
    os.dup2(2, 1)
    return sent


def _listen(coming: queue.SimpleQueue[str], busy: threading.Event) -> None:
    """Hand lines on; at their end stop what is done."""
    for line in sys.stdin:
        coming.put(line)
    if busy.is_set():
        _thread.interrupt_main()
    coming.put("")


def _send(sent: IO[str], message: dict[str, Any]) -> None:
    sent.write(f"{json.dumps(message)}\n")
    sent.flush()


class _Teller:
    """Tells how far a task is, now and then."""

    def __init__(self, sent: IO[str]) -> None:
        self._sent, self._last = sent, 0.0

    def stage(self, name: str) -> Progress:
        self._last = time.monotonic()
        _send(self._sent, {"stage": name, "done": 0, "total": None})

        def tell(done: int, total: int | None) -> None:
            now = time.monotonic()
            if now - self._last >= TELLING_PAUSE:
                self._last = now
                _send(self._sent, {"stage": name, "done": done, "total": total})

        return tell
