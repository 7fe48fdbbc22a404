"""How far the command is: one progress bar for each stage."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..types import Progress


STAGES = {
    "listen": "listening",
    "track": "finding the face",
    "frame": "framing the face",
    "fit": "reading its expression",
    "dub": "dubbing",
    "check": "checking",
    "judge": "judging",
    "source": "judging the source",
}


class Bars:
    """One progress bar for each stage, with rate and remaining time; on a terminal or in a log."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *failure: object) -> None:
        self._close()

    def __call__(self, stage: str) -> Progress:
        return self._open(STAGES.get(stage, stage), " s" if stage == "listen" else " frames")

    def of(self, words: str, unit: str) -> Progress:
        """A bar for something else that is counted."""
        return self._open(words, unit)

    def of_bytes(self, name: str) -> Progress:
        """A bar that counts bytes."""
        return self._open(name, "B", unit_scale=True)

    def _open(self, words: str, unit: str, **more: Any) -> Progress:  # noqa: ANN401
        from tqdm import tqdm

        self._close()
        hidden = self._quiet or sys.stderr is None  # as where there is no console
        seen_live = not hidden and sys.stderr.isatty()
        bar = tqdm(
            desc=words,
            unit=unit,
            disable=hidden,
            mininterval=0.2 if seen_live else 15,
            leave=True,
            file=sys.stderr,
            **more,
        )
        self._bar = bar

        def tell(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return tell

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
