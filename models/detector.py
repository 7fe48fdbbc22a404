"""BlazeFace, MediaPipe's face detectors: short-range for large faces, full-range for small ones."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights"
KEYPOINTS = 6  # right eye, left eye, nose tip, mouth, right ear, left ear; right is the person's right
OVERLAP = 0.3  # boxes that share more of their union are one face


@dataclass(frozen=True, eq=False)
class Detection:
    """One face, in pixels of the picture it was found in; pixel i's centre is i + 0.5."""

    score: float  # confidence in [0, 1]
    box: np.ndarray  # (4,) left, top, right, bottom: brows to chin, cheek to cheek
    keypoints: np.ndarray  # (6, 2) right eye, left eye, nose tip, mouth, right ear, left ear


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same" does: the odd pixel goes to the right and the bottom.

    Exact for inputs whose sides are multiples of the stride: all of ours are.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H / stride, W / stride)."""
        spare = self.kernel_size[0] - self.stride[0]
        if spare % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, self.stride, spare // 2, groups=self.groups)
        before, after = spare // 2, spare - spare // 2
        return super().forward(F.pad(x, (before, after, before, after)))


def depthwise(channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution of each channel by itself."""
    return SameConv2d(channels, channels, 3, stride=stride, groups=channels)


class Shortcut(nn.Module):
    """Carries a block's input past it: halved by its maxima, widened by channels of zeros."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.extra = out_channels - channels

    def forward(self, x: Tensor) -> Tensor:
        """Bring (B, C, H, W) to the shape of the block's output."""
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride)
        return F.pad(x, (0, 0, 0, 0, 0, self.extra)) if self.extra else x


class SeparableBlock(nn.Module):
    """A residual block: depthwise, then pointwise."""

    def __init__(
        self, channels: int, out_channels: int, stride: int = 1, activation: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.shortcut = Shortcut(channels, out_channels, stride)
        self.depthwise = depthwise(channels, stride)
        self.pointwise = nn.Conv2d(channels, out_channels, 1)
        self.activation = activation or nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        return self.activation(self.shortcut(x) + self.pointwise(self.depthwise(x)))


class BottleneckBlock(nn.Module):
    """A residual block of two separable convolutions with few channels between them."""

    def __init__(self, channels: int, width: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = Shortcut(channels, out_channels, stride)
        self.depthwise = depthwise(channels, stride)
        self.squeeze = nn.Conv2d(channels, width, 1)
        self.inner = depthwise(width)
        self.expand = nn.Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        narrow = F.relu(self.squeeze(self.depthwise(x)))
        return F.relu(self.shortcut(x) + self.expand(self.inner(narrow)))


class Head(nn.Module):
    """Reads a score and a box with keypoints off each anchor of a feature map."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, anchors, 1)
        self.box = nn.Conv2d(channels, anchors * (4 + 2 * KEYPOINTS), 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, C, h, w) to logits (B, N) and points (B, N, 8, 2), cell by cell."""
        scores = self.score(features).permute(0, 2, 3, 1).flatten(1)
        points = self.box(features).permute(0, 2, 3, 1).reshape(len(features), scores.shape[1], -1, 2)
        return scores, points


class Detector(nn.Module):
    """What both detectors share: the side of their square input and where their anchors sit."""

    side: int  # pixels
    threshold: float  # scores from here on are faces
    anchors: Tensor  # (N, 2) centres in the unit square

    def __init__(self, grids: Sequence[tuple[int, int]]) -> None:
        """grids: cells along a side and anchors in each cell, for each head in order."""
        super().__init__()
        centres = [
            torch.cartesian_prod(axis, axis).flip(1).repeat_interleave(anchors, dim=0)
            for cells, anchors in grids
            for axis in [(torch.arange(cells) + 0.5) / cells]
        ]
        self.register_buffer("anchors", torch.cat(centres), persistent=False)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Look for faces.

        picture: (B, 3, side, side) RGB in [-1, 1]
        returns: logits (B, N), one for each anchor, and points (B, N, 8, 2) in the unit square, x and y:
                 the box's centre, its width and height, and the six keypoints
        """
        scores, points = self.read(picture)
        points = points / self.side
        size = points[:, :, 1:2]
        placed = points + self.anchors[None, :, None]
        return scores, torch.cat([placed[:, :, :1], size, placed[:, :, 2:]], dim=2)

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, N) and points (B, N, 8, 2) in pixels from their anchors."""
        raise NotImplementedError


class ShortRangeDetector(Detector):
    """Finds faces that take up roughly a fifth of the picture or more."""

    side = 128
    threshold = 0.5

    def __init__(self) -> None:
        super().__init__(grids=((16, 2), (8, 6)))
        self.stem = nn.Sequential(SameConv2d(3, 24, 5, stride=2), nn.ReLU())
        widths = (24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88)
        self.fine = nn.Sequential(
            *(
                SeparableBlock(channels, out, stride=2 if index in (2, 5) else 1)
                for index, (channels, out) in enumerate(itertools.pairwise(widths))
            )
        )
        self.coarse = nn.Sequential(
            SeparableBlock(88, 96, stride=2), *(SeparableBlock(96, 96) for _ in range(4))
        )
        self.fine_head = Head(88, anchors=2)
        self.coarse_head = Head(96, anchors=6)

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(picture))  # (B, 88, 16, 16)
        coarse = self.coarse(fine)  # (B, 96, 8, 8)
        heads = (self.fine_head(fine), self.coarse_head(coarse))
        scores, points = zip(*heads, strict=True)
        return torch.cat(scores, dim=1), torch.cat(points, dim=1)


class Merge(nn.Module):
    """Adds a coarse feature map to a finer one, both brought to the same width."""

    def __init__(self, coarse: int, fine: int, width: int, depth: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.fine = nn.Conv2d(fine, width, 1)
        self.blocks = nn.Sequential(*(BottleneckBlock(width, width // 2, width) for _ in range(depth)))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Coarse (B, C, h, w) and fine (B, D, 2h, 2w) to (B, width, 2h, 2w)."""
        larger = F.interpolate(F.relu(self.coarse(coarse)), scale_factor=2.0, mode="bilinear")
        return self.blocks(F.relu(self.fine(fine)) + larger)


class FullRangeDetector(Detector):
    """Finds faces down to about a twentieth of the picture: a feature pyramid, one anchor a cell."""

    side = 192
    threshold = 0.6

    def __init__(self) -> None:
        super().__init__(grids=((48, 1),))
        self.stem = nn.Sequential(SameConv2d(3, 32, 3, stride=2), nn.ReLU())
        self.down = nn.ModuleList(
            nn.Sequential(*(BottleneckBlock(*shape) for shape in stage))
            for stage in (
                ((32, 8, 32), (32, 8, 32), (32, 12, 48, 2), (48, 12, 48), (48, 16, 64)),
                ((64, 24, 96, 2), (96, 32, 128), (128, 32, 128)),
                ((128, 36, 144, 2), (144, 48, 192), (192, 64, 256)),
                ((256, 96, 384, 2), (384, 96, 384), (384, 96, 384), (384, 96, 384)),
            )
        )
        self.up = nn.ModuleList((Merge(384, 256, 96, 2), Merge(96, 128, 64, 2), Merge(64, 64, 48, 1)))
        self.head = Head(48, anchors=1)

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        features = [self.stem(picture)]
        for stage in self.down:
            features.append(stage(features[-1]))
        x = features.pop()  # (B, 384, 6, 6)
        for merge in self.up:
            x = merge(x, features.pop())  # at last (B, 48, 48, 48)
        return self.head(x)


DetectorKind = Literal["short", "full"]


def load_detector(kind: DetectorKind) -> Detector:
    """Build a detector with the weights that ship with it, in fp32 on the CPU.

    A key that is missing, unexpected or of another shape is a RuntimeError.
    """
    network: Detector = ShortRangeDetector() if kind == "short" else FullRangeDetector()
    return load_weights(network, WEIGHTS / f"face_detector_{kind}.safetensors")


N = TypeVar("N", bound=nn.Module)


def load_weights(network: N, path: Path) -> N:
    """Fill a network strictly from a safetensors file and make it ready for inference, in fp32."""
    network.load_state_dict(load_file(path), strict=True)
    network.float().eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # a third faster on one CPU thread


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


def shrink(picture: np.ndarray, scale: float) -> np.ndarray:
    """Bring a picture near a scale below 1 by averaging its pixels; larger scales leave it as it is."""
    if scale >= 1:
        return picture
    height, width = picture.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def eight_bit(picture: np.ndarray) -> np.ndarray:
    """A picture of any shape, uint8 or full-range uint16, as uint8."""
    return picture if picture.dtype == np.uint8 else (picture // 257).astype(np.uint8)


def to_input(picture: np.ndarray) -> Tensor:
    """A picture (H, W, 3) uint8 as a network's input, (1, 3, H, W) fp32 in [0, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float().div_(255)


_threads_lock = threading.Lock()
_threads_users = 0
_threads_before = 1


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let torch use this many CPU threads for a while, then as many as before.

    These networks take a few milliseconds: sharing that out costs more than it gains. The number belongs to
    the whole process, so it is put back whatever happens, and spans that overlap in several threads leave
    what the first of them found.
    """
    global _threads_users, _threads_before
    with _threads_lock:
        if _threads_users == 0:
            _threads_before = torch.get_num_threads()
        _threads_users += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _threads_lock:
            _threads_users -= 1
            torch.set_num_threads(_threads_before)
