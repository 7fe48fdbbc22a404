"""A network that gives values that are no numbers stops its stage by its name."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.expression.dnet import DNet
from retalk_nodes.models.expression.ganimation import Ganimation
from retalk_nodes.models.faces.face3d import Face3D
from retalk_nodes.models.faces.parsing import BiSeNet
from retalk_nodes.models.lips.enet import ENet
from retalk_nodes.models.lips.lnet import LNet
from retalk_nodes.models.restorers.gfpgan import GFPGAN
from retalk_nodes.models.restorers.gpen import GPEN
from retalk_nodes.retalk_core.compute.batches import only_numbers
from retalk_nodes.retalk_core.stages.coefficients import fit_coefficients, unpack
from retalk_nodes.retalk_core.stages.expression import action_units, edit_upper_face, neutralise_expression
from retalk_nodes.retalk_core.stages.lips.enet import enhance_identity
from retalk_nodes.retalk_core.stages.lips.lnet import sync_lips
from retalk_nodes.retalk_core.stages.restore import parse_regions, restore_faces
from torch import Tensor, nn

FACE = torch.rand(1, 64, 64, 3)
ROW = unpack(torch.zeros(1, 262))


def neutralise(network: nn.Module) -> Tensor:
    return neutralise_expression(network, FACE, ROW, torch.zeros(1, 64), shot=torch.zeros(1, dtype=torch.int))


STAGES: dict[type[nn.Module], Callable[..., object]] = {
    LNet: lambda network: sync_lips(network, FACE, FACE, torch.zeros(1, 1, 80, 16)),
    ENet: lambda network: enhance_identity(network, FACE, FACE),
    GFPGAN: lambda network: restore_faces(network, FACE),
    GPEN: lambda network: restore_faces(network, FACE),
    BiSeNet: lambda network: parse_regions(network, FACE),
    Face3D: lambda network: fit_coefficients(network, FACE, torch.zeros(1, 68, 2)),
    DNet: neutralise,
    Ganimation: lambda network: edit_upper_face(network, FACE, action_units({4: 0.3})),
}


def broken(kind: type[nn.Module], value: float, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A network of a kind, one of whose values comes out wrong; it computes nothing."""

    class Answer:
        picture = mask = colour = torch.full((1, 3, 256, 256), value)

    def answer(self: nn.Module, *_: object) -> object:
        shape = {Face3D: (1, 257), BiSeNet: (1, 19, 512, 512)}.get(kind, (1, 3, 512, 512))
        return Answer if kind in (DNet, Ganimation) else torch.full(shape, value)

    network = kind.__new__(kind)
    nn.Module.__init__(network)
    monkeypatch.setattr(kind, "forward", answer)
    return network


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", STAGES, ids=lambda kind: kind.__name__)
def test_a_stage_stops_at_values_that_are_no_numbers(
    kind: type[nn.Module], value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in NETWORKS.values() if row.build.make == kind.__name__)
    with pytest.raises(CheckpointError) as caught:
        STAGES[kind](broken(kind, value, monkeypatch))
    words = str(caught.value)
    assert words.startswith(f"{row.title} gave values that are no numbers")
    assert row.files[0].name in words and "choose another precision" in words


def test_numbers_pass_unchanged_and_strangers_are_named_by_their_class() -> None:
    x = torch.rand(3)
    assert only_numbers(x, nn.Identity()) is x
    with pytest.raises(CheckpointError, match="The network Identity gave values"):
        only_numbers(x / 0 * 0, nn.Identity())
