"""Blocks that several networks share keep to their formulas, however tensors lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from retalk_nodes.models.interception import Function, Interception
from retalk_nodes.models.layers import ORDERED, AdaIN, InOrder, LayerNorm2d, full_precision
from retalk_nodes.models.restorers import gpen
from retalk_nodes.models.stylegan import blocks
from retalk_nodes.models.stylegan.tiles import Area, Tile
from torch import Tensor, nn
from torch.nn import functional as F


def test_adain_keeps_pictures_of_a_batch_apart() -> None:
    torch.manual_seed(0)
    norm = AdaIN(6, 5)
    x, style = torch.randn(3, 6, 8, 7), torch.randn(3, 5, 1)

    together = norm(x, style)

    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], norm(x[i : i + 1], style[i : i + 1]))


def test_layer_norm_is_over_channels_rows_and_columns() -> None:
    torch.manual_seed(0)
    norm, x = LayerNorm2d(6), torch.randn(2, 6, 8, 7) * 3 + 1

    y = norm(x)

    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var((1, 2, 3), correction=0), torch.ones(2), rtol=0, atol=1e-4)
    assert y.mean((2, 3)).abs().max() > 0.01  # channels keep their differences


@pytest.mark.parametrize("norm", [LayerNorm2d(8), lambda x: AdaIN(8, 5)(x, torch.zeros(len(x), 5))])
@pytest.mark.parametrize("batch", [1, 2])
def test_norm_is_as_exact_with_channels_last(norm: Callable[[Tensor], Tensor], batch: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 8, 16, 16) * 0.1 + 30  # a small signal on a large offset

    torch.manual_seed(1)
    expected = norm(x)
    torch.manual_seed(1)
    given = norm(x.contiguous(memory_format=torch.channels_last))

    torch.testing.assert_close(given, expected, rtol=0, atol=1e-4)


def test_full_precision_needs_no_autocast_to_switch_off() -> None:
    with full_precision(torch.device("meta")), full_precision(torch.device("cpu")):
        assert not torch.is_autocast_enabled("cpu")


class Watch(Interception):
    """Notes how tensors lie that convolutions and their like are given."""

    def __init__(self) -> None:
        super().__init__()
        self.plain: list[bool] = []
        self.parts_written: list[object] = []

    def call(self, function: Function, args: tuple[Any, ...], given: dict[str, Any]) -> Any:  # noqa: ANN401
        if function in ORDERED:
            values = (*args, *given.values())
            self.plain += [value.is_contiguous() for value in values if isinstance(value, Tensor)]
        if "out" in given:
            self.parts_written.append(function)
        return function(*args, **given)


@torch.no_grad()
def test_in_order_convolutions_see_plain_tensors_and_give_the_same() -> None:
    torch.manual_seed(0)
    enlarge = gpen.StyledConvolution(8, 4, up=True)
    gpen.settle(enlarge, None)
    last = nn.Conv2d(4, 3, 3).to(memory_format=torch.channels_last)
    pictures = torch.randn(2, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    led_by = torch.randn(2, 4, 12, 12).contiguous(memory_format=torch.channels_last)
    style = torch.randn(2, gpen.STYLE)

    def compute() -> Tensor:
        large = enlarge(Tile.whole(pictures), style, led_by, Area.whole(12)).values
        return F.interpolate(blocks.blur(last(large[:, 2:6]), bias=None), scale_factor=2.0)

    with Watch() as unordered:
        expected = compute()
    assert not all(unordered.plain) and unordered.parts_written
    with Watch() as ordered, InOrder():
        given = compute()
    assert all(ordered.plain) and len(ordered.plain) == len(unordered.plain)
    assert not ordered.parts_written
    torch.testing.assert_close(given, expected)
