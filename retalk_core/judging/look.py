"""Watcher at a video, and at what it was made from, frame by frame, and gather what the metrics look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..dub.timeline import plan_timeline
from ..faces.mesh import five_points, oval_boxes
from ..images import eight_bit, white_of
from ..media.clip import Clip
from ..media.reader import prefetch
from ..metrics.likeness import aligned_face, mouth_step
from ..metrics.mouth import MouthWatch
from ..metrics.paired import absolute_difference, structural_similarity
from ..metrics.steadiness import FlowWatch
from ..metrics.sync_crops import calm_squares, crop_face, whole_frame
from ..reports.check import mouth_crop
from ..types import FaceTrack, Progress, silent
from .sync import SyncWatch, frames_at_25

_BORDER = 8  # pixels around the face that an edit may touch, at the least
SAMPLES = 64  # frames, evenly spread, for figures that take long


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
    """Networks that look on, as far as there are weights for them."""

    sync: SyncWatch | None = None
    arcface: nn.Module | None = None
    inception: nn.Module | None = None


@dataclass(eq=False)
class Gathered:
    """What was seen, by the names that metrics use; see `metrics.registry.measure`."""

    opening: np.ndarray  # (T,) eye distances; NaN without a face
    lists: dict[str, list[Any]] = field(default_factory=dict)

    def note(self, name: str, value: object) -> None:
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
        self,
        result: Subject,
        source: Subject | None,
        judges: Judges,
        *,
        faces_only: bool = False,
        truth: bool = False,
        blur: bool = True,
    ) -> None:
        """Get ready.

        faces_only: the result's pictures are faces already; SyncNet is shown them whole
        truth:      the source says what the result should look like
        blur:       work out CPBD, which takes a second for a large frame
        """
        self._result, self._source, self._judges = result, source, judges
        self._faces_only, self._truth, self._blur = faces_only, truth, blur
        count = len(result.clip)
        self._sampled = {int((i + 0.5) * count / SAMPLES) for i in range(SAMPLES)}
        self._mouth, self._source_mouth, self._flow = MouthWatch(), MouthWatch(), FlowWatch()
        boxes = oval_boxes(result.track)
        grid = frames_at_25(result.clip.times, result.clip.end)
        self._squares = calm_squares(boxes[grid]) if len(grid) else np.zeros((0, 3))
        self._turns = np.bincount(grid, minlength=count)  # how often each frame is shown at 25 a second
        self._shown = 0
        self._shot = -1
        self.gathered = Gathered(np.full(count, np.nan))

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
        if self._judges.sync is not None and (distances := self._judges.sync.mean_distances()) is not None:
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
        sampled = index in self._sampled
        self._show_to_syncnet(index, after)
        if sampled:
            self._judge_picture(after)
        if mesh is None:
            self._flow.forget()
            return
        self._mouth.see(after, mesh)
        self.gathered.opening[index] = self._mouth.opening[-1]
        if before is not None and self._source is not None:
            self._compare(index, after, before, mesh, sampled)

    def _show_to_syncnet(self, index: int, picture: np.ndarray) -> None:
        if self._judges.sync is None:
            return
        for _ in range(int(self._turns[index])):
            face = eight_bit(picture)
            shown = whole_frame(face) if self._faces_only else crop_face(face, self._squares[self._shown])
            self._judges.sync.see(shown)
            self._shown += 1

    def _judge_picture(self, picture: np.ndarray) -> None:
        if self._blur:
            from PIL import Image

            from ..metrics.pictures.cpbd import blur_detection

            self.gathered.note(
                "cpbd", blur_detection(np.asarray(Image.fromarray(eight_bit(picture)).convert("L")))
            )
        if self._judges.inception is not None:
            self.gathered.note("features", self._ask(self._judges.inception, eight_bit(picture), 0, 1)[0])

    def _compare(
        self, index: int, after: np.ndarray, before: np.ndarray, mesh: np.ndarray, sampled: bool
    ) -> None:
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
        if sampled:
            self.gathered.note("errors_outside", _error_beyond(after, before, mesh, theirs))
        if sampled and self._judges.arcface is not None:
            self.gathered.note("identities", self._likeness(after, before, mesh, theirs))
        if self._truth:
            self._compare_with_truth(after, before, mesh, theirs)

    def _compare_with_truth(
        self, after: np.ndarray, before: np.ndarray, mesh: np.ndarray, theirs: np.ndarray
    ) -> None:
        self.gathered.note("mouth_steps", mouth_step(mesh, theirs))
        one, other = mouth_crop(after, theirs), mouth_crop(before, theirs)
        self.gathered.note("lower_l1", absolute_difference(one, other))
        if self._blur:  # it needs scikit-image too
            self.gathered.note("lower_ssim", structural_similarity(one, other))

    def _likeness(self, after: np.ndarray, before: np.ndarray, mesh: np.ndarray, theirs: np.ndarray) -> float:
        """The cosine of the two faces."""
        assert self._judges.arcface is not None
        from ..types import IBUG_FROM_MESH

        faces = [
            aligned_face(picture, five_points(points[None, list(IBUG_FROM_MESH), :2])[0])
            for picture, points in ((after, mesh), (before, theirs))
        ]
        one, other = (self._ask(self._judges.arcface, face, -1, 1)[0] for face in faces)
        return float(one @ other)

    def _ask(self, network: nn.Module, picture: np.ndarray, low: float, high: float) -> np.ndarray:
        """What a network says of a picture (H, W, 3) uint8 whose values it takes from `low` to `high`."""
        device = next(network.parameters()).device
        given: Tensor = torch.from_numpy(picture).to(device).float() / 255 * (high - low) + low
        answer: Tensor = network(given.permute(2, 0, 1)[None])
        return answer.cpu().numpy()


def _error_beyond(after: np.ndarray, before: np.ndarray, *faces: np.ndarray) -> float:
    """Mean squared error on [0, 1] beyond the faces and a border around them."""
    difference = after.astype(np.float32) / white_of(after) - before.astype(np.float32) / white_of(before)
    squared = (difference**2).mean(axis=2)
    border = max(_BORDER, 0.15 * max(float(np.ptp(faces[0][:, 1])), 1.0))
    for mesh in faces:
        low = np.floor(mesh[:, :2].min(axis=0) - border).astype(int).clip(0)
        high = np.ceil(mesh[:, :2].max(axis=0) + border).astype(int).clip(0)
        squared[low[1] : high[1], low[0] : high[0]] = np.nan
    return float(np.nanmean(squared)) if np.isfinite(squared).any() else 0.0
