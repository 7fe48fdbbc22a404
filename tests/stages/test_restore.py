"""Restoring faces and marking their parts."""

from __future__ import annotations

import pytest
import torch
from retalk_nodes.models.faces.parsing import BiSeNet, FaceParser, ParseNet
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.stages.restore import MOUTH, parse_regions, restore_faces
from standins import part_of
from torch import Tensor, nn


class Negative(nn.Module):
    """Turns light into dark and exaggerates it, in half precision."""

    def forward(self, picture: Tensor, area: Area) -> Tensor:
        assert picture.shape[1:] == (3, 512, 512)
        return part_of((-1.5 * picture).half(), area)


class Redness(FaceParser):
    """Takes red for the mouth, green for lips, everything else for background."""

    classes = ("background", "mouth", "upper lip", "lower lip")
    side = 64

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, picture: Tensor) -> Tensor:
        self.seen.append(tuple(picture.shape))
        red, green, _ = picture.split(1, dim=1)
        return 20 * torch.cat([torch.zeros_like(red), red, green - 0.1, green + 0.1], dim=1)


def faces(count: int, side: int = 512, seed: int = 0) -> Tensor:
    return torch.rand(count, side, side, 3, generator=torch.Generator().manual_seed(seed))


def painted(side: int, count: int = 1) -> Tensor:
    """Black pictures with a red block, and a green block right below it."""
    picture = torch.zeros(count, side, side, 3)
    quarter = side // 4
    picture[:, quarter : 2 * quarter, quarter : 3 * quarter, 0] = 1
    picture[:, 2 * quarter : 3 * quarter, quarter : 3 * quarter, 1] = 1
    return picture


# Restoring


def test_only_the_area_is_restored_and_there_as_the_whole_is() -> None:
    given, area = faces(2), Area(300, 100, 500, 400)
    part = restore_faces(Negative(), given, strength=0.5, area=area)
    inside = torch.zeros(512, 512, dtype=torch.bool)
    inside[300:500, 100:400] = True
    assert torch.equal(part[:, inside], restore_faces(Negative(), given, strength=0.5)[:, inside])
    assert torch.equal(part[:, ~inside], given[:, ~inside])


def test_a_restored_face_is_what_the_network_drew_within_bounds() -> None:
    given = faces(3)
    restored = restore_faces(Negative(), given)
    assert restored.dtype == torch.float32
    expected = (0.5 - 1.5 * (given - 0.5)).clamp(0, 1)
    torch.testing.assert_close(restored, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_leads_from_the_given_face_to_the_restored_one(strength: float) -> None:
    given = faces(1)
    whole = restore_faces(Negative(), given)
    part = restore_faces(Negative(), given, strength=strength)
    torch.testing.assert_close(part, given + strength * (whole - given))
    assert torch.equal(restore_faces(Negative(), given, strength=0.0), given)


def test_other_sizes_are_resized_and_batches_dont_matter() -> None:
    given = faces(3, 300)
    told: list[int] = []
    restored = restore_faces(Negative(), given, batch_size=2, progress=lambda done, _: told.append(done))
    assert restored.shape == (3, 512, 512, 3) and told == [2, 3]
    assert torch.equal(restored[2], restore_faces(Negative(), given[2:])[0])


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_beyond_its_range_is_refused(strength: float) -> None:
    with pytest.raises(OptionError, match="between 0 and 1"):
        restore_faces(Negative(), faces(1), strength=strength)


# Parsing


@pytest.mark.parametrize("side", [64, 100, 512])
def test_regions_are_marked_together_at_the_pictures_own_size(side: int) -> None:
    network = Redness()
    mask = parse_regions(network, painted(side, 5), soften=0, batch_size=2)
    assert mask.shape == (5, side, side)
    assert [shape[0] for shape in network.seen] == [2, 2, 1]
    assert {shape[2:] for shape in network.seen} == {(64, 64)}
    expected = painted(side)[0].amax(dim=-1)
    assert (mask[4] != expected).float().mean() < 0.02
    assert set(mask.unique().tolist()) == {0.0, 1.0}


def test_single_regions_are_marked_alone() -> None:
    picture = painted(64)
    mouth = parse_regions(Redness(), picture, ["mouth"], soften=0)[0]
    lip = parse_regions(Redness(), picture, ["lower lip"], soften=0)[0]
    none = parse_regions(Redness(), picture, ["upper lip"], soften=0)[0]
    assert torch.equal(mouth, picture[0, ..., 0]) and torch.equal(lip, picture[0, ..., 1])
    assert not none.any()


def test_between_two_marked_regions_there_is_no_gap() -> None:
    mask = parse_regions(Redness(), painted(512), soften=0)[0]
    assert mask[140:380, 140:380].eq(1).all()


@pytest.mark.parametrize("soften", [0.005, 0.02, 0.1])
def test_soft_edges_end_where_they_should(soften: float) -> None:
    side = 512
    hard = parse_regions(Redness(), painted(side), soften=0)[0]
    soft = parse_regions(Redness(), painted(side), soften=soften)[0]
    column = soft[:, side // 2]
    reach = round(soften * side)
    edge = int(hard[:, side // 2].nonzero()[0])
    assert column[: edge - reach].eq(0).all() and column[edge + reach : side // 2].eq(1).all()
    ramp = column[edge - reach : edge + reach]
    assert ramp.diff().ge(0).all() and ramp.diff().max() <= 1.01 / reach
    assert column[edge - 1] + column[edge] == pytest.approx(1)


def test_a_mask_reaches_the_pictures_edge_undimmed() -> None:
    picture = torch.zeros(1, 64, 64, 3)
    picture[:, 32:, :, 0] = 1
    mask = parse_regions(Redness(), picture, soften=0.1)[0]
    assert mask[-1].eq(1).all() and mask[0].eq(0).all()


def test_the_caller_may_choose_at_which_size_the_network_looks() -> None:
    network = Redness()
    parse_regions(network, painted(256), side=128)
    assert network.seen == [(1, 3, 128, 128)]


def test_unknown_regions_are_named_and_none_is_refused() -> None:
    with pytest.raises(OptionError, match=r"no region called moustache.*upper lip"):
        parse_regions(Redness(), painted(64), ["mouth", "moustache"])
    with pytest.raises(OptionError, match="at least one region"):
        parse_regions(Redness(), painted(64), [])


def test_both_parsers_know_the_mouth() -> None:
    for parser in (BiSeNet, ParseNet):
        assert set(MOUTH) <= set(parser.classes)
    assert (BiSeNet.side, ParseNet.side) == (512, 256)
