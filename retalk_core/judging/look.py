"""Watch a video, and what it was made from, frame by frame, and gather what the metrics look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from ..dub.timeline import plan_timeline
from ..images import eight_bit
from ..media.clip import Clip
from ..media.reader import prefetch
from ..metrics.mouth import MouthWatch
from ..metrics.steadiness import FlowWatch
from ..reports.check import spread
from ..types import FaceTrack, Progress, silent
from .differences import BothFrames, edit_of, face_likeness, note_outside, note_truth, supports_of
from .doubting import Doubting
from .sync import FaceShow, SyncWatch

SAMPLES = 64  # frames, evenly spread, for figures that take long
_RARELY = 4  # of these, one of so many is judged by what takes a second or more


@dataclass(frozen=True, eq=False)
class Subject:
    """A video, and the face that is followed in it."""

    clip: Clip
    track: FaceTrack

    def mesh(self, index: int) -> np.ndarray | None:
        """The face (468, 3) in a frame, or None."""
        return self.track.mesh[index].numpy() if bool(self.track.present[index]) else None


@dataclass(frozen=True, eq=False)
class Judges:
    """Who looks on: networks as far as there are weights, and libraries as far as they are installed."""

    sync: SyncWatch | None = None
    arcface: nn.Module | None = None
    lpips: nn.Module | None = None
    scikit: bool = True  # sharpness, and likeness of structure
    nature: bool = False  # NIQE


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What is known beside the pictures."""

    faces_only: bool = False  # the result's pictures are faces already; SyncNet is shown them whole
    truth: bool = False  # the source says what the result should look like
    # (T or 1, h, w) of any size, above 0 where pixels may have changed; None: the pixels tell
    support: np.ndarray | None = None


@dataclass(eq=False)
class Gathered:
    """What was seen, by the names that metrics use; see `metrics.registry.measure`."""

    opening: np.ndarray  # (T,) eye distances; NaN without a face
    width: np.ndarray  # (T,) the same
    lists: dict[str, list[Any]] = field(default_factory=dict)

    def note(self, name: str, value: object) -> None:
        """Take what was seen once more; None is nothing."""
        if value is not None:
            self.lists.setdefault(name, []).append(value)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All that was seen."""
        gathered = {name: np.asarray(values) for name, values in self.lists.items()}
        return {"opening": self.opening, **gathered}


def pairing(result: Clip, source: Clip) -> np.ndarray:
    """The source's frame that each of the result's (T,) was made from.

    One by one where there are as many, else as dubs show a clip to a voice of the result's length: a longer
    one goes through it forwards and backwards.
    """
    if len(result) == len(source):
        return np.arange(len(result))
    shown = plan_timeline(
        source.times, source.end, source.rate, result.end, constant_rate=result.rate, still=source.is_still
    ).source
    return np.array([*shown, *shown[-1:] * len(result)][: len(result)])


class Watcher:
    """Sees a result's frames in order, each beside the source's."""

    def __init__(
        self, result: Subject, source: Subject | None, judges: Judges, doubting: Doubting, ground: Ground
    ) -> None:
        """Get ready; without a source the result is seen alone."""
        self._result, self._source, self._judges, self._ground = result, source, judges, ground
        self._doubting = doubting
        count = len(result.clip)
        self._sampled = spread(count, SAMPLES)
        self._rare = set(sorted(self._sampled)[::_RARELY])
        self._mouth, self._source_mouth, self._flow = MouthWatch(), MouthWatch(), FlowWatch()
        self._show: FaceShow | None = None
        if judges.sync is not None:
            self._show = FaceShow(judges.sync, result.clip, result.track, faces_only=ground.faces_only)
        self._shot = -1
        self.gathered = Gathered(np.full(count, np.nan), np.full(count, np.nan))

    def watch(self, progress: Progress = silent) -> None:
        """Go through all frames."""
        count = len(self._result.clip)
        for index, (after, before) in enumerate(self._pairs()):
            self._see(index, after, before)
            progress(index + 1, count)
        noted = self.gathered.lists
        noted |= {"sharpness": self._mouth.sharpness, "flicker": self._mouth.flicker}
        if self._source is not None:
            noted |= {"source_sharpness": self._source_mouth.sharpness}
            noted |= {"source_flicker": self._source_mouth.flicker}
            noted |= {"warping": self._flow.warping, "source_warping": self._flow.source_warping}
        if self._judges.sync is not None:
            (distances,) = self._judges.sync.mean_distances()
            if distances is not None:
                noted["sync_distances"] = distances.tolist()

    def _pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        frames = prefetch(self._result.clip.frames())
        if self._source is None:
            for frame in frames:
                yield frame.pixels, None
            return
        self._paired = pairing(self._result.clip, self._source.clip)
        others = prefetch(self._source.clip.frames(self._paired.tolist()))
        for frame, other in zip(frames, others, strict=True):
            yield frame.pixels, other.pixels

    def _see(self, index: int, after: np.ndarray, before: np.ndarray | None) -> None:
        mesh = self._result.mesh(index)
        if self._show is not None:
            self._show.see(index, after)
        self._judge_picture(index, eight_bit(after))
        if mesh is None:
            self._flow.forget()
            return
        self._mouth.see(after, mesh)
        self.gathered.opening[index] = self._mouth.opening[-1]
        self.gathered.width[index] = self._mouth.width[-1]
        if before is None or self._source is None:
            self._doubting.see_alone(index, after)
        else:
            self._compare(index, after, before, mesh)

    def _judge_picture(self, index: int, picture: np.ndarray) -> None:
        """Note what a picture (H, W, 3) uint8 tells by itself."""
        if index in self._sampled and self._judges.scikit:
            from PIL import Image

            from ..metrics.pictures.cpbd import blur_detection

            self.gathered.note("cpbd", blur_detection(np.asarray(Image.fromarray(picture).convert("L"))))
        if index in self._rare and self._judges.nature:
            from ..metrics.pictures.niqe import distance_from_nature

            self.gathered.note("naturalness", distance_from_nature(picture))

    def _compare(self, index: int, after: np.ndarray, before: np.ndarray, mesh: np.ndarray) -> None:
        """Note how a frame differs from the source's."""
        assert self._source is not None
        row = int(self._paired[index])
        theirs = self._source.mesh(row)
        if theirs is None or before.shape != after.shape:
            self._flow.forget()
            return
        if (shot := int(self._source.track.shot[row])) != self._shot:
            self._flow.forget()
            self._shot = shot
        self._source_mouth.see(before, theirs)
        self._flow.see(before, after, self._source.track.boxes[row].numpy())
        frames = BothFrames.of(after, before, mesh, theirs)
        support = None
        if self._ground.support is not None:
            support = supports_of(self._ground.support, index, self._result.clip.size)
        self._doubting.see(index, before, after, edit_of(frames, support))
        if index in self._sampled:
            self._compare_closely(frames, support)
        if self._ground.truth:
            note_truth(self.gathered.note, frames, self._judges.lpips, likeness=self._judges.scikit)

    def _compare_closely(self, frames: BothFrames, support: np.ndarray | None) -> None:
        note_outside(self.gathered.note, frames, support, likeness=self._judges.scikit)
        if self._judges.arcface is not None:
            self.gathered.note("identities", face_likeness(self._judges.arcface, frames))
