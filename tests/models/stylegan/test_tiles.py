"""Parts of maps hold what the whole maps hold there."""

from __future__ import annotations

import itertools

import pytest
import torch
from retalk_nodes.models.stylegan.tiles import Area, Tile
from torch.nn import functional as F

SIDE = 6
AREAS = [Area(*edges) for edges in itertools.product((0, 1, 5), (0, 3), (6, 11, 12), (4, 12))]


@pytest.mark.parametrize("area", [area for area in AREAS if area.top < area.bottom], ids=str)
def test_enlarging_the_part_that_is_looked_at_gives_what_enlarging_all_gives(area: Area) -> None:
    torch.manual_seed(0)
    whole = torch.randn(1, 2, SIDE, SIDE)
    source = area.halved().within(SIDE)
    part = Tile(Tile.whole(whole).cut(source), source)

    expected = Tile.whole(F.interpolate(whole, scale_factor=2.0, mode="bilinear", align_corners=False))

    torch.testing.assert_close(part.enlarged(area), expected.cut(area))


def test_beyond_the_map_are_zeros_or_its_edge() -> None:
    tile = Tile(torch.arange(1.0, 5.0).view(1, 1, 2, 2), Area.whole(2))
    area = Area(-1, 1, 1, 3)

    assert tile.framed(area, 2)[0, 0].tolist() == [[0, 0], [2, 0]]
    assert tile.framed(area, 2, "replicate")[0, 0].tolist() == [[2, 2], [2, 2]]


def test_what_a_part_does_not_hold_is_never_made_up() -> None:
    tile = Tile(torch.zeros(1, 1, 2, 2), Area(4, 4, 6, 6))

    with pytest.raises(AssertionError):
        tile.framed(Area(3, 4, 6, 6), 8)
