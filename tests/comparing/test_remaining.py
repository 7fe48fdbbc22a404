"""What is left is reckoned by what each kind of piece took."""

from __future__ import annotations

from retalk_nodes.retalk_core.comparing.remaining import Remaining, rough_time


def test_kinds_take_their_own_time() -> None:
    left = Remaining(["slow", "quick", "slow", "quick", "new"])
    assert left.seconds is None and left.words == "1 of 5"
    left.take("slow", 100)
    assert left.seconds == 400  # nothing else is known
    left.take("quick", 2)
    assert left.seconds == 100 + 2 + 51
    assert left.words == "3 of 5, about 3 min left"


def test_what_was_there_already_says_nothing_of_time() -> None:
    left = Remaining(["a", "a", "a"])
    left.take("a", None)
    assert left.seconds is None and left.done == 1
    left.take("a", 10)
    assert left.seconds == 10


def test_times_are_told_in_one_unit() -> None:
    assert [rough_time(each) for each in (0.2, 59, 119, 121, 7300)] == [
        "1 s",
        "59 s",
        "119 s",
        "3 min",
        "3 h",
    ]
