"""Which frame is shown when: exact counts and times at every rate, and what a longer voice does."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from retalk_nodes.retalk_core.dub.timeline import Timeline, plan_timeline
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.times import exact_tick, inside, parse_ranges, parse_time, timecode

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50), Fraction(60)]
UNEVEN = tuple(Fraction(n, 30) for n in (0, 2, 3, 5))  # a variable clip of 4 frames: 2, 1, 2, 1 thirtieths
UNEVEN_END = Fraction(6, 30)


def regular(frames: int, rate: Fraction, voice: Fraction | float, **options: object) -> Timeline:
    """Plan for a clip whose frames are shown equally long."""
    times = tuple(i / rate for i in range(frames))
    return plan_timeline(times, frames / rate, rate, voice, **options)


def uneven(voice: Fraction | float, **options: object) -> Timeline:
    return plan_timeline(UNEVEN, UNEVEN_END, None, voice, **options)


@pytest.mark.parametrize("rate", RATES)
def test_ten_minutes_have_the_exact_count_and_no_drift(rate: Fraction) -> None:
    plan = regular(100, rate, Fraction(600))
    assert len(plan) == math.ceil(600 * rate)
    assert all(time == i / rate for i, time in enumerate(plan.times))
    assert plan.end == len(plan) / rate
    assert 0 <= plan.end - plan.voice_end < 1 / rate
    assert plan.rate == rate


@pytest.mark.parametrize("longer", ["bounce", "hold", "loop"])
@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_picture_and_voice_end_within_one_frame_of_each_other(longer: str, frames: int) -> None:
    for thousandths in range(1, 1200, 37):
        voice = Fraction(thousandths, 1000)
        plan = regular(frames, Fraction(25), voice, longer=longer, shorter="end_with_voice")
        assert 0 <= plan.end - voice < Fraction(1, 25)
        assert len(plan) == max(1, math.ceil(voice * 25))


def test_a_longer_voice_makes_the_clip_go_to_and_fro_without_showing_an_end_twice() -> None:
    assert regular(4, Fraction(25), Fraction(11, 25)).source == (0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2)


def test_going_to_and_fro_every_frame_keeps_its_own_duration() -> None:
    plan = uneven(Fraction(13, 30))
    assert plan.source == (0, 1, 2, 3, 2, 1, 0, 1, 2)
    assert [duration * 30 for duration in plan.durations] == [2, 1, 2, 1, 2, 1, 2, 1, 2]
    assert plan.end >= Fraction(13, 30) > plan.times[-1]


def test_a_clip_of_one_frame_goes_on_for_any_voice() -> None:
    assert regular(1, Fraction(25), 1).source == (0,) * 25


def test_a_voice_as_long_as_the_clip_changes_nothing() -> None:
    for longer in ("bounce", "stretch", "hold", "loop", "cut_voice"):
        plan = regular(10, Fraction(30000, 1001), Fraction(10 * 1001, 30000), longer=longer)
        assert plan.source == tuple(range(10))
        assert plan.end == plan.voice_end == Fraction(10 * 1001, 30000)


def test_stretching_slows_the_clip_to_the_voice_exactly() -> None:
    plan = regular(100, Fraction(25), Fraction(44, 10), longer="stretch")
    assert plan.source == tuple(range(100))
    assert plan.end == Fraction(44, 10)
    assert plan.times[50] == Fraction(22, 10)


def test_stretching_stops_at_fifteen_percent_and_goes_to_and_fro_from_there() -> None:
    plan = regular(100, Fraction(25), 6, longer="stretch")
    assert plan.times[1] == Fraction(115, 2500)
    assert plan.source[99:102] == (99, 98, 97)
    assert 0 <= plan.end - 6 < Fraction(115, 2500)


def test_holding_repeats_the_last_frame_at_the_usual_gap() -> None:
    plan = uneven(Fraction(9, 30), longer="hold")
    assert plan.source == (0, 1, 2, 3, 3, 3, 3)
    assert set(plan.durations[4:]) == {Fraction(1, 30)}


def test_a_loop_starts_from_the_beginning() -> None:
    assert regular(3, Fraction(25), Fraction(7, 25), longer="loop").source == (0, 1, 2, 0, 1, 2, 0)


def test_a_voice_can_be_cut_where_the_clip_ends() -> None:
    plan = regular(10, Fraction(25), 3, longer="cut_voice")
    assert plan.source == tuple(range(10))
    assert plan.voice_end == plan.end == Fraction(10, 25)


def test_after_a_shorter_voice_the_clip_goes_on_or_ends_as_chosen() -> None:
    assert len(regular(50, Fraction(25), 1)) == 50
    short = regular(50, Fraction(25), Fraction(101, 100), shorter="end_with_voice")
    assert len(short) == 26
    assert short.voice_end == Fraction(101, 100)
    assert len(uneven(Fraction(1, 1000), shorter="end_with_voice")) == 1


def test_start_and_duration_cut_picture_and_voice_together() -> None:
    plan = regular(100, Fraction(25), 4, start=1, duration=2)
    assert plan.source == tuple(range(25, 75))
    assert plan.times[0] == 0
    assert plan.end == plan.voice_end == 2


def test_a_cut_between_two_frames_begins_with_the_frame_that_shows_then() -> None:
    assert regular(100, Fraction(25), 4, start=1.01).source[0] == 25
    plan = uneven(1, start=Fraction(1, 30), duration=Fraction(3, 30))
    assert plan.source == (0, 1, 2)
    assert [time * 30 for time in plan.times] == [0, 1, 2]
    assert plan.end == plan.voice_end == Fraction(3, 30)


def test_a_duration_between_two_frames_doesnt_make_the_clip_turn_round() -> None:
    assert regular(100, Fraction(25), 4, duration=1.01).source == tuple(range(26))


def test_what_is_left_of_the_clip_after_the_start_goes_to_and_fro() -> None:
    plan = regular(10, Fraction(25), 1, start=Fraction(7, 25))
    assert plan.source[:6] == (7, 8, 9, 8, 7, 8)
    assert plan.voice_end == Fraction(18, 25)


def test_a_still_picture_lasts_as_long_as_the_voice() -> None:
    plan = plan_timeline((Fraction(0),), Fraction(1, 25), Fraction(25), Fraction(201, 100), still=True)
    assert plan.source == (0,) * 51
    assert plan.rate == 25
    assert plan.voice_end == Fraction(201, 100)
    at_30 = plan_timeline((Fraction(0),), Fraction(1, 25), Fraction(25), 2, still=True, constant_rate=30)
    assert (len(at_30), at_30.rate) == (60, 30)


def test_a_still_picture_has_no_end_that_a_start_could_be_behind() -> None:
    plan = plan_timeline((Fraction(0),), Fraction(1, 25), Fraction(25), 3, still=True, start=2)
    assert len(plan) == 25


def test_a_constant_rate_shows_what_the_variable_clip_shows_at_that_time() -> None:
    plan = uneven(Fraction(6, 30), constant_rate=30)
    assert plan.source == (0, 0, 1, 2, 2, 3)
    assert plan.rate == 30
    doubled = uneven(Fraction(6, 30), constant_rate=60)
    assert doubled.source == (0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3)


@pytest.mark.parametrize("out_rate", RATES)
@pytest.mark.parametrize("rate", RATES)
def test_a_change_of_rate_covers_the_voice_with_the_fewest_frames(rate: Fraction, out_rate: Fraction) -> None:
    voice = Fraction(4567, 1000)
    plan = regular(40, rate, voice, constant_rate=out_rate)
    assert len(plan) == math.ceil(voice * out_rate)
    assert plan.times[-1] == (len(plan) - 1) / out_rate


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"start": 10}, "start"),
        ({"start": -1}, "start"),
        ({"start": float("nan")}, "start"),
        ({"duration": 0}, "duration"),
        ({"duration": -2.5}, "duration"),
        ({"duration": float("inf")}, "duration"),
        ({"constant_rate": 0}, "rate"),
        ({"constant_rate": float("nan")}, "rate"),
        ({"voice": 0}, "voice"),
        ({"voice": float("nan")}, "voice"),
        ({"voice": 1, "start": 1}, "voice"),
        ({"longer": "sideways"}, "bounce"),
        ({"shorter": "sideways"}, "keep_clip"),
    ],
)
def test_an_impossible_choice_is_named(options: dict[str, Any], named: str) -> None:
    voice = options.pop("voice", 20)
    with pytest.raises(OptionError, match=named):
        regular(100, Fraction(25), voice, **options)


def test_time_ranges_are_read_in_seconds_minutes_and_hours() -> None:
    assert parse_ranges("0:01.5-0:03, 10-12.25; 1:00:00 – 1:00:01\n") == (
        (Fraction(3, 2), Fraction(3)),
        (Fraction(10), Fraction(49, 4)),
        (Fraction(3600), Fraction(3601)),
    )
    assert parse_ranges("  ") == ()
    assert parse_time("1:02.5") == Fraction(125, 2)


@pytest.mark.parametrize(
    "text", ["3", "5-3", "2-2", "a-b", "1-2-3", "-1-2", "1:2:3:4-9", "1,5-2", "1e3-2e3", "٣-4"]
)
def test_a_malformed_range_is_quoted(text: str) -> None:
    with pytest.raises(OptionError, match="time range"):
        parse_ranges(text)


def test_a_range_includes_its_start_and_not_its_end() -> None:
    ranges = parse_ranges("1-2, 3-4")
    assert [inside(ranges, Fraction(n, 2)) for n in range(1, 9)] == [
        False,
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_time_code_shows_hours_minutes_and_milliseconds() -> None:
    assert timecode(Fraction(62345, 1000)) == "0:01:02.345"
    assert timecode(3600 * 11 + 59.9996) == "11:01:00.000"
    assert timecode(-1.5) == "-0:00:01.500"


def test_a_tick_that_counts_every_time_exactly_is_found() -> None:
    ntsc = tuple(i * Fraction(1001, 30000) for i in range(50))
    assert exact_tick(ntsc, 50 * Fraction(1001, 30000)) == Fraction(1, 30000)
    assert exact_tick(UNEVEN, UNEVEN_END) == Fraction(1, 30)
    assert exact_tick([Fraction(1, 999_983), Fraction(1, 7)], Fraction(1)) == Fraction(1, 90_000)
