"""Rates of frames, however they are written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.times import parse_rate

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("25", Fraction(25)),
        (25.0, Fraction(25)),
        ("30.0", Fraction(30)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        ("29.97", NTSC),
        (29.97, NTSC),
        (30000 / 1001, NTSC),
        ("30000/1001", NTSC),
        ("29.970030", NTSC),
        (29.9731, Fraction(299731, 10000)),  # measured, and another rate
        (24.999999999, Fraction(25)),
        ("12.5", Fraction(25, 2)),
        (22.13, Fraction(2213, 100)),
        ("0.5", Fraction(1, 2)),
        ("1000", Fraction(1000)),
    ],
)
def test_a_rate_is_the_fraction_that_is_meant(given: str | float, meant: Fraction) -> None:
    assert parse_rate(given) == meant


@pytest.mark.parametrize("given", ["0", "-25", "1000.5", "25/0", "25/00", "1e2", "nan", "", "fast", " 25"])
def test_a_text_that_is_no_rate_is_refused(given: str) -> None:
    with pytest.raises(OptionError, match=r"is no frame rate. Give a number from 0.01 to 1000, such as"):
        parse_rate(given)


@pytest.mark.parametrize("given", [0.0, 1e-7, -1.0, 1000.5, float("nan"), float("inf")])
def test_a_number_that_is_no_rate_is_refused(given: float) -> None:
    with pytest.raises(OptionError, match="frames per second can't be played"):
        parse_rate(given)
