"""RetinaFace on a ResNet-50: faces and five points of each. facexlib's network; the decoding is here.

facexlib is imported when the network is built: importing it takes seconds. Its `init_…` function would
download weights, and its own detection moves pictures to the device that was there at construction;
neither is ever called.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checkpoint import Layout
from ..layers import full_precision

MEAN = (104.0, 117.0, 123.0)  # of the training pictures: B, G, R
ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # sides in pixels, by stride
CENTRE, SIDE = 0.1, 0.2  # variances: how far one unit moves a box, and resizes it
BEFORE, AFTER = 5000, 750  # faces considered, and kept

LAYOUT = Layout(containers=("state_dict",), strip="module.", renames=((r"^", "network."),))


class Regression(NamedTuple):
    """What the network says about N anchors."""

    boxes: Tensor  # (B, N, 4) shifts of the centre, x and y, and logarithms of width and height
    scores: Tensor  # (B, N, 2) probabilities: background, face
    points: Tensor  # (B, N, 10) shifts of five points, x and y in turn


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces in one picture, the surest first."""

    boxes: Tensor  # (n, 4) left, top, right, bottom, in pixels
    scores: Tensor  # (n,) in [0, 1]
    points: Tensor  # (n, 5, 2) x, y in pixels: the eyes, the nose, the mouth's corners


class RetinaFace(nn.Module):
    """Looks for faces around every anchor of a picture."""

    mean: Tensor  # (3, 1, 1)

    def __init__(self) -> None:
        from facexlib.detection.retinaface import RetinaFace as Original

        super().__init__()
        with warnings.catch_warnings():  # it asks torchvision for no weights, in a way that is deprecated
            warnings.simplefilter("ignore", UserWarning)
            # Without a device it would settle on CUDA where that is present.
            self.network = Original("resnet50", device=torch.device("cpu"))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> Regression:
        """Pictures (B, 3, H, W) BGR in 0..255 to what there is around each anchor of `anchors(H, W)`.

        Autocast is switched off: the answers are positions.
        """
        with full_precision(picture.device):
            centred = (picture.float() - self.mean).contiguous(memory_format=torch.channels_last)
            return Regression(*self.network(centred))


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
