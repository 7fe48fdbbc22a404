"""A dub's time line in few numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from retalk_nodes.retalk_core.reports.charts import Scene
from retalk_nodes.retalk_core.reports.curves import MOST_POINTS, describe_doubts, describe_scene
from retalk_nodes.retalk_core.reports.doubts import Doubt
from retalk_nodes.retalk_core.reports.report import Stretch


def scene(count: int, rate: float = 25) -> Scene:
    times = np.arange(count) / rate
    seen = np.full(count // 2, 0.2)
    seen[:3] = np.nan
    return Scene(
        times=times,
        loudness=np.linspace(0, 1, count),
        wanted=None,
        seen=seen,
        cuts=np.array([5]),
        untouched=[Stretch(0.4, 0.8, 10, "no face")],
    )


def test_a_short_dub_has_a_point_for_each_frame() -> None:
    told = describe_scene(scene(20), seconds=0.8)
    assert told["lines"]["loudness"] == pytest.approx(np.linspace(0, 1, 20), abs=1e-3)
    assert set(told["lines"]) == {"loudness", "found"}
    assert told["cuts"] == [0.2] and told["untouched"] == [{"start": 0.4, "end": 0.8, "reason": "no face"}]
    json.dumps(told, allow_nan=False)


def test_an_hour_takes_no_more_room_than_a_minute() -> None:
    long = describe_scene(scene(90_000), seconds=3600)
    assert len(long["lines"]["loudness"]) == MOST_POINTS
    assert long["lines"]["loudness"][MOST_POINTS // 2] == pytest.approx(0.5, abs=0.01)


def test_what_was_looked_at_lies_over_its_own_time_and_the_rest_is_unknown() -> None:
    found = describe_scene(scene(1000), seconds=40)["lines"]["found"]
    known = [each is not None for each in found]
    assert len(found) == 400
    assert known.index(True) == pytest.approx(3 * 400 / 1000, abs=1)
    assert not any(known[201:]) and sum(known) == pytest.approx(200, abs=3)


def test_doubts_are_told_with_their_ranges() -> None:
    doubt = Doubt("skin", "slight", 3, ((0.1, 0.2),), 0.12, "words", "advice")
    (told,) = json.loads(json.dumps(describe_doubts([doubt])))
    assert told["ranges"] == [[0.1, 0.2]] and told["kind"] == "skin" and told["advice"] == "advice"
    assert describe_doubts(None) == []
