"""In which order people see the videos: shuffled, and counterbalanced over people."""

from __future__ import annotations

import random
from collections.abc import Sequence

SHEETS = 120  # at least so many orders, of which each person gets one


def balanced_rows(count: int) -> list[list[int]]:
    """Orders of `count` things in which each stands in each place, and behind each other one, equally often.

    Williams, "Experimental designs balanced for the estimation of residual effects of treatments" (1949): as
    many rows as things, or twice as many where their number is odd.
    """
    first = [0]
    low, high = 1, count - 1
    while len(first) < count:
        first.append(low if len(first) % 2 else high)
        low, high = (low + 1, high) if len(first) % 2 == 0 else (low, high - 1)
    rows = [[(each + shift) % count for each in first] for shift in range(count)]
    return rows if count % 2 == 0 else rows + [row[::-1] for row in rows]


def draw_sheets(clips: int, versions: int, checks: int, seed: int = 0) -> list[list[int]]:
    """Orders of all videos, one a sheet.

    clips, versions: video number `clip * versions + version` is a version of a clip; each comes once
    checks:          videos after these, spread among them and never first
    returns:         sheets of numbers, as many as it takes that each version of a clip comes equally often
                     in each round

    A round shows each clip once, in another order each time, and no clip twice in a row.
    """
    rows = balanced_rows(versions)
    count = -(-SHEETS // len(rows)) * len(rows)
    return [_sheet(rows[i % len(rows)], clips, checks, random.Random(f"{seed}/{i}")) for i in range(count)]


def _sheet(row: Sequence[int], clips: int, checks: int, chance: random.Random) -> list[int]:
    versions = len(row)
    sheet: list[int] = []
    for turn in range(versions):
        order = list(range(clips))
        chance.shuffle(order)
        if sheet and clips > 1 and sheet[-1] // versions == order[0]:
            order.append(order.pop(0))
        sheet += [clip * versions + row[(turn + clip) % versions] for clip in order]
    for number in range(checks):
        low, high = (len(sheet) * (number + part) // checks for part in (0, 1))
        sheet.insert(chance.randint(max(low, 1), max(high - 1, 1)), clips * versions + number)
    return sheet
