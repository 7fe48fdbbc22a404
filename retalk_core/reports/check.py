"""Look at a finished dub again: what the encoder wrote, not what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ...models.faces.facemesh import FaceMesh
from ..boxes import Box
from ..compute.memory import tidied
from ..crops.patch import Patch
from ..errors import RetalkError
from ..faces.canonical import EYE_CORNERS
from ..faces.mesh import find_mesh, next_place, region_of_points
from ..images import eight_bit, warp_seen, white_of
from ..media.planes.ahead import Place, made_at
from ..media.reader import open_clip, prefetch
from ..metrics.mouth import MouthWatch, lip_sharpness
from ..metrics.registry import measure
from ..types import FaceTrack, Pixels, Progress, silent
from .charts import Mouth
from .report import Measured

CHECKED_FRAMES = 750  # from the beginning; enough to judge, whatever the length
SAMPLED_FRAMES = 4  # whose pixels outside the edit are compared
SHEET_MOUTHS = 16  # evenly spread in time
SHEET_WORST = 8  # and those that lost most of their sharpness
SHEET_SIDE = 144  # pixels
# What is raised where a look fails; what a listener raises to stop the work is not among it as a rule.
FAULTS = (
    *(RetalkError, OSError, MemoryError, ArithmeticError, LookupError),
    *(ValueError, TypeError, AttributeError, AssertionError, RuntimeError, cv2.error),
)
_SURE = 0.5  # lowest score of a face that counts


@dataclass(frozen=True, eq=False)
class Outside:
    """One frame before encoding, and where in it the edit is."""

    picture: Pixels  # (H, W, 3)
    box: Box | None


@dataclass(frozen=True, eq=False)
class Checked:
    """What the result shows."""

    measured: Measured
    opening: np.ndarray  # (n,) eye distances in the first n frames; NaN where no face was found


class ResultWatch:
    """Notes, while a clip is dubbed, what its result will be compared with. It doesn't grow with the clip."""

    def __init__(self, track: FaceTrack, rows: np.ndarray, times: Sequence[Fraction]) -> None:
        """rows: (T,) the row of the track that each output frame shows; times: of the output frames."""
        self._track, self._rows, self._times = track, rows, times
        self.checked = min(len(rows), CHECKED_FRAMES)
        self.source = MouthWatch()
        self.edited = np.zeros(self.checked, bool)
        self.outside: dict[int, Outside] = {}
        self.mouths: list[Mouth] = []  # a choice of all, evenly spread
        self._worst: list[tuple[float, Mouth]] = []
        self._sampled = spread(self.checked, SAMPLED_FRAMES)
        self._shown = spread(len(rows), SHEET_MOUTHS)

    def mesh(self, output: int) -> np.ndarray | None:
        """The face (468, 3) as the source has it in an output frame, or None."""
        row = int(self._rows[output])
        return self._track.mesh[row].numpy() if bool(self._track.present[row]) else None

    def place(self, output: int) -> Place | None:
        """Where an output frame's face will be looked for."""
        return next_place(self.mesh(output), self._track.frame_size)

    def see(self, output: int, before: Pixels, after: Pixels, patch: Patch | None) -> None:
        """Take note of one output frame: its pixels (H, W, 3) before and after the edit."""
        mesh = self.mesh(output) if patch else None
        if output < self.checked and mesh is not None:
            self.edited[output] = True
            self.source.see(before, mesh)
        if output in self._sampled:
            self.outside[output] = Outside(before, patch.box if patch else None)
        if mesh is not None and patch is not None:
            self._keep_mouth(output, before, after, mesh, patch)

    def _keep_mouth(self, output: int, before: Pixels, after: Pixels, mesh: np.ndarray, patch: Patch) -> None:
        """Keep a mouth for the sheet, if it is one of the choice or one of the least sharp so far."""
        kept = lip_sharpness(after, mesh) / max(lip_sharpness(before, mesh), 1e-6)
        chosen = output in self._shown
        if not chosen and len(self._worst) == SHEET_WORST and kept >= self._worst[-1][0]:
            return
        edited = np.zeros((*before.shape[:2], 3), np.uint8)
        edited[patch.box.slices][patch.support] = 255
        crops = (mouth_crop(pixels, mesh) for pixels in (before, after, edited))
        mouth = Mouth(float(self._times[output]), *crops)
        if chosen:
            self.mouths.append(mouth)
        else:
            self._worst = sorted([*self._worst, (kept, mouth)], key=lambda each: each[0])[:SHEET_WORST]

    @property
    def worst(self) -> list[Mouth]:
        """The mouths that lost most of their sharpness, in the order of time; none that is shown anyway."""
        return sorted((mouth for _, mouth in self._worst), key=lambda mouth: mouth.seconds)


def spread(count: int, most: int) -> set[int]:
    """At most `most` frames of `count`, evenly spread, away from the ends where there is room."""
    return {int((i + 0.5) * count / most) for i in range(most)}


def mouth_crop(pixels: Pixels, mesh: np.ndarray) -> np.ndarray:
    """The lower face as (144, 144, 3) uint8."""
    middle = mesh[[13, 14], :2].mean(axis=0)
    half = 0.7 * float(np.linalg.norm(mesh[EYE_CORNERS[0], :2] - mesh[EYE_CORNERS[1], :2]))
    scale = SHEET_SIDE / (2 * half)
    shift = SHEET_SIDE / 2 - scale * (middle - 0.5)
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    return eight_bit(warp_seen(pixels, affine, SHEET_SIDE))


def check_result(
    path: Path, watch: ResultWatch, network: FaceMesh, loudness: np.ndarray, progress: Progress = silent
) -> Checked:
    """Decode the file's first frames and find the mouth in them anew.

    loudness: (T,) of the voice in each output frame, 0..1
    """
    result = MouthWatch()
    opening = np.full(watch.checked, np.nan)
    errors = []
    frames = made_at(open_clip(path).frames(range(watch.checked)), map(watch.place, range(watch.checked)))
    for i, frame in enumerate(tidied(prefetch(frames))):
        if i in watch.outside:
            errors.append(_error_outside(frame.pixels, watch.outside[i]))
        mesh = watch.mesh(i)
        if mesh is not None:
            found = find_mesh(network, frame.picture, region_of_points(mesh))
            if found.score >= _SURE and watch.edited[i]:
                result.see(frame.picture, found.points, steady=mesh)
                opening[i] = result.opening[-1]
        progress(i + 1, watch.checked)
    values = measure(
        {
            "opening": opening,
            "loudness": loudness[: watch.checked],
            "sharpness": result.sharpness,
            "source_sharpness": watch.source.sharpness,
            "flicker": result.flicker,
            "source_flicker": watch.source.flicker,
            "errors_outside": errors,
        }
    )
    return Checked(Measured(watch.checked, values), opening)


def _error_outside(pixels: np.ndarray, sample: Outside) -> float:
    """Mean squared error on [0, 1] outside the edit's box."""
    source = sample.picture[:, :]
    height, width = source.shape[:2]
    shown = pixels[:height, :width].astype(np.float32) / np.iinfo(pixels.dtype).max
    meant = source.astype(np.float32) / white_of(source)
    squared = ((shown - meant) ** 2).mean(axis=2)
    if sample.box is not None:
        squared[sample.box.slices] = np.nan
    return float(np.nanmean(squared)) if np.isfinite(squared).any() else 0.0
