"""RetinaFace on a ResNet-50: faces and five points of each. facexlib's network.

facexlib is imported when the network is built: importing it takes seconds. Its `init_…` function would
download weights, and its own detection moves pictures to the device that was there at construction;
neither is ever called.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..layers import full_precision
from ..network import Layout
from ..samples import drawn_face

MEAN = (104.0, 117.0, 123.0)  # of the training pictures: B, G, R

LAYOUT = Layout(containers=("state_dict",), strip="module.", renames=((r"^", "network."),))


class Regression(NamedTuple):
    """What the network says about N anchors: two squares around each cell of strides 8, 16 and 32."""

    boxes: Tensor  # (B, N, 4) shifts of the centre, x and y, and logarithms of width and height
    scores: Tensor  # (B, N, 2) probabilities: background, face
    points: Tensor  # (B, N, 10) shifts of five points, x and y in turn


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
        """Pictures (B, 3, H, W) BGR in 0..255 to what there is around each of N anchors.

        Autocast is switched off: the answers are positions.
        """
        with full_precision(picture.device):
            centred = (picture.float() - self.mean).contiguous(memory_format=torch.channels_last)
            return Regression(*self.network(centred))


def sample() -> tuple[Tensor, ...]:
    """A picture with a face as `RetinaFace` takes it."""
    return ((drawn_face(640) * 255).flip(1),)
