"""What looks wrong about a video of anyone's making, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ..crops.patch import Patch, box_around
from ..faces.detect import FaceNetworks
from ..media.clip import Clip
from ..reports.doubts import MOST, Doubt, DoubtWatch, Severity, doubtful_ranges
from ..runs import true_runs
from ..types import FaceTrack

_STILL = 0.015  # eye distances that a mouth's opening must change in a second of speech
_LOUD = 0.3  # loudness, 0..1, that counts as speech
_SPOKEN = 0.5  # of a second that must be speech; in such, people's mouths change by 0.047 and more
_LATE = 5  # frames between mouth and voice, from which on that is doubted; people were seen with up to 3
_SURE = 0.35  # correlation with loudness, below which a lag is not believed
_SYNC_LATE, _SYNC_SURE = 2, 1.5  # the same by SyncNet: frames, LSE-C


class Doubting:
    """Doubts frames as they are seen: what became of the source's, or else the video's own."""

    def __init__(self, clip: Clip, track: FaceTrack, rows: np.ndarray, faces: FaceNetworks) -> None:
        """clip: the video; track: of the source, or else of the video, whose rows (T,) its frames show."""
        self._track, self._rows = track, rows
        self._watch = DoubtWatch(track, rows, clip.times, clip.end, faces)
        self._seconds = np.array([float(time) for time in (*clip.times, clip.end)])

    def see(self, index: int, before: np.ndarray, after: np.ndarray, edit: Patch | None) -> None:
        """Judge a frame (H, W, 3) beside the source's; None: nothing was edited."""
        self._watch.see(index, before, after, edit)

    def see_alone(self, index: int, picture: np.ndarray) -> None:
        """Judge a frame (H, W, 3) of which nobody knows what it was made from."""
        row = int(self._rows[index])
        if not bool(self._track.present[row]):
            return
        box = box_around(self._track.mesh[row, :, :2].numpy(), self._track.frame_size)
        self._watch.see(index, picture, picture, Patch(box, picture[box.slices], np.ones(box.size, bool)))

    def doubts(
        self, opening: np.ndarray, loudness: np.ndarray | None, values: Mapping[str, float | int]
    ) -> tuple[Doubt, ...]:
        """Everything that is doubtful, the most serious first.

        opening:  (T,) eye distances, NaN without a face; loudness: (T,) 0..1 of the voice
        values:   of the metrics, by their names
        """
        # Advice is for who dubs: nobody knows what made this video.
        found = [replace(doubt, advice="") for doubt in self._watch.judged().doubts]
        found += self._about_time(opening, loudness, values)
        return tuple(sorted(found, key=lambda doubt: (doubt.severity != "serious", -doubt.frames)))

    def _about_time(
        self, opening: np.ndarray, loudness: np.ndarray | None, values: Mapping[str, float | int]
    ) -> Iterator[Doubt]:
        unseen = np.isnan(opening)
        if unseen.any():
            yield self._doubt("unseen", "no face is followed", unseen, float(unseen.mean()))
        if loudness is None:
            return
        still = standing_still(self._seconds[:-1], opening, loudness)
        if still.any():
            yield self._doubt(
                "still", "the mouth stands still while the voice speaks", still, float(still.mean())
            )
        if (late := _lag_of(values)) is not None:
            words = f"mouth and voice are {abs(late)} frames apart"
            yield self._doubt("late", words, ~unseen, float(abs(late)))

    def _doubt(self, kind: str, words: str, frames: np.ndarray, worst: float) -> Doubt:
        severity: Severity = "serious" if frames.mean() > MOST else "slight"
        ranges = tuple(doubtful_ranges(np.flatnonzero(frames), self._seconds))
        return Doubt(kind, severity, int(frames.sum()), ranges, round(worst, 3), words, "")


def standing_still(seconds: np.ndarray, opening: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """The frames (T,) bool of every second of speech in which a mouth that is seen hardly moves."""
    still = np.zeros(len(opening), bool)
    starts = np.searchsorted(seconds, seconds - 1 + 1e-6)
    for start, stop in true_runs(np.isfinite(opening)):
        for index in range(start, stop):
            first = int(starts[index])
            if first < start or seconds[index] - seconds[start] < 1 - 1e-6:
                continue
            part = slice(first, index + 1)
            low, high = np.percentile(opening[part], (5, 95))
            if high - low < _STILL and (loudness[part] > _LOUD).mean() >= _SPOKEN:
                still[part] = True
    return still


def _lag_of(values: Mapping[str, float | int]) -> int | None:
    """How far mouth and voice are apart, in frames, where that is sure and too much."""
    offset, sure = values.get("sync_offset"), values.get("lse_c", 0.0)
    if offset is not None:  # SyncNet has heard more than loudness
        return int(offset) if abs(offset) >= _SYNC_LATE and sure >= _SYNC_SURE else None
    lag, agreement = values.get("lag_frames"), values.get("opening_loudness", 0.0)
    return int(lag) if lag is not None and abs(lag) >= _LATE and agreement >= _SURE else None
