"""NIQE is basicsr's where that is there, and why not where it isn't."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from retalk_nodes.retalk_core.metrics.pictures import niqe


@pytest.fixture
def anew() -> Iterator[None]:
    """What was imported before is forgotten, and so is what the test imports."""
    niqe._imported.cache_clear()
    yield
    niqe._imported.cache_clear()


def put_in_place(monkeypatch: pytest.MonkeyPatch, given: object) -> list[dict[str, object]]:
    """A package of basicsr's shape that gives one figure, and what it was asked."""
    asked: list[dict[str, object]] = []

    def calculate_niqe(picture: np.ndarray, **how: object) -> object:
        asked.append({"first": picture[0, 0].tolist(), **how})
        return given

    for name in ("basicsr", "basicsr.metrics", "basicsr.metrics.niqe"):
        module = ModuleType(name)
        module.__dict__["__path__"] = []
        module.__dict__["calculate_niqe"] = calculate_niqe
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(niqe, "find_spec", lambda name: object() if name == "basicsr" else None)
    return asked


def test_without_basicsr_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    monkeypatch.setattr(niqe, "find_spec", lambda name: None)
    assert "basicsr isn't installed" in niqe.why_no_niqe()


def test_a_basicsr_that_breaks_is_told_too(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    put_in_place(monkeypatch, 1.0)
    monkeypatch.setitem(sys.modules, "basicsr.metrics.niqe", None)
    assert "can't be imported" in niqe.why_no_niqe()


def test_it_sees_blue_first_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    asked = put_in_place(monkeypatch, np.float64(6.5))
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[..., 0] = 9

    assert niqe.why_no_niqe() == "" and niqe.distance_from_nature(picture) == 6.5

    assert asked == [{"first": [0, 0, 9], "crop_border": 0, "input_order": "HWC", "convert_to": "y"}]
    assert "torchvision.transforms.functional_tensor" not in sys.modules


def test_a_small_or_a_flat_picture_has_none(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    put_in_place(monkeypatch, np.float64("nan"))
    assert niqe.distance_from_nature(np.zeros((191, 400, 3), np.uint8)) is None
    assert niqe.distance_from_nature(np.zeros((200, 400, 3), np.uint8)) is None


def test_blur_is_less_natural() -> None:
    if why := niqe.why_no_niqe():
        pytest.skip(why)
    import cv2
    from scenes import portrait

    picture = portrait(384)
    figures = [niqe.distance_from_nature(cv2.GaussianBlur(picture, (0, 0), s)) for s in (0.3, 2, 4)]
    assert None not in figures and figures == sorted(figures)  # type: ignore[type-var]
