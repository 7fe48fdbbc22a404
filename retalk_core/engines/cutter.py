"""Cuts the crops of a followed face out of frames, in any framing, and pastes edited ones back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..crops.affine import take_rows
from ..crops.cut import cut_crop
from ..crops.framing import SIDES, frame_faces
from ..crops.originals import cut_plain
from ..crops.patch import Patch
from ..crops.region import Region, close_region, open_region
from ..faces.shots import first_of_picture
from ..types import FaceCrops, FaceTrack, Frame
from .base import Part
from .lender import Timed, untimed


class Cutter:
    """Knows where in its frames a face is cut out for each of the networks."""

    def __init__(
        self,
        track: FaceTrack,
        *,
        face_boxes: np.ndarray | None = None,
        smooth: bool = True,
        timed: Timed = untimed,
    ) -> None:
        """Get ready.

        face_boxes: (T, 4) a detector's boxes of the track's faces; None: those of their meshes
        smooth:     boxes over time
        """
        self._track, self._face_boxes, self._smooth, self._timed = track, face_boxes, smooth, timed
        self._framed: dict[str, FaceCrops] = {}
        self.first = first_of_picture(track)  # (T,) the row whose crops each row has

    def framed(self, framing: str) -> FaceCrops:
        """The crops of all T rows in a framing."""
        if framing not in self._framed:
            crops = frame_faces(self._track, framing, boxes=self._face_boxes, smooth=self._smooth)
            self._framed[framing] = take_rows(crops, self.first)
        return self._framed[framing]

    def crops(self, framing: str, part: Part) -> FaceCrops:
        """The crops of the n rows that a part shows."""
        return take_rows(self.framed(framing), part.rows)

    def cut(self, framing: str, part: Part, side: int | None = None) -> Tensor:
        """The pictures in those crops, (n, side, side, 3)."""
        with self._timed("crop and paste"):
            return torch.stack([self._cut(framing, frame, row, side) for frame, row in _shown(part)])

    def cut_plain(self, framing: str, part: Part, side: int) -> Tensor:
        """The same without averaging, in the frames' own levels, as other programs cut; see `cut_plain`."""
        affines = self.framed(framing).frame_to_crop.double().numpy()
        with self._timed("crop and paste"):
            cut = [cut_plain(frame.pixels, affines[row], framing, side) for frame, row in _shown(part)]
            return torch.from_numpy(np.stack(cut))

    def cut_one(self, framing: str, frame: Frame, row: int) -> Tensor:
        """The picture (side, side, 3) in one frame's crop."""
        return self._cut(framing, frame, row, None)

    def _cut(self, framing: str, frame: Frame, row: int, side: int | None) -> Tensor:
        affine = self.framed(framing).frame_to_crop[row].numpy()
        return torch.from_numpy(cut_crop(frame.picture, affine, side or SIDES[framing]))

    # What is edited, in place

    def open(self, part: Part, framings: Sequence[str]) -> list[Region]:
        """The regions of the n frames that hold the crops in these framings."""
        return [
            open_region(frame.picture, [self.framed(framing).frame_to_crop[row] for framing in framings])
            for frame, row in _shown(part)
        ]

    def cut_edited(self, framing: str, part: Part, regions: Sequence[Region]) -> Tensor:
        """Crops (n, S, S, 3) of regions as they have become."""
        affines = self.framed(framing).frame_to_crop[part.rows]
        pairs = zip(regions, affines, strict=True)
        return torch.stack([region.cut(affine, SIDES[framing]) for region, affine in pairs])

    def paste(
        self,
        framing: str,
        part: Part,
        regions: Sequence[Region],
        crops: Tensor,
        masks: Tensor,
        *,
        weights: np.ndarray,
        colour_match: float,
    ) -> None:
        """Blend crops (n, S, S, 3) into the regions under masks (n, S, S), as far as weights (n,) say."""
        affines = self.framed(framing).frame_to_crop[part.rows]
        with self._timed("crop and paste"):
            for i, region in enumerate(regions):
                region.paste(
                    crops[i], affines[i], masks[i], weight=float(weights[i]), colour_match=colour_match
                )

    def put(
        self,
        framing: str,
        part: Part,
        regions: Sequence[Region],
        crops: Tensor,
        *,
        weights: np.ndarray,
        rounds: str,
    ) -> None:
        """Put whole crops (n, S, S, 3) into the regions, as far as weights (n,) say; see `paste_box`."""
        affines = self.framed(framing).frame_to_crop[part.rows]
        with self._timed("crop and paste"):
            for region, crop, affine, weight in zip(regions, crops, affines, weights.tolist(), strict=True):
                region.put(crop, affine, weight=weight, rounds=rounds)

    def close(self, part: Part, regions: Sequence[Region]) -> list[Patch | None]:
        """What has changed in the n frames; None where nothing did."""
        pairs = zip(regions, part.frames, strict=True)
        return [close_region(region, frame.picture) for region, frame in pairs]


def _shown(part: Part) -> zip[tuple[Frame, int]]:
    return zip(part.frames, part.rows.tolist(), strict=True)
