"""English numbers as they are said."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.visemes.text.numbers import spell_numbers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 and 13", "zero and thirteen"),
        ("42%", "forty two percent"),
        ("in 1984", "in nineteen eighty four"),
        ("in 1905", "in nineteen oh five"),
        ("in 1900", "in nineteen hundred"),
        ("2024", "two thousand twenty four"),
        ("1,250,000", "one million two hundred fifty thousand"),
        ("$3.50", "three point five zero dollars"),
        ("the 21st, 12th and 3rd", "the twenty first , twelfth and third"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
        ("no number, a4 paper", "no number, a4 paper"),
    ],
)
def test_a_number_is_spelt(text: str, said: str) -> None:
    assert spell_numbers(text).split() == said.split()
