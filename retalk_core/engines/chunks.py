"""Work a stream of frames off in chunks, and take over those that an earlier run finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from ..crops.patch import Patch
from ..types import FaceTrack, Frame, Progress, silent
from .base import LipsPlan, Part, Store

CHUNK_FRAMES = 16  # output frames that go through the stages together; resuming counts in them
CHUNK_BYTES = 100_000_000  # of those frames; of larger pictures fewer go together


class PartEditor(Protocol):
    """Edits frames some at a time, and says what the next ones go on from."""

    def edit(self, part: Part, progress: Progress) -> list[Patch | None]:
        """The edits of some frames; `progress` is told again and again and may raise to stop the work."""
        ...

    def skip(self, part: Part) -> None:
        """Pass over frames whose edits are there already."""
        ...

    def state(self) -> Mapping[str, np.ndarray] | None:
        """What the next part goes on from; None where each stands alone."""
        ...

    def go_on_from(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what an earlier run had come to."""
        ...


class ChunkedEngine:
    """Lets an editor work through a stream; memory doesn't grow with the clip."""

    def __init__(
        self,
        editor: PartEditor,
        track: FaceTrack,
        plan: LipsPlan,
        *,
        store: Store | None = None,
        progress: Progress = silent,
        together: int = 1,
    ) -> None:
        """Get ready.

        store:    keeps finished chunks, and gives back those of an earlier run
        progress: told the frames done, also while networks run; may raise to stop the work
        together: output frames that must go through the stages together, however large they are
        """
        self._editor, self._store, self._progress = editor, store, progress
        self._rows, self._edited = plan.rows, edited_outputs(track, plan)
        height, width = track.frame_size
        fits = int(np.clip(CHUNK_BYTES // (3 * height * width), 2, CHUNK_FRAMES))
        self._length = max(fits // together, 1) * together
        self.resumed = 0  # output frames taken over from an earlier run

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        """Pair each output frame, in order, with the pixels to put into it (None: it stays as it is)."""
        stream, count = iter(frames), len(self._rows)
        for number, start in enumerate(range(0, count, self._length)):
            outputs = np.arange(start, min(start + self._length, count))
            taken = list(islice(stream, len(outputs)))
            yield from zip(taken, self._patches(number, outputs, taken), strict=True)

    def _patches(self, number: int, outputs: np.ndarray, frames: Sequence[Frame]) -> list[Patch | None]:
        """The edits of one chunk, from an earlier run if it got so far."""
        shown = np.flatnonzero(self._edited[outputs])
        part = Part(frames, outputs, self._rows[outputs])[shown.tolist()]
        patches = self._taken_over(number, part)
        if patches is not None:
            self.resumed += len(outputs)
            return patches
        patches = [None] * len(outputs)
        if len(shown):
            done = self._editor.edit(part, self._beat(int(outputs[0])))
            for i, patch in zip(shown.tolist(), done, strict=True):
                patches[i] = patch
        self._keep(number, patches)
        return patches

    def _taken_over(self, number: int, part: Part) -> list[Patch | None] | None:
        """The edits of a chunk, where all is there that the next one goes on from."""
        patches = self._store.read(number) if self._store is not None else None
        if patches is None or self._store is None:
            return None
        if self._editor.state() is not None:
            state = self._store.read_state(f"mask_{number:06}")
            if state is None:
                return None
            self._editor.go_on_from(state)
        self._editor.skip(part)
        return patches

    def _keep(self, number: int, patches: Sequence[Patch | None]) -> None:
        """Store what the next chunk goes on from, then the chunk itself."""
        if self._store is None:
            return
        state = self._editor.state()
        if state is not None:
            self._store.write_state(f"mask_{number:06}", state)
        self._store.write(number, patches)

    def _beat(self, begun: int) -> Progress:
        """A sign of life: whatever a stage has done, so many frames are finished."""

        def tell(done: int, total: int | None) -> None:
            self._progress(begun, len(self._rows))

        return tell


def edited_outputs(track: FaceTrack, plan: LipsPlan) -> np.ndarray:
    """Which output frames are edited at all, (T,) bool."""
    return (plan.show > 0) & track.present.numpy()[plan.rows]
