"""Frame a followed face by S3FD's boxes, as the original program does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...models.faces.s3fd import Level
from ..compute.batches import device_of, lacks_memory, only_numbers
from ..errors import OptionError
from ..images import eight_bit
from ..types import FaceTrack, Frame, Progress, silent
from .detect import overlap
from .mesh import oval_boxes
from .shots import shot_bounds

LEAST_OVERLAP = 0.3  # of the union; a box that shares less with the face that is followed is another one
MOST_OVERLAP = 0.3  # of the union; boxes that share more show the same face
THRESHOLD = 0.5  # scores above are faces
STRIDES = (4, 8, 16, 32, 64, 128)  # pixels between the anchors of each level
ANCHOR = 4  # an anchor's side in strides
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2


@dataclass(frozen=True, eq=False)
class FaceBoxes:
    """A detector's boxes of a track's T faces."""

    boxes: np.ndarray  # (T, 4) left, top, right, bottom in frame pixels; without a face they mean nothing
    inferred: np.ndarray  # (T,) bool; where the face was followed, but the detector didn't see it


class Faces(NamedTuple):
    """What was found in one picture, the surest first."""

    scores: np.ndarray  # (n,) above THRESHOLD
    boxes: np.ndarray  # (n, 4) left, top, right, bottom in pixels; they may reach beyond the edges


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


def faces_in(levels: list[Level]) -> list[Faces]:
    """Choose the boxes that show faces, for each picture; of those that overlap only the surest."""
    scores = torch.cat([level.scores.float().softmax(dim=1)[:, 1].flatten(1) for level in levels], dim=1)
    pairs = zip(levels, STRIDES, strict=True)
    boxes = torch.cat([place_boxes(level.boxes.float(), stride) for level, stride in pairs], dim=1)
    return [_surest(score.cpu().numpy(), box.cpu().numpy()) for score, box in zip(scores, boxes, strict=True)]


def place_boxes(boxes: Tensor, stride: int) -> Tensor:
    """Boxes (B, 4, h, w) relative to their anchors as corners (B, h * w, 4) in pixels."""
    height, width = boxes.shape[2:]
    rows, columns = (torch.arange(n, device=boxes.device) for n in (height, width))
    anchors = (torch.stack(torch.meshgrid(columns, rows, indexing="xy")) + 0.5) * stride  # (2, h, w) centres
    side = ANCHOR * stride
    centre = anchors + boxes[:, :2] * (CENTRE_VARIANCE * side)
    half = torch.exp(boxes[:, 2:] * SIZE_VARIANCE) * (side / 2)
    return torch.cat([centre - half, centre + half], dim=1).flatten(2).transpose(1, 2)


def _look(network: nn.Module, pixels: np.ndarray) -> Faces:
    """Find the faces in a frame (H, W, 3), uint8 or uint16."""
    picture = torch.from_numpy(eight_bit(pixels)).to(device_of(network)).permute(2, 0, 1)[None].float()
    try:
        with torch.no_grad():
            levels = network(picture)
            for level in levels:
                only_numbers(level.scores, network)
                only_numbers(level.boxes, network)
            return faces_in(levels)[0]
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


def _surest(scores: np.ndarray, boxes: np.ndarray) -> Faces:
    """Out of scores (N,) and boxes (N, 4)."""
    left = np.flatnonzero(scores > THRESHOLD)
    left = left[np.argsort(-scores[left], kind="stable")]
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[1:][overlap(boxes[left[0]], boxes[left[1:]]) <= MOST_OVERLAP]
    return Faces(scores[kept], boxes[kept])
