"""FaceMesh, MediaPipe's face landmarks: 468 points in three dimensions from a crop of 192 pixels."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import WEIGHTS, load_weights
from ..layers import SameConv2d, SeparableBlock

POINTS = 468
SIDE = 192  # of the crop, in pixels

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
