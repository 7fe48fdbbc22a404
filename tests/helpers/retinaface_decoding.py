"""Turns what RetinaFace says into faces, as facexlib does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from retalk_nodes.models.faces.retinaface import RetinaFace
from torch import Tensor

ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # sides in pixels, by stride
CENTRE, SIDE = 0.1, 0.2  # variances: how far one unit moves a box, and resizes it
BEFORE, AFTER = 5000, 750  # faces considered, and kept


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces in one picture, the surest first."""

    boxes: Tensor  # (n, 4) left, top, right, bottom, in pixels
    scores: Tensor  # (n,) in [0, 1]
    points: Tensor  # (n, 5, 2) x, y in pixels: the eyes, the nose, the mouth's corners


def find_faces(network: RetinaFace, picture: Tensor, score: float = 0.9, overlap: float = 0.4) -> list[Faces]:
    """Find the faces in pictures of one size.

    picture: (B, 3, H, W) BGR in 0..255, on the network's device; GPEN brings pictures with a side beyond
             1500 pixels down to 1000 first
    score:   how sure the network must be; GPEN's 0.9, GFPGAN's 0.97
    overlap: of two boxes that share more than this of their union, the surer one stays
    """
    height, width = picture.shape[2:]
    found = network(picture)
    around = anchors(height, width).to(picture.device)
    boxes, points = decode(found.boxes, found.points, around)
    return [_pick(*face, score, overlap) for face in zip(boxes, found.scores[:, :, 1], points, strict=True)]


def _pick(boxes: Tensor, scores: Tensor, points: Tensor, score: float, overlap: float) -> Faces:
    """One picture's faces among boxes (N, 4), scores (N,) and points (N, 5, 2)."""
    from torchvision.ops import nms

    kept = torch.nonzero(scores > score).flatten()
    kept = kept[scores[kept].argsort(descending=True, stable=True)[:BEFORE]]
    kept = kept[nms(boxes[kept], scores[kept], overlap)[:AFTER]]
    return Faces(boxes[kept], scores[kept], points[kept])


@lru_cache(maxsize=8)
def anchors(height: int, width: int) -> Tensor:
    """The anchors of a picture, (N, 4): centre x, y and width, height, in pixels.

    From the finest stride to the coarsest, row by row, the smaller square before the larger one.
    """
    levels = []
    for stride, sides in ANCHORS.items():
        y = stride * (torch.arange(math.ceil(height / stride)) + 0.5)
        x = stride * (torch.arange(math.ceil(width / stride)) + 0.5)
        side = torch.tensor(sides, dtype=torch.float32)
        at_y, at_x, square = torch.meshgrid(y, x, side, indexing="ij")
        levels.append(torch.stack([at_x, at_y, square, square], dim=-1).reshape(-1, 4))
    return torch.cat(levels)


def decode(boxes: Tensor, points: Tensor, around: Tensor) -> tuple[Tensor, Tensor]:
    """Turn regressed numbers into pixels.

    boxes:   (B, N, 4), points: (B, N, 10), as the network gives them
    around:  (N, 4), as `anchors` gives them
    returns: boxes (B, N, 4) left, top, right, bottom, and points (B, N, 5, 2) x, y
    """
    middle, side = around[:, :2], around[:, 2:]
    centre = middle + CENTRE * side * boxes[..., :2]
    half = side * torch.exp(SIDE * boxes[..., 2:]) / 2
    moved = middle[:, None] + CENTRE * side[:, None] * points.unflatten(-1, (5, 2))
    return torch.cat([centre - half, centre + half], dim=-1), moved
