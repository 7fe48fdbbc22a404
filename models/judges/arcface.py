"""ArcFace: whether two faces are the same person's, by facexlib's IR-SE-50.

Deng et al., "ArcFace: additive angular margin loss for deep face recognition" (2019).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import full_precision
from ..network import Layout
from ..samples import signed_face

SIDE = 112  # pixels of the faces that it reads
# The containers in which facexlib's class keeps its layers: their names are the file's own.
LAYOUT = Layout(renames=((r"^(input_layer|body|output_layer)\.", r"backbone.\1."),))


class ArcFace(nn.Module):
    """Reads a face into 512 numbers of length 1; of the same person's their product is near 1."""

    def __init__(self) -> None:
        super().__init__()
        from facexlib.recognition.arcface_arch import Backbone

        self.backbone = Backbone(num_layers=50, drop_ratio=0.6, mode="ir_se")

    def forward(self, faces: Tensor) -> Tensor:
        """Read faces (B, 3, 112, 112), RGB in [-1, 1] and aligned by five points; returns (B, 512)."""
        with full_precision(faces.device):
            return F.normalize(self.backbone(faces.float()), dim=1)


def sample() -> tuple[Tensor, ...]:
    """A face as `ArcFace` takes it."""
    return (signed_face(SIDE),)
