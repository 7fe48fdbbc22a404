"""What rivals tell each other is what basicsr's functions were recorded to say."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from recordings import load_recording
from retalk_nodes.retalk_core.training.rivals import Rivalry, fooling, steepness, telling_apart, telling_part
from torch import Tensor
from torch.nn import functional as F

KINDS: tuple[Rivalry, ...] = get_args(Rivalry)
WEIGHT = 0.1  # of the recorded generator's losses
VALUE, NORM = 1e-5, 1e-4  # relative


def told(loss: Tensor, scores: Tensor) -> tuple[float, float]:
    """A loss and how steep it is."""
    (slope,) = torch.autograd.grad(loss, scores)
    return loss.item(), slope.norm().item()


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_are_the_recorded_ones(kind: Rivalry) -> None:
    recorded = load_recording("loss_enet", whole=False)
    real, drawn = (recorded.inputs[name].requires_grad_() for name in ("real_score", "fake_score"))
    for part, loss, scores in (
        ("generator", WEIGHT * fooling(kind, drawn), drawn),
        ("disc_real", telling_part(kind, real, real=True), real),
        ("disc_fake", telling_part(kind, drawn, real=False), drawn),
    ):
        value, norm = told(loss, scores)
        assert value == pytest.approx(recorded.expected[f"gan_{kind}_{part}"].item(), rel=VALUE)
        wanted = recorded.expected[f"gan_{kind}_{part}_gradient_norm"].item()
        assert norm == pytest.approx(wanted, rel=NORM)
    both = telling_apart(kind, real, drawn)
    parts = (recorded.expected[f"gan_{kind}_disc_{name}"] for name in ("real", "fake"))
    torch.testing.assert_close(both.detach(), sum(parts, start=torch.zeros(1))[0])


def test_steepness_is_the_recorded_one() -> None:
    recorded = load_recording("loss_enet", whole=False)
    picture, kernel = recorded.inputs["r1_picture"].requires_grad_(), recorded.inputs["r1_kernel"]
    scores = F.softplus(F.conv2d(picture, kernel, stride=2)).flatten(1).mean(dim=1, keepdim=True)
    torch.testing.assert_close(scores, recorded.expected["r1_score"], rtol=VALUE, atol=0)
    expected = recorded.expected["r1_penalty"]
    torch.testing.assert_close(steepness(scores, picture), expected[0], rtol=VALUE, atol=0)


def test_steepness_can_be_learnt_from() -> None:
    weight = torch.ones(3, requires_grad=True)
    picture = torch.rand(2, 3, 4, 4, requires_grad=True)
    steepness((picture * weight.view(3, 1, 1)).sum(dim=(1, 2, 3)), picture).backward()
    torch.testing.assert_close(weight.grad, torch.full((3,), 32.0))
