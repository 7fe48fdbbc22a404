"""Parts of maps: a decoder's last levels need to make no more than the part of a picture that is looked at.

Its convolutions are local, so a part of a level's output depends on a part of its input that is a little
larger. What lies outside of the whole map is made up by the convolution (zeros) or by the enlarging (pixels
repeated), and so it is here: a part's numbers are those that the whole picture has there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Area(NamedTuple):
    """Half-open rows and columns of a map; they may reach beyond it."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, side: int) -> Area:
        """All of a square map."""
        return cls(0, 0, side, side)

    def grown(self, by: int) -> Area:
        """With so many rows and columns more on every side; fewer where negative."""
        return Area(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def within(self, side: int) -> Area:
        """What of it lies in a square map."""
        return self.shared(Area.whole(side))

    def shared(self, other: Area) -> Area:
        """What lies in both."""
        return Area(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def joined(self, other: Area) -> Area:
        """The smallest one that holds both."""
        return Area(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def halved(self) -> Area:
        """What a map of half the size is looked at for, where it is enlarged bilinearly."""
        return Area((self.top - 1) // 2, (self.left - 1) // 2, self.bottom // 2 + 1, self.right // 2 + 1)

    def doubled(self) -> Area:
        """The same part of a map of twice the size."""
        return Area(*(2 * edge for edge in self))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a map with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Tile(NamedTuple):
    """A part of a map, (B, C, h, w), and where it lies."""

    values: Tensor
    area: Area

    @classmethod
    def whole(cls, values: Tensor) -> Tile:
        """A square map, all of it."""
        return cls(values, Area.whole(values.shape[2]))

    def cut(self, area: Area) -> Tensor:
        """A part of the part, (B, C, h, w): a view. It has to lie in it."""
        assert self.area.joined(area) == self.area, (area, self.area)
        top, left = self.area.top, self.area.left
        return self.values[..., area.top - top : area.bottom - top, area.left - left : area.right - left]

    def framed(self, area: Area, side: int, mode: str = "constant") -> Tensor:
        """A part of a square map of `side`; beyond the map are zeros, or with "replicate" its own edge."""
        inside = area.within(side)
        beyond = (
            inside.left - area.left,
            area.right - inside.right,
            inside.top - area.top,
            area.bottom - inside.bottom,
        )
        part = self.cut(inside)
        part = F.pad(part, beyond, mode=mode) if any(beyond) else part
        return part.contiguous(memory_format=torch.channels_last)

    def convolved(self, area: Area, side: int, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """A part of a square map of `side`, convolved with 3 by 3 and zeros around the whole.

        The tile holds `area.grown(1)`, or all that the map has of it.
        """
        if area == self.area == Area.whole(side):  # the convolution's own zeros need no copy
            return F.conv2d(self.values, weight, bias, padding=1)
        return F.conv2d(self.framed(area.grown(1), side), weight, bias)

    def enlarged(self, area: Area) -> Tensor:
        """A part of the map at twice the size, enlarged bilinearly.

        The tile holds `area.halved()`, or all that the map has of it.
        """
        source = area.halved().shared(self.area)
        large = F.interpolate(self.cut(source), scale_factor=2.0, mode="bilinear", align_corners=False)
        return Tile(large, source.doubled()).cut(area)
