"""Shows an engine faces without what lies before them, and leaves that as it is: it moves with itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..boxes import Box
from ..covers.pixels import CoverMask, cover_mask, uncovered
from ..crops.patch import Patch
from ..types import FaceTrack, Frame, Pixels
from .base import Engine, FramesAt


class UncoveredEngine:
    """Lets an engine edit frames in which something lies before a part of the face."""

    def __init__(self, engine: Engine, track: FaceTrack, rows: np.ndarray, show: np.ndarray) -> None:
        """Get ready.

        rows: (T,) the row of the track that each output frame shows
        show: (T,) how far each one's edit shows; where it is 0 nobody looks
        """
        self._engine, self._track, self._rows, self._show = engine, track, rows, show
        self.resumed = engine.resumed  # output frames taken over from an earlier run

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        """Pair each output frame, in order, with the pixels to put into it (None: it stays as it is)."""
        waiting: deque[tuple[Frame, CoverMask | None]] = deque()

        def shown() -> Iterator[Frame]:
            for frame, row, show in zip(frames, self._rows.tolist(), self._show.tolist(), strict=True):
                mask = mask_at(self._track, row, frame.picture) if show > 0 else None
                waiting.append((frame, mask))
                yield _bare(frame, self._track, row, mask)

        for _, patch in self._engine.edits(shown()):
            frame, mask = waiting.popleft()
            self.resumed = self._engine.resumed
            yield frame, patch if patch is None or mask is None else put_before(patch, frame.picture, mask)


def without_covers(frames_at: FramesAt, track: FaceTrack) -> FramesAt:
    """The same frames, without what lies before the face in them."""
    if track.cover is None:
        return frames_at

    def bare(rows: Sequence[int], /) -> Iterator[Frame]:
        for row, frame in zip(rows, frames_at(rows), strict=True):
            yield _bare(frame, track, row, mask_at(track, row, frame.picture))

    return bare


def mask_at(track: FaceTrack, row: int, pixels: Pixels) -> CoverMask | None:
    """What lies before the face in the frame of a row; None where nothing does."""
    if track.cover is None or not bool(track.cover[row].any()):
        return None
    return cover_mask(pixels, track.mesh[row].numpy(), track.cover[row].numpy())


def _bare(frame: Frame, track: FaceTrack, row: int, mask: CoverMask | None) -> Frame:
    """A frame without what a mask says lies before the face."""
    if mask is None:
        return frame
    return replace(frame, picture=uncovered(frame.picture, track.mesh[row].numpy(), mask))


def put_before(patch: Patch, frame: Pixels, mask: CoverMask) -> Patch | None:
    """A patch with a frame's own pixels (H, W, 3) where something lies before the face."""
    rows, columns = mask.slices
    low = max(rows.start, patch.box.top), max(columns.start, patch.box.left)
    high = min(rows.stop, patch.box.bottom), min(columns.stop, patch.box.right)
    if high[0] <= low[0] or high[1] <= low[1]:
        return patch
    here = Box(low[1], low[0], high[1], high[0])
    inside = here.slices_in(patch.box)
    shown = mask.shown[here.slices_in(Box(columns.start, rows.start, columns.stop, rows.stop))]
    pixels, support = patch.pixels.copy(), patch.support.copy()
    under = frame[here.slices].astype(np.float32)
    mixed = pixels[inside] + shown[..., None] * (under - pixels[inside])
    pixels[inside] = np.rint(mixed).astype(pixels.dtype)
    support[inside] &= shown < 1
    return Patch(patch.box, pixels, support) if support.any() else None
