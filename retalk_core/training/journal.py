"""What a run tells: a line of JSON for every interval, strips of pictures, TensorBoard if it is installed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_file, write_picture
from ..places import unwritable

LOG = "log.jsonl"


class RunJournal:
    """Writes into a run's folder; what came after the state that a run goes on from is dropped."""

    def __init__(self, folder: Path, begun: int) -> None:
        """begun: steps that were done before"""
        self.folder, self._path = folder, folder / LOG
        self._board: Any = None
        kept = [line for line in read_log(self._path) if line.get("step", 0) <= begun]
        write_file(self._path, "".join(f"{json.dumps(line)}\n" for line in kept).encode())
        if find_spec("tensorboard") is not None:
            with suppress(ImportError):  # half of it may be there
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=begun)

    def note(self, step: int, **facts: Any) -> None:  # noqa: ANN401 - anything that JSON holds
        """Add a line; it is there whole, or not at all. Raises InputError where the disk is full."""
        line = json.dumps({"step": step, "time": round(time.time(), 3), **facts}) + "\n"
        try:
            opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(opened, line.encode())
            finally:
                os.close(opened)
        except OSError as error:
            raise unwritable(self._path, error) from error
        if self._board is not None:
            for name, value in _numbers(facts):
                self._board.add_scalar(name, value, step)

    def show(self, step: int, strip: np.ndarray) -> None:
        """Keep a strip of pictures, (H, W, 3) uint8."""
        pictures = self.folder / "strips"
        pictures.mkdir(exist_ok=True)
        write_picture(pictures / f"step_{step:09d}.png", strip)
        if self._board is not None:
            self._board.add_image("strip", strip, step, dataformats="HWC")

    def close(self) -> None:
        """Let go of TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's log; what is no whole line is left out."""
    lines = []
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                found = json.loads(line)
                lines += [found] if isinstance(found, dict) else []
    return lines


def _numbers(facts: Mapping[str, Any], before: str = "") -> list[tuple[str, float]]:
    """All numbers in what was noted, each with its path."""
    found: list[tuple[str, float]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{before}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{before}{name}", float(value)))
    return found
