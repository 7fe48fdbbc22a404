"""Ctrl-C, being terminated, a closed terminal: the first one stops the work, the others nothing more."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPS = ("SIGINT", "SIGTERM", "SIGHUP")


class Stops:
    """Hears signals to stop, and raises the first as KeyboardInterrupt inside `heeded`, nowhere else.

    What follows the first changes nothing: it must not interrupt the cleaning up, nor what is said at last.
    """

    def __init__(self) -> None:
        self._heeding = False
        self._heard = False  # one that came before anything was to be stopped
        self._previous: dict[int, Any] = {}

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Let a signal stop what is done in the block."""
        self._heeding = True
        if self._heard:
            self._stop(0, None)
        try:
            yield
        finally:
            self._heeding = False

    def listen(self) -> None:
        """Begin to hear. Only the main thread may; a signal that is ignored, as under nohup, stays so."""
        if threading.current_thread() is not threading.main_thread():
            return
        numbers = [getattr(signal, name) for name in STOPS if hasattr(signal, name)]
        self._previous = {number: signal.getsignal(number) for number in numbers}
        for number in self._numbers():
            signal.signal(number, self._stop)

    def give_back(self) -> None:
        """Let signals do what they did before."""
        for number in self._numbers():
            signal.signal(number, self._previous[number])

    def ignore(self) -> None:
        """Let signals do nothing any more: all is done, and Python ends, which takes a moment."""
        for number in self._numbers():
            signal.signal(number, signal.SIG_IGN)

    def _numbers(self) -> list[int]:
        return [number for number, before in self._previous.items() if before is not signal.SIG_IGN]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        heeding, self._heeding, self._heard = self._heeding, False, True
        if heeding:
            raise KeyboardInterrupt
