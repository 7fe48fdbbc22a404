"""Times in exact fractions of a second, as people and containers write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain

from .errors import OptionError

Seconds = Fraction | int | float

SLOWEST, FASTEST = Fraction(1, 100), 1000  # frames per second


def exact_tick(
    times: Iterable[Fraction], end: Fraction, *, fallback: Fraction = Fraction(1, 90_000)
) -> Fraction:
    """The longest 1/n second that all times are multiples of, or `fallback` where n would be above a million.

    A container counts time in such ticks; 1/30000 for 30000/1001 frames per second.
    """
    needed = 1
    for time in chain(times, (end,)):
        needed = math.lcm(needed, time.denominator)
        if needed > 1_000_000:
            return fallback
    return Fraction(1, needed)


def parse_ranges(text: str) -> tuple[tuple[Fraction, Fraction], ...]:
    """Read time ranges such as "0:01.5-0:03, 10-12.25" as (start, end) pairs in seconds.

    A time is seconds, minutes:seconds or hours:minutes:seconds. An empty text holds no ranges.
    Raises OptionError.
    """
    parts = [part.strip() for part in re.split(r"[,;\n]", text)]
    return tuple(_parse_range(part) for part in parts if part)


def parse_time(text: str) -> Fraction:
    """Read seconds, minutes:seconds or hours:minutes:seconds, such as 1:02.5. Raises OptionError."""
    time = _parse_time(text.strip())
    if time is None:
        raise OptionError(f"{text!r} is not a time. Write seconds or minutes:seconds, as in 12.5 or 1:02.5.")
    return time


def parse_rate(given: str | float) -> Fraction:
    """Read frames per second, a number or a text such as 29.97 or 30000/1001, as the fraction that is meant.

    Up to three decimals are a rate's name: 23.98 means 24000/1001. More of them were measured, and are taken
    for a usual rate only where they hardly differ. Raises OptionError.
    """
    rate = _read_rate(given)
    if rate is None or not SLOWEST <= rate <= FASTEST:
        if isinstance(given, str):
            raise OptionError(
                f"{given} is no frame rate. Give a number from 0.01 to {FASTEST}, such as 25, 29.97 or "
                "30000/1001."
            )
        raise OptionError(
            f"{given:g} frames per second can't be played. Give the clip's own rate, such as 25."
        )
    whole, ntsc = Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    near = rate / 100_000
    named = (rate * 1000).denominator == 1
    if whole and abs(whole - rate) < near:
        return whole
    if ntsc and abs(ntsc - rate) < (Fraction(1, 200) if named else near):
        return ntsc
    return rate


def inside(ranges: Iterable[tuple[Fraction, Fraction]], time: Fraction) -> bool:
    """Tell whether a time is in one of the ranges; a range includes its start and not its end."""
    return any(start <= time < end for start, end in ranges)


def timecode(seconds: Seconds) -> str:
    """Write a time as hours:minutes:seconds, such as 0:01:02.345."""
    milliseconds = round(Fraction(seconds) * 1000)
    sign = "-" if milliseconds < 0 else ""
    whole, fraction = divmod(abs(milliseconds), 1000)
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}.{fraction:03}"


def _read_rate(given: str | float) -> Fraction | None:
    """A rate as it is written; None for what is no number."""
    if not isinstance(given, str):
        return Fraction(str(given)) if math.isfinite(given) else None
    written = re.fullmatch(r"\d{1,9}(\.\d{0,9}|/(?!0+$)\d{1,9})?", given, flags=re.ASCII)
    return Fraction(given) if written else None


def _parse_range(text: str) -> tuple[Fraction, Fraction]:
    edges = re.split(r"\s*[-–]\s*", text)
    if len(edges) == 2:
        start, end = map(_parse_time, edges)
        if start is not None and end is not None and start < end:
            return start, end
    raise OptionError(
        f"{text!r} is not a time range. Write a start and a later end, such as 0:01.5-0:03, "
        "with commas between ranges."
    )


def _parse_time(text: str) -> Fraction | None:
    number = r"\d{1,12}"
    match = re.fullmatch(
        rf"(?:(?:({number}):)?({number}):)?({number}(?:\.\d{{0,30}})?)", text, flags=re.ASCII
    )
    if match is None:
        return None
    hours, minutes, seconds = match.groups(default="0")
    return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds.rstrip("."))
