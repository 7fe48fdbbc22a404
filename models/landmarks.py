"""FaceMesh, MediaPipe's face landmarks: 468 points in three dimensions from a crop of 192 pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .detector import (
    WEIGHTS,
    Detection,
    SameConv2d,
    SeparableBlock,
    cpu_threads,
    eight_bit,
    load_weights,
    to_input,
)

POINTS = 468
SIDE = 192  # of the crop, in pixels
MARGIN = 1.5  # a crop's side for a face's longer side
RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners; the person's right

# The points that a second look refines, ring by ring from the lips' outer edge to the inner one.
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407),
)
MOUTH_CORNERS = (61, 291)
LIP_MARGIN = 1.5  # the closer look's window for the lips' extent
LIP_CELLS = 16  # along a side of it
LIP_UNITS = 64  # in which the answer counts along a side of it


@dataclass(frozen=True)
class Region:
    """A turned square around a face."""

    centre: tuple[float, float]  # x, y in pixels; pixel i's centre is i + 0.5
    side: float  # pixels
    angle: float  # radians; clockwise as seen, so that the eyes are level in the crop

    @property
    def to_frame(self) -> np.ndarray:
        """The affine (2, 3) from pixels of the crop to pixels of the frame."""
        scale = self.side / SIDE
        cosine, sine = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        return np.column_stack([turn, np.array(self.centre) - turn @ [SIDE / 2, SIDE / 2]])


@dataclass(frozen=True, eq=False)
class Mesh:
    """One face's points, in pixels of the frame."""

    points: np.ndarray  # (468, 3) fp32; z grows away from the camera, its zero lies inside the head
    score: float  # how sure it is that a face is there, in [0, 1]


class FaceMesh(nn.Module):
    """Regresses the points of a face from a crop, then looks at the lips again, and closer.

    Without the second look, teeth pass for lips, and shut lips stay apart.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv2d(3, 16, 3, stride=2), nn.PReLU(16))
        self.fine = _blocks(16, 16, 16, 32)
        self.coarse = _blocks(32, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128, 128, 128, 128)
        self.condense = _condense()
        self.points = nn.Conv2d(32, 3 * POINTS, 3)
        self.presence = nn.Conv2d(32, 1, 3)
        self.lips = nn.Sequential(
            _blocks(32, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128),
            _condense(),
            nn.Conv2d(32, 2 * len(LIPS), 2),
        )

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (B, 3, 192, 192) RGB in [0, 1] to points (B, 468, 3) in crop pixels and logits (B,)."""
        fine = self.fine(self.stem(crop))  # (B, 32, 48, 48)
        condensed = self.condense(self.coarse(fine))  # (B, 32, 3, 3)
        points = self.points(condensed).reshape(-1, POINTS, 3)
        turn, centre = lip_window(points)
        closer = self.lips(_look_closer(fine, turn, centre)).reshape(-1, len(LIPS), 2)
        placed = (closer / LIP_UNITS - 0.5) @ turn.mT + centre[:, None]
        lips = torch.cat([placed, points[:, LIPS, 2:]], dim=2)
        points = points.index_copy(1, torch.tensor(LIPS, device=points.device), lips)
        return points, self.presence(condensed).flatten()


def lip_window(points: Tensor) -> tuple[Tensor, Tensor]:
    """The turned rectangle around the lips of meshes (B, 468, 3), half as large again as the lips.

    returns: (B, 2, 2) its sides as columns, in crop pixels, and (B, 2) its centre
    """
    lips = points[:, LIPS, :2]
    across = points[:, MOUTH_CORNERS[1], :2] - points[:, MOUTH_CORNERS[0], :2]
    across = F.normalize(across, dim=1)
    turn = torch.stack([across, torch.stack([-across[:, 1], across[:, 0]], dim=1)], dim=2)
    level = lips @ turn  # turned back: the mouth's corners are level
    low, high = level.amin(dim=1), level.amax(dim=1)
    centre = (turn @ ((low + high) / 2)[:, :, None])[:, :, 0]
    return turn * (LIP_MARGIN * (high - low))[:, None], centre


def _look_closer(features: Tensor, turn: Tensor, centre: Tensor) -> Tensor:
    """Sample features (B, C, h, w) of the crop in a window, (B, C, 16, 16)."""
    theta = torch.cat([turn / SIDE, (2 * centre / SIDE - 1)[:, :, None]], dim=2)
    shape = [len(features), features.shape[1], LIP_CELLS, LIP_CELLS]
    return F.grid_sample(features, F.affine_grid(theta, shape, align_corners=False), align_corners=False)


def _blocks(*widths: int) -> nn.Sequential:
    """Residual blocks from width to width; every third halves the picture."""
    return nn.Sequential(
        *(
            SeparableBlock(channels, out, 2 if index % 3 == 2 else 1, activation=nn.PReLU(out))
            for index, (channels, out) in enumerate(pairwise(widths))
        )
    )


def _condense() -> nn.Sequential:
    """From features (B, 128, h, w) to a few (B, 32, h, w)."""
    return nn.Sequential(nn.Conv2d(128, 32, 1), nn.PReLU(32), _blocks(32, 32))


def load_face_mesh() -> FaceMesh:
    """Build FaceMesh with the weights that ship with it, in fp32 on the CPU.

    A key that is missing, unexpected or of another shape is a RuntimeError.
    """
    return load_weights(FaceMesh(), WEIGHTS / "face_mesh.safetensors")


def region_of_detection(detection: Detection) -> Region:
    """Where to look for the points of a face that was just detected."""
    left, top, right, bottom = detection.box
    across = detection.keypoints[1] - detection.keypoints[0]
    side = MARGIN * max(right - left, bottom - top)
    return Region(((left + right) / 2, (top + bottom) / 2), side, float(np.arctan2(across[1], across[0])))


def region_of_points(points: np.ndarray) -> Region:
    """Where to look for a face whose points (468, 2 or 3) were there a frame ago."""
    across = points[LEFT_EYE, :2] - points[RIGHT_EYE, :2]
    angle = float(np.arctan2(across[1], across[0]))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    level = points[:, :2] @ turn  # turned back: the eyes are level
    low, high = level.min(axis=0), level.max(axis=0)
    centre = turn @ ((low + high) / 2)
    return Region((float(centre[0]), float(centre[1])), MARGIN * float((high - low).max()), angle)


def find_mesh(network: FaceMesh, picture: np.ndarray, region: Region) -> Mesh:
    """Find the points of the face in a region of a picture.

    picture: (H, W, 3) RGB uint8 or uint16; the region may reach beyond its edges
    returns: points in the picture's pixels; they mean nothing where the score is low
    """
    crop = crop_region(picture, region)
    device = next(network.parameters()).device
    with torch.inference_mode(), cpu_threads(1):
        points, logit = network(to_input(crop).to(device))
    flat = points[0].float().cpu().numpy()
    affine = region.to_frame.astype(np.float32)
    placed = np.empty_like(flat)
    placed[:, :2] = flat[:, :2] @ affine[:, :2].T + affine[:, 2]
    placed[:, 2] = flat[:, 2] * (region.side / SIDE)
    return Mesh(placed, float(torch.sigmoid(logit[0].float())))


def crop_region(picture: np.ndarray, region: Region) -> np.ndarray:
    """Cut a region out of a picture as (192, 192, 3) uint8; beyond the picture's edges they are repeated.

    A large region is averaged to about twice the crop's size first: skipping pixels makes points tremble.
    """
    half = region.side / 2 * (abs(np.cos(region.angle)) + abs(np.sin(region.angle))) + 2
    (x, y), (height, width) = region.centre, picture.shape[:2]
    left, top = (int(np.clip(edge - half, 0, size - 1)) for edge, size in ((x, width), (y, height)))
    right, bottom = (int(np.clip(edge + half + 1, 1, size)) for edge, size in ((x, width), (y, height)))
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    part = picture[top:bottom, left:right]
    size = np.array([part.shape[1], part.shape[0]])
    factor = 2 * SIDE / region.side
    if factor < 0.75:
        part = cv2.resize(
            part, np.maximum(np.round(size * factor), 1).astype(int).tolist(), None, 0, 0, cv2.INTER_AREA
        )
    scale = np.array([part.shape[1], part.shape[0]]) / size
    matrix = region.to_frame
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - [left, top]  # OpenCV counts from pixel centres
    matrix = matrix * scale[:, None]
    matrix[:, 2] -= 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(part, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return eight_bit(crop)
