"""VGG19's features, by which what is drawn is compared with what it should look like.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (2015).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..network import Layout
from ..samples import drawn_face

LAYOUT = Layout(dead=(r"^classifier\.",))
WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures in [0, 1]


class Vgg19(nn.Module):
    """VGG19 without what names objects, and without its last pool: pictures may be small."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:  # 0 is a pool
            if width:
                layers += (nn.Conv2d(before, width, 3, padding=1), nn.ReLU())
                before = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        for name, row in (("mean", _MEAN), ("spread", _SPREAD)):
            self.register_buffer(name, torch.tensor(row)[:, None, None], persistent=False)

    def forward(self, pictures: Tensor, layers: Sequence[int] = (1, 6, 11, 20, 29)) -> list[Tensor]:
        """Read pictures.

        pictures: (B, 3, H, W) RGB in [0, 1]
        layers:   numbers in `features`, rising; by default the ReLUs behind each size's first convolution
        returns:  what each of these layers gives
        """
        x, found = (pictures - self.mean) / self.spread, []
        for number, layer in enumerate(self.features[: layers[-1] + 1]):
            x = layer(x)
            if number in layers:
                found.append(x)
        return found


def read_pair(
    network: Vgg19, given: Tensor, wanted: Tensor, layers: Sequence[int]
) -> list[tuple[Tensor, Tensor]]:
    """Features of a picture and of what it should be; gradients reach the former only."""
    with torch.no_grad():
        targets = network(wanted, layers)
    return list(zip(network(given, layers), targets, strict=True))


def halve(pictures: Tensor) -> Tensor:
    """Pictures at half the size, bilinearly."""
    return F.interpolate(
        pictures, scale_factor=0.5, mode="bilinear", align_corners=False, recompute_scale_factor=True
    )


def sample() -> tuple[Tensor, ...]:
    """A picture as `Vgg19` takes it."""
    return (drawn_face(64),)
