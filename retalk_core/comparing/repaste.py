"""Give a finished video of another program the common paste: its face alone, inside the source's outline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..compute.provider import FACE_NETWORKS, NetworkProvider
from ..crops.affine import crop_corners, take_rows, warp
from ..crops.blend import blend_picture
from ..crops.framing import frame_faces
from ..crops.masks import face_masks
from ..crops.patch import Patch, box_around, paste_patch
from ..errors import InputError
from ..faces.detect import FaceNetworks
from ..faces.follow import track_faces
from ..images import white_of
from ..judging.look import pairing
from ..media.clip import Clip
from ..media.reader import prefetch
from ..media.writer import VideoWriter
from ..times import exact_tick
from ..types import FaceCrops, Progress, silent

_SIDE = 256  # of a mask; a face's pixels are taken as they are


@contextmanager
def borrowed_faces(networks: NetworkProvider) -> Iterator[FaceNetworks]:
    """What finds faces, for as long as the block lasts."""
    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        yield FaceNetworks(*borrowed)


def paste_given(
    given: Clip, source: Clip, faces: FaceNetworks, output: Path, progress: Progress = silent
) -> None:
    """Write the source's frames with the lower faces of another program's, blended as all systems' are.

    given:  that program's video
    source: what it was made from; frames are paired as when it is judged
    output: .mkv, lossless and without sound
    raises: InputError where the frames aren't of one size; NoFaceError
    """
    if given.size != source.size:
        raise InputError(
            f"{given.path.name} is {given.size[1]}x{given.size[0]}, and the clip that it was made from "
            f"{source.size[1]}x{source.size[0]}: its faces can't be pasted into that."
        )
    track = track_faces(prefetch(source.frames()), faces, frame_count=len(source)).track
    crops = frame_faces(track, "face")
    rows = pairing(given, source).tolist()
    durations = given.durations
    pairs = zip(prefetch(given.frames()), prefetch(source.frames(rows)), strict=True)
    with VideoWriter(
        output,
        source.size,
        rate=given.rate,
        tick=exact_tick(given.times, given.end),
        codec="ffv1",
        bit_depth=source.bit_depth,
        color=source.color,
        pixel_aspect=source.pixel_aspect,
    ) as writer:
        for number, (new, old) in enumerate(pairs):
            picture = blended_face(new.pixels, old.pixels, crops, rows[number])
            writer.write(picture, given.times[number], durations[number])
            progress(number + 1, len(given))


def blended_face(new: np.ndarray, old: np.ndarray, crops: FaceCrops, row: int) -> np.ndarray:
    """One frame's lower face in another one of the same moment, both (H, W, 3); in the latter's numbers.

    crops: in the framing "face", of the frames that are pasted into
    """
    weight = float(crops.weight[row] * crops.present[row])
    if not weight:
        return old
    affine = crops.frame_to_crop[row].numpy().astype(np.float64)
    box = box_around(crop_corners(affine), (old.shape[0], old.shape[1]))
    local = np.column_stack([affine[:, :2], affine[:, :2] @ box.corner + affine[:, 2]])
    mask = face_masks(take_rows(crops, [row]), _SIDE)[0].numpy()
    shown = warp(mask, _SIDE * local, box.size, cv2.INTER_LINEAR) * weight
    over, under = (each[box.slices].astype(np.float32) / white_of(each) for each in (new, old))
    pixels, support = blend_picture(under, over, shown.astype(np.float32), colour_match=1.0)
    patched = old.copy()
    exact = np.rint(pixels.clip(0, 1) * white_of(old)).astype(old.dtype)
    paste_patch(patched, Patch(box, exact, support))
    return patched
