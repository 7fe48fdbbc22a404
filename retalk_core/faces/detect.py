"""Find faces in a frame: in all of it, near a box, or in tiles where they are small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ...models.faces.blazeface import KEYPOINTS, Detector, load_detector
from ...models.faces.cover import CoverFinder, load_cover_finder
from ...models.faces.facemesh import FaceMesh, load_face_mesh
from ..compute.devices import cpu_threads
from ..images import eight_bit, shrink, to_input
from ..types import Pixels

LOOK_SIDE = 640  # frames are shrunk to this longer side before the detectors see them
TILE_SIDES = (960, 360)  # pixels of the frame; tiles in which small faces are sought
TILE_THRESHOLD = 0.5  # lower than the detector's own: the mesh has the last word
SAME_FACE = 0.2  # overlap of two boxes that show one person
OVERLAP = 0.3  # boxes that share more of their union are one face
# What is surer stands upright within 60° and fits into the picture: on 40 turned heads, upright ones had 0.91
# and more, those that were found with a wrong roll at most 0.84.
SURE = 0.88
LOOKED_AT = 2  # faces of each way up that are looked at from near
LARGE = 0.4  # of the picture's shorter side; larger ones show well enough
SURER = 0.05  # so much surer than what is found as usual
QUARTERS = (1, 2, 3)  # turns of the picture in which faces are sought that don't stand upright


@dataclass(frozen=True, eq=False)
class Detection:
    """One face, in pixels of the picture it was found in; pixel i's centre is i + 0.5."""

    score: float  # confidence in [0, 1]
    box: np.ndarray  # (4,) left, top, right, bottom: brows to chin, cheek to cheek
    keypoints: np.ndarray  # (6, 2) right eye, left eye, nose tip, mouth, right ear, left ear


@dataclass(frozen=True, eq=False)
class FaceNetworks:
    """What it takes to follow a face."""

    short: Detector  # quick; sees faces that are near
    full: Detector  # sees small ones too
    mesh: FaceMesh
    cover: CoverFinder


def load_face_networks() -> FaceNetworks:
    """The networks that ship with the project, on the CPU."""
    return FaceNetworks(load_detector("short"), load_detector("full"), load_face_mesh(), load_cover_finder())


def look(networks: FaceNetworks, pixels: Pixels, thorough: bool = True, turn: int = 0) -> list[Detection]:
    """Find the faces in a whole frame (H, W, 3), in its pixels; with both detectors if thorough.

    turn: quarters by which the picture is turned to the left first, see `quarters`
    """
    small = eight_bit(shrink(pixels[:, :], LOOK_SIDE / max(pixels.shape[:2])))
    turned = _turned(small, turn)
    found = detect(networks.short, turned)
    if thorough:
        found = _merge(found, detect(networks.full, turned))
    scale = pixels.shape[1] / small.shape[1]
    return [_placed(_turned_back(face, small.shape, turn), scale, (0, 0)) for face in found]


def quarters(across: np.ndarray) -> int:
    """By how many quarters to turn a picture to the left so that a face stands upright in it, 0..3.

    across: (2,) from the person's right eye to the left one, in the picture
    """
    return round(float(np.arctan2(across[1], across[0])) / (np.pi / 2)) % 4


def look_closely(networks: FaceNetworks, pixels: Pixels, found: list[Detection]) -> list[Detection]:
    """Find the faces in a frame (H, W, 3) any way up, and those that are larger than it; in its pixels.

    found:   what `look` had found; it stands where nothing surer is found another way
    returns: the faces of one way up, that of the surest
    """
    small = eight_bit(shrink(pixels[:, :], LOOK_SIDE / max(pixels.shape[:2])))
    margin = max(small.shape[:2]) // 2
    edges = (margin, margin, margin, margin)
    wide = cv2.copyMakeBorder(small, *edges, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    scale = pixels.shape[1] / small.shape[1]
    ways = [(found, 0)]
    for turn in (0, *QUARTERS):
        around = detect(networks.short, _turned(wide, turn))
        way = [_placed(_turned_back(face, wide.shape, turn), 1, (-margin, -margin)) for face in around]
        ways.append(([_placed(face, scale, (0, 0)) for face in way], turn))
        if turn:
            turned = _turned(small, turn)
            both = _merge(detect(networks.short, turned), detect(networks.full, turned))
            way = [_turned_back(face, small.shape, turn) for face in both]
            ways.append(([_placed(face, scale, (0, 0)) for face in way], turn))
    scores = [_surest(networks, pixels, way, turn) for way, turn in ways]
    scores[0] += SURER
    return ways[int(np.argmax(scores))][0]


def _surest(networks: FaceNetworks, pixels: Pixels, found: list[Detection], turn: int) -> float:
    """How sure it is that faces which were found in a turned picture stand upright in it, in [0, 1].

    A small one is looked at once more from near: from afar, false ones are as sure as true ones.
    """
    scores = [0.0]
    for face in sorted(found, key=lambda face: -face.score)[:LOOKED_AT]:
        if (face.box[2:] - face.box[:2]).max() > LARGE * min(pixels.shape[:2]):
            scores.append(face.score)
            continue
        near = [each for each in look_near(networks, pixels, face.box, turn) if _is_same_box(each, face)]
        scores.append((face.score + max((each.score for each in near), default=0.0)) / 2)
    return max(scores)


def _is_same_box(face: Detection, other: Detection) -> bool:
    return bool(overlap(face.box, other.box[None])[0] > OVERLAP)


def look_near(networks: FaceNetworks, pixels: Pixels, box: np.ndarray, turn: int = 0) -> list[Detection]:
    """Find the faces around a box (4,), in the frame's pixels: small ones show better in a small part.

    turn: quarters by which the picture is turned to the left first, see `quarters`
    """
    half = 2.0 * float((box[2:] - box[:2]).max()) + 16
    low = np.clip((box[:2] + box[2:]) / 2 - half, 0, None).astype(int)
    part = pixels[low[1] : low[1] + int(2 * half), low[0] : low[0] + int(2 * half)]
    if not part.size:
        return []
    small = eight_bit(shrink(part, LOOK_SIDE / max(part.shape[:2])))
    scale = part.shape[1] / small.shape[1]
    found = detect(networks.short, _turned(small, turn))
    return [_placed(_turned_back(face, small.shape, turn), scale, (low[0], low[1])) for face in found]


def look_at_tiles(networks: FaceNetworks, pixels: Pixels, side: int) -> list[Detection]:
    """Find small faces in overlapping tiles of a frame that is larger than they are, in its pixels."""
    height, width = pixels.shape[:2]
    found: list[Detection] = []
    if side >= 0.75 * max(height, width):
        return found
    for top in _tile_starts(height, side):
        for left in _tile_starts(width, side):
            tile = eight_bit(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
            faces = detect(networks.full, tile, TILE_THRESHOLD)
            found = _merge(found, [_placed(face, 1.0, (left, top)) for face in faces])
    return found


def detect(network: Detector, picture: np.ndarray, threshold: float | None = None) -> list[Detection]:
    """Find the faces in a picture, the surest first.

    picture:   (H, W, 3) RGB uint8 of any size; it is shrunk to the network's own
    threshold: lowest score in [0, 1]; the network's own where None
    returns:   boxes and keypoints in the picture's pixels; they may reach beyond its edges
    """
    height, width = picture.shape[:2]
    scale = network.side / max(height, width)
    square = _letterbox(picture, network.side)
    device = network.anchors.device
    with torch.inference_mode(), cpu_threads(1):
        logits, points = network(square.to(device))
    scores = torch.sigmoid(logits[0].float()).cpu().numpy()
    sure = scores >= (network.threshold if threshold is None else threshold)
    corner = (network.side - np.array([width, height]) * scale) / 2
    placed = points[0].float().cpu().numpy()[sure] * network.side
    placed[:, 1] /= scale
    placed[:, [0, *range(2, 2 + KEYPOINTS)]] = (placed[:, [0, *range(2, 2 + KEYPOINTS)]] - corner) / scale
    return merge_overlapping(scores[sure], placed)


def merge_overlapping(scores: np.ndarray, points: np.ndarray) -> list[Detection]:
    """Make one detection of each group of overlapping ones: their mean, weighted by score.

    scores: (N,), points: (N, 8, 2): centre, size and keypoints; the surest detection comes first
    """
    boxes = np.concatenate([points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2], axis=1)
    left = np.argsort(-scores, kind="stable")
    found = []
    while len(left):
        best = left[0]
        same = overlap(boxes[best], boxes[left]) > OVERLAP
        same[0] = True  # even if its box is empty
        group, left = left[same], left[~same]
        share = scores[group] / scores[group].sum()
        found.append(
            Detection(
                score=float(scores[best]),
                box=np.tensordot(share, boxes[group], 1),
                keypoints=np.tensordot(share, points[group, 2:], 1),
            )
        )
    return found


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Share (N,) of a box (4,) and each of boxes (N, 4) in their union, in [0, 1]."""
    shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    area = shared.clip(min=0).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - area
    return area / np.maximum(union, 1e-9)


def boxes_of(faces: Sequence[Detection]) -> np.ndarray:
    """The boxes (N, 4) of N faces; N may be 0."""
    return np.array([face.box for face in faces]).reshape(-1, 4)


def _tile_starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length and share at least a quarter with their neighbours."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (0.75 * side))) + 1
    return np.linspace(0, length - side, count).astype(int).tolist()


def _merge(found: list[Detection], more: list[Detection]) -> list[Detection]:
    """Add the faces that were not found yet."""
    boxes = boxes_of(found)
    return found + [face for face in more if not (overlap(face.box, boxes) > SAME_FACE).any()]


def _placed(face: Detection, scale: float, shift: tuple[int, int]) -> Detection:
    """A detection brought from a part of a frame to the frame."""
    box = face.box * scale + np.tile(shift, 2)
    return Detection(face.score, box, face.keypoints * scale + np.array(shift))


def _turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """A picture (H, W, 3) turned to the left by so many quarters."""
    return np.ascontiguousarray(np.rot90(picture, turn)) if turn else picture


def _turned_back(face: Detection, shape: tuple[int, ...], turn: int) -> Detection:
    """A detection in a picture that `_turned` made, brought to the picture of that shape before it."""
    if not turn:
        return face
    height, width = shape[:2]

    def back(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        places = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}
        return np.stack(places[turn], axis=1)

    corners = back(face.box.reshape(2, 2))
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Detection(face.score, box, back(face.keypoints))


def _letterbox(picture: np.ndarray, side: int) -> Tensor:
    """Fit a picture (H, W, 3) uint8 into the middle of a square, (1, 3, side, side) in [-1, 1]."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    shift = [(side - width * scale) / 2, (side - height * scale) / 2]
    shrunk = shrink(picture, scale)
    factor = np.array([width / shrunk.shape[1], height / shrunk.shape[0]]) * scale
    # From pixels of `shrunk` to the square; OpenCV counts from pixel centres.
    matrix = np.array([[factor[0], 0, shift[0] + 0.5 * factor[0] - 0.5],
                       [0, factor[1], shift[1] + 0.5 * factor[1] - 0.5]])  # fmt: skip
    square = cv2.warpAffine(shrunk, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return to_input(square).mul_(2).sub_(1)
