"""Everybody sees everything once, in another order, and no version is favoured by its place."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from retalk_nodes.retalk_core.study.orders import SHEETS, balanced_rows, draw_sheets


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8])
def test_each_thing_stands_in_each_place_and_behind_each_other_equally_often(count: int) -> None:
    rows = balanced_rows(count)
    assert len(rows) == (count if count % 2 == 0 else 2 * count)
    for place in range(count):
        assert set(Counter(row[place] for row in rows).values()) == {len(rows) // count}
    followed = Counter(pair for row in rows for pair in pairwise(row))
    assert len(followed) == count * (count - 1) and len(set(followed.values())) == 1


def test_a_sheet_has_every_video_once() -> None:
    for sheet in draw_sheets(clips=5, versions=4, checks=3):
        assert sorted(sheet) == list(range(5 * 4 + 3))


def test_rounds_are_balanced_over_sheets() -> None:
    clips, versions = 4, 3
    sheets = draw_sheets(clips, versions, checks=0)
    assert len(sheets) >= SHEETS
    for turn in range(versions):
        seen = Counter(video for sheet in sheets for video in sheet[turn * clips : (turn + 1) * clips])
        assert len(seen) == clips * versions and len(set(seen.values())) == 1


def test_no_clip_comes_twice_in_a_row_and_no_check_first() -> None:
    clips, versions, checks = 3, 4, 2
    for sheet in draw_sheets(clips, versions, checks):
        rated = [video // versions for video in sheet if video < clips * versions]
        assert all(one != other for one, other in pairwise(rated))
        assert sheet[0] < clips * versions


def test_orders_differ_and_follow_the_seed() -> None:
    sheets = draw_sheets(6, 5, 2)
    assert len({tuple(sheet) for sheet in sheets}) == len(sheets)
    assert sheets == draw_sheets(6, 5, 2, seed=0) != draw_sheets(6, 5, 2, seed=1)


def test_one_clip_in_two_versions_is_enough() -> None:
    assert {tuple(sheet) for sheet in draw_sheets(1, 2, 0)} == {(0, 1), (1, 0)}
    assert all(sorted(sheet) == [0, 1, 2] and sheet[0] != 2 for sheet in draw_sheets(1, 2, 1))
