"""English numbers as words."""

from __future__ import annotations

import re

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LARGE = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_NUMBER = re.compile(r"(?<![\w.])([$£€]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(%|st\b|nd\b|rd\b|th\b)?")
_SIGNS = {"": "", "%": "percent", "$": "dollars", "£": "pounds", "€": "euros"}
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
}
_YEARS = range(1100, 2000)  # said as two numbers


def spell_numbers(text: str) -> str:
    """A text with its numbers in words: "in 1984, 20%" is "in nineteen eighty-four, twenty percent"."""
    return _NUMBER.sub(lambda found: f" {_said(*found.groups(default=''))} ", text)


def _said(currency: str, whole: str, fraction: str, after: str) -> str:
    number = int(whole.replace(",", ""))
    if len(whole) > 12:
        return " ".join(_SMALL[int(digit)] for digit in whole if digit.isdigit())
    if number in _YEARS and len(whole) == 4 and not (currency or fraction or after):
        words = f"{_cardinal(number // 100)} {_cardinal(number % 100) if number % 100 else 'hundred'}"
        return words if number % 100 not in range(1, 10) else words.replace(" ", " oh ", 1)
    words = _cardinal(number)
    if fraction:
        words += " point " + " ".join(_SMALL[int(digit)] for digit in fraction)
    if after in ("st", "nd", "rd", "th"):
        return _ordinal(words)
    return " ".join(filter(None, (words, _SIGNS[after], _SIGNS[currency])))


def _cardinal(number: int) -> str:
    for size, name in _LARGE:
        if number >= size:
            rest = f" {_cardinal(number % size)}" if number % size else ""
            return f"{_cardinal(number // size)} {name}{rest}"
    if number < 20:
        return _SMALL[number]
    return _TENS[number // 10] + (f" {_SMALL[number % 10]}" if number % 10 else "")


def _ordinal(words: str) -> str:
    *before, last = words.split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = {"twelve": "twelf"}.get(
            last, last.removesuffix("y") + "ie" if last.endswith("y") else last
        ) + "th"
    return " ".join((*before, last))
