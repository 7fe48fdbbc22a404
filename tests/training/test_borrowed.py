"""basicsr's losses give the numbers of ours, where basicsr is there."""

from __future__ import annotations

import sys

import pytest
import recipe
import torch
from retalk_nodes.models.training.vgg import Vgg19
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.training import borrowed
from retalk_nodes.retalk_core.training.borrowed import BorrowedFeatures, why_not_borrowed
from retalk_nodes.retalk_core.training.losses import BEFORE_LAST, BEHIND_FIRST, compare_features
from retalk_nodes.retalk_core.training.runs import read_settings


@pytest.mark.parametrize("layers", [BEFORE_LAST, BEHIND_FIRST], ids=["enet", "dnet"])
def test_basicsr_and_ours_agree(layers: dict[int, float]) -> None:
    if why := why_not_borrowed():
        pytest.skip(why)
    network = Vgg19().eval().requires_grad_(False)
    network.load_state_dict(recipe.recipe_tensors("vgg19", 0))
    given, wanted = (torch.rand(1, 3, 64, 64) * 2 - 1 for _ in range(2))
    given.requires_grad_()

    ours = compare_features(network, given, wanted, layers=layers)
    theirs = BorrowedFeatures(network, layers)(given, wanted)

    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=0)
        slopes = [torch.autograd.grad(each, given, retain_graph=True)[0] for each in (own, other)]
        torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-5 * float(slopes[0].abs().max()))


def test_without_basicsr_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "find_spec", lambda name: None)
    assert "basicsr isn't installed" in why_not_borrowed()


def test_a_basicsr_that_breaks_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "basicsr.archs", None)
    assert "can't be used" in why_not_borrowed()
    with pytest.raises(InputError, match=r"Choose features=vgg19, ") as told:
        BorrowedFeatures(Vgg19())
    word = str(told.value).split("Choose ")[1].split(",")[0]
    assert read_settings("enet", None, [word]).features == "vgg19"  # there is such a setting
