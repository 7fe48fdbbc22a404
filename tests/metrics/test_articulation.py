"""Mouth shapes against what is said, with figures that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.metrics.articulation import articulated
from retalk_nodes.retalk_core.metrics.registry import measure
from retalk_nodes.retalk_core.visemes.targets import Phone

SAID = (
    Phone("AA", 0.0, 0.2),
    Phone("M", 0.2, 0.3),
    Phone("UW", 0.3, 0.5),
    Phone("F", 0.5, 0.6),
    Phone("IY", 0.6, 0.8),
    Phone("B", 0.8, 0.9),
    Phone("EH", 0.9, 1.1),
)
GAPS = {"AA": 0.15, "M": 0.0, "UW": 0.06, "F": 0.03, "IY": 0.08, "B": 0.0, "EH": 0.1}
WIDTHS = {"UW": 0.4, "IY": 0.6, "AA": 0.55}


def mouth(**changed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, gaps and widths of a mouth that does what it should, but for some sounds' gaps."""
    times = (np.arange(28) + 0.5) / 25
    said = [next((p.name for p in SAID if p.start <= time < p.stop), "EH") for time in times]
    gaps = GAPS | changed
    return times, np.array([gaps[name] for name in said]), np.array([WIDTHS.get(name, 0.5) for name in said])


def judged(**changed: float) -> dict[str, float | int | None]:
    return measure(articulated(SAID, *mouth(**changed)))


def test_a_mouth_that_does_what_is_said_is_right() -> None:
    given = judged()
    assert given["closures"] == given["bites"] == given["rounding"] == given["viseme_accuracy"] == 1
    assert given["false_closures"] == 0


def test_an_open_b_and_a_shut_vowel_count() -> None:
    given = judged(B=0.08, AA=0.0)
    assert given["closures"] == 0.5 and given["false_closures"] == 0.5 and given["bites"] == 1
    assert given["viseme_accuracy"] == pytest.approx((0.5 + 1 + 0.5) / 3)


def test_sounds_without_a_face_do_not_count() -> None:
    times, gaps, widths = mouth(B=0.08)
    gaps[19:24] = np.nan
    given = measure(articulated(SAID, times, gaps, widths))
    assert given["closures"] == 1
    assert articulated(SAID, times, np.full(28, np.nan), widths) == {}


def test_nothing_said_has_no_figure() -> None:
    given = measure(articulated((), *mouth()))
    assert set(given.values()) == {None} and "closures" in given


def test_a_mouth_that_is_never_shut_is_half_right_at_best() -> None:
    given = judged(M=0.1, B=0.1, F=0.1)
    assert given["closures"] == given["bites"] == 0
    assert given["viseme_accuracy"] == pytest.approx(1 / 3)
