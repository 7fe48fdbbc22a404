"""LPIPS: how different two pictures look, by AlexNet's features.

Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (2018), version 0.1.
The file holds torchvision's AlexNet; how much each feature counts comes with the package `lpips`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import alexnet

from ..layers import full_precision
from ..network import Layout
from ..reading import read_tensors
from ..samples import drawn_face

LAYOUT = Layout(dead=(r"^classifier\.",))
SEEN = (1, 4, 7, 9, 11)  # layers whose features are compared
_MEAN, _SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures in [-1, 1]


class Lpips(nn.Module):
    """Tells how different two pictures look: 0 for the same, about 0.5 for others."""

    def __init__(self) -> None:
        super().__init__()
        self.features = alexnet(weights=None).features
        for row, weight in enumerate(_weights()):
            self.register_buffer(f"counts_{row}", weight, persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Distances (B,) of pictures (B, 3, H, W), RGB in [0, 1], of 64 pixels and more."""
        with full_precision(one.device):
            distance = torch.zeros(len(one), device=one.device)
            for row, (first, second) in enumerate(zip(self._read(one), self._read(other), strict=True)):
                squared = (first - second) ** 2
                distance = distance + (squared * getattr(self, f"counts_{row}")).sum(1).mean(dim=(1, 2))
            return distance

    def _read(self, pictures: Tensor) -> list[Tensor]:
        """The features of each layer, of length 1 at each place."""
        mean, spread = (torch.tensor(row, device=pictures.device)[:, None, None] for row in (_MEAN, _SPREAD))
        x = (2 * pictures.float() - 1 - mean) / spread
        found = []
        for index, layer in enumerate(self.features[: SEEN[-1] + 1]):
            x = F.relu(x) if isinstance(layer, nn.ReLU) else layer(x)  # its own would write into what is kept
            if index in SEEN:
                found.append(x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10))
        return found


def _weights() -> list[Tensor]:
    """How much each channel counts, (1, C, 1, 1) for each layer. Raises ImportError without `lpips`."""
    package = find_spec("lpips")
    folders = (package.submodule_search_locations if package else None) or ()
    path = next((Path(folder) / "weights" / "v0.1" / "alex.pth" for folder in folders), None)
    if path is None or not path.is_file():
        raise ImportError("the package lpips isn't installed")
    stored = read_tensors(path)
    return [stored[f"lin{row}.model.1.weight"] for row in range(len(SEEN))]


def sample() -> tuple[Tensor, ...]:
    """Two pictures as `Lpips` takes them."""
    face = torch.as_tensor(drawn_face(128))
    return face, face.flip(3)
