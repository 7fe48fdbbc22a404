"""The 3DMM regressor: a ResNet-50 that reads a face's shape, expression, pose and light off a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers import full_precision
from ..network import Layout
from ..samples import drawn_face

# The parts of a row of coefficients, in order.
WIDTHS = {
    "identity": 80,
    "expression": 64,
    "texture": 80,
    "angle": 3,
    "lighting": 27,
    "translation_xy": 2,
    "translation_z": 1,
}
LAYOUT = Layout(
    containers=("net_recon",),
    renames=tuple((rf"^final_layers\.{index}\.", f"heads.{part}.") for index, part in enumerate(WIDTHS)),
)


class Face3D(nn.Module):
    """Fits a 3D morphable model to a face."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50  # its import takes as long as PyTorch's

        self.backbone = resnet50(weights=None)
        self.backbone.fc = nn.Identity()
        self.heads = nn.ModuleDict({part: nn.Conv2d(2048, width, 1) for part, width in WIDTHS.items()})
        self.to(memory_format=torch.channels_last)  # takes three quarters of the time on a CPU

    def forward(self, picture: Tensor) -> Tensor:
        """Read coefficients.

        picture: (B, 3, 224, 224) RGB in [0, 1], aligned; its mean is not subtracted
        returns: (B, 257): identity 80, expression 64, texture 80, Euler angles 3, lighting 27, translation 3

        Autocast is switched off: in bfloat16 translations came out wrong by one part in a hundred.
        """
        with full_precision(picture.device):
            pooled = self.backbone(picture.float())[..., None, None]  # (B, 2048, 1, 1)
            return torch.cat([head(pooled) for head in self.heads.values()], dim=1).flatten(1)


def sample() -> tuple[Tensor, ...]:
    """A face as `Face3D` takes it."""
    return (drawn_face(224),)
