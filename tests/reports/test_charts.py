"""Charts and sheets show what happened, whatever the length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from retalk_nodes.retalk_core.reports.charts import (
    CHART_SIZE,
    COLUMNS,
    Mouth,
    Scene,
    draw_chart,
    draw_mel,
    draw_sheet,
)
from retalk_nodes.retalk_core.reports.report import Stretch

# Charts


def scene(count: int = 100, **changes: object) -> Scene:
    wave = 0.5 - 0.5 * np.cos(np.arange(count) / 4)
    given: dict[str, object] = {
        "times": np.arange(count) / 25,
        "loudness": wave,
        "wanted": wave**2,
        "seen": None,
        "cuts": np.array([], int),
        "untouched": [],
    }
    return Scene(**{**given, **changes})  # type: ignore[arg-type]


def differs(one: np.ndarray, other: np.ndarray) -> int:
    return int((one != other).any(axis=2).sum())


@pytest.mark.parametrize("count", [1, 2, 100, 30_000])
def test_a_chart_has_one_size_whatever_the_length(count: int) -> None:
    chart = draw_chart(scene(count))
    assert chart.shape == (*CHART_SIZE, 3) and chart.dtype == np.uint8
    assert (chart < 200).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"loudness": np.zeros(100)},
        {"wanted": np.ones(100)},
        {"seen": np.linspace(0, 0.15, 60)},
        {"cuts": np.array([50])},
        {"untouched": [Stretch(1, 2, 25, "no face")]},
        {"doubtful": [(1.0, 1.5)]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_everything_that_happened_shows_on_the_chart(changes: dict[str, Any]) -> None:
    assert differs(draw_chart(scene()), draw_chart(scene(**changes))) > 100


def test_a_curve_with_gaps_or_without_any_value_can_be_drawn() -> None:
    seen = np.linspace(0, 0.15, 100)
    seen[20:50] = np.nan
    draw_chart(scene(seen=seen))
    nothing = draw_chart(scene(seen=np.full(100, np.nan)))
    assert differs(nothing, draw_chart(scene())) == 0


# Sheets


def mouths(count: int, side: int = 144, start: int = 0) -> list[Mouth]:
    values = [(10 + i, 200 - i, 90 + i) for i in range(start, start + count)]
    return [
        Mouth(i / 25, *(np.full((side, side, 3), value, np.uint8) for value in each))
        for i, each in enumerate(values)
    ]


def shades(sheet: np.ndarray) -> set[int]:
    """The greys that a sheet shows."""
    return {colour[0] for colour in sheet[:, ::12].reshape(-1, 3).tolist() if len(set(colour)) == 1}


@pytest.mark.parametrize("count", [1, 7, 8, 9, 24])
def test_a_sheet_shows_every_mouth_before_and_after_and_where(count: int) -> None:
    sheet = draw_sheet(mouths(count))
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    for i in range(count):
        assert {10 + i, 200 - i, 90 + i} <= shades(sheet)
    assert sheet.shape[1] <= COLUMNS * 160


@pytest.mark.parametrize(("count", "worst"), [(3, 8), (16, 8), (16, 2), (0, 3)])
def test_the_worst_come_below_under_a_line_of_their_own(count: int, worst: int) -> None:
    sheet = draw_sheet(mouths(count), mouths(worst, start=count))
    assert {10 + i for i in range(count + worst)} <= shades(sheet)
    assert sheet.shape[0] > draw_sheet(mouths(count)).shape[0] + 400 * (count > 0)


def test_a_sheet_of_nothing_says_so() -> None:
    sheet = draw_sheet([])
    assert sheet.shape[2] == 3 and (sheet < 100).any()


# What was heard


@pytest.mark.parametrize(("columns", "width"), [(1, 320), (400, 400), (5000, 1280)])
def test_a_spectrogram_is_drawn_with_low_notes_below_and_loud_ones_bright(columns: int, width: int) -> None:
    mel = np.full((80, columns), -4.0, np.float32)
    mel[:20] = 4
    picture = draw_mel(mel)
    assert picture.shape == (320, width, 3) and picture.dtype == np.uint8
    assert picture[-20:].mean() > 150 and picture[:200].mean() < 5
