"""Frame a followed face by S3FD's boxes, as the original program does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..models.detector import eight_bit, overlap
from ..models.s3fd import Faces, faces_in
from .batches import device_of, lacks_memory
from .errors import OptionError
from .framing import oval_boxes
from .shots import shot_bounds
from .types import FaceTrack, Frame, Progress, silent

LEAST_OVERLAP = 0.3  # of the two boxes' union; what shares less with the face that is followed is another one


@dataclass(frozen=True, eq=False)
class FaceBoxes:
    """A detector's boxes of a track's T faces."""

    boxes: np.ndarray  # (T, 4) left, top, right, bottom in frame pixels; without a face they mean nothing
    inferred: np.ndarray  # (T,) bool; where the face was followed, but the detector didn't see it


def find_boxes(
    frames: Iterable[Frame], track: FaceTrack, network: nn.Module, progress: Progress = silent
) -> FaceBoxes:
    """Look for a followed face with S3FD, and take its boxes instead of the track's.

    frames:  of the track's T rows, in order; each is looked at once and let go
    network: S3FD, whose file no release of the original program holds
    raises:  OptionError where a single frame is too large for the memory there is

    The whole frame is looked at in full resolution, as the original does; of several people the one who is
    followed counts, not the surest. A frame in which S3FD doesn't see that face has the track's box, moved
    and stretched as S3FD's lie to the track's in the middle of its shot, or else of the clip.

    These boxes were tried with made-up weights only: S3FD's own were not at hand, so neither is it known how
    far they lie from the track's. S3FD takes 0.6 TFLOP for each megapixel of a frame.
    """
    near = oval_boxes(track)
    boxes, found = near.copy(), np.zeros(len(track), bool)
    for row, frame in enumerate(frames):
        if track.present[row]:
            box = _of_face(_look(network, frame.pixels), near[row])
            if box is not None:
                boxes[row], found[row] = box, True
        progress(row + 1, len(track))
    inferred = track.present.numpy() & ~found
    boxes[inferred] = _inferred(boxes, near, found, shot_bounds(track.shot)[0].numpy())[inferred]
    return FaceBoxes(boxes, inferred)


def _look(network: nn.Module, pixels: np.ndarray) -> Faces:
    picture = torch.from_numpy(eight_bit(pixels)).to(device_of(network)).permute(2, 0, 1)[None].float()
    try:
        with torch.no_grad():
            return faces_in(network(picture))[0]
    except Exception as error:
        if not lacks_memory(error):
            raise
        height, width = pixels.shape[:2]
        raise OptionError(
            f"S3FD looks at whole frames, and one of {width}x{height} is more than fits into memory. Let the "
            "track frame the face instead."
        ) from error


def _of_face(faces: Faces, near: np.ndarray) -> np.ndarray | None:
    """The box (4,) that shows most of the face that is followed, and little else; None if there is none."""
    if not len(faces.boxes):
        return None
    shared = overlap(near, faces.boxes)
    return faces.boxes[shared.argmax()] if shared.max() >= LEAST_OVERLAP else None


def _inferred(boxes: np.ndarray, near: np.ndarray, found: np.ndarray, start: np.ndarray) -> np.ndarray:
    """What boxes (T, 4) would be, by how those that were found lie to the track's boxes `near` (T, 4)."""
    corner = np.tile(near[:, :2], 2)
    size = np.tile((near[:, 2:] - near[:, :2]).clip(min=1e-6), 2)
    relation = (boxes - corner) / size
    inferred = near.copy()
    for first in np.unique(start):
        shot = start == first
        known = relation[found & shot] if (found & shot).any() else relation[found]
        if len(known):
            inferred[shot] = corner[shot] + np.median(known, axis=0) * size[shot]
    return inferred
