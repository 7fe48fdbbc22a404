"""What a dub says about itself, in words and as JSON."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from retalk_nodes.retalk_core.reports.doubts import Doubt
from retalk_nodes.retalk_core.reports.report import Measured, Report, Stretch, stretches


def times(count: int) -> list[Fraction]:
    return [Fraction(i, 25) for i in range(count)]


def grouped(reasons: str, shots: str | None = None) -> list[tuple[int, int, str]]:
    """Stretches as (first frame, frames, reason), for a reason of one letter a frame; a dot is an edit."""
    given = ["" if letter == "." else letter for letter in reasons]
    shot = np.array([int(letter) for letter in shots or "0" * len(reasons)])
    found = stretches(times(len(given)), Fraction(len(given), 25), given, shot)
    assert all(stretch.end == pytest.approx(stretch.start + stretch.frames / 25) for stretch in found)
    return [(round(stretch.start * 25), stretch.frames, stretch.reason) for stretch in found]


def report(**changes: object) -> Report:
    given: dict[str, object] = {
        "output": "folder/out.mp4",
        "engine": "embedded",
        "engine_note": "a preview",
        "frame_size": (160, 90),
        "frames_in": 10,
        "frames_out": 25,
        "frames_edited": 20,
        "seconds_out": 1.0,
        "faces_seen": 2,
        "untouched": [Stretch(0.8, 1.0, 5, "no face")],
        "warnings": [],
        "seconds": {"track": 1.25},
        "mouth_source": "signal",
    }
    return Report(**{**given, **changes})  # type: ignore[arg-type]


# Stretches


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ("....", []),
        ("aaaa", [(0, 4, "a")]),
        ("aa..", [(0, 2, "a")]),
        ("..aa", [(2, 2, "a")]),
        (".aa.b.", [(1, 2, "a"), (4, 1, "b")]),
        ("aabb", [(0, 2, "a"), (2, 2, "b")]),
        ("a", [(0, 1, "a")]),
        ("", []),
    ],
)
def test_neighbours_with_one_reason_are_one_stretch(
    reasons: str, expected: list[tuple[int, int, str]]
) -> None:
    assert grouped(reasons) == expected


def test_a_cut_divides_a_stretch() -> None:
    assert grouped("aaaaaa", "001122") == [(0, 2, "a"), (2, 2, "a"), (4, 2, "a")]


def test_a_stretch_of_uneven_frames_ends_where_the_next_frame_begins() -> None:
    uneven = [Fraction(0), Fraction(1, 10), Fraction(1, 2)]
    (found,) = stretches(uneven, Fraction(2), ["a", "a", ""], np.zeros(3, int))
    assert (found.start, found.end) == (0, 0.5)
    (found,) = stretches(uneven, Fraction(2), ["", "", "a"], np.zeros(3, int))
    assert (found.start, found.end) == (0.5, 2)


def test_a_stretch_reads_as_a_time_and_a_reason() -> None:
    assert str(Stretch(61.5, 62.0, 12, "no face")) == "0:01:01.500 to 0:01:02.000 (12 frames): no face"


# Words and JSON


def seen_in(frames: int, *values: float | None) -> Measured:
    names = ("lag_frames", "opening_loudness", "lip_sharpness", "lip_flicker", "loss_outside")
    return Measured(frames, dict(zip(names, values, strict=True)))


def test_json_holds_every_field() -> None:
    measured = seen_in(25, -1, 0.7, 1.1, None, 41.5)
    told = json.loads(report(measured=measured, warnings=["the mouth – odd"]).to_json())
    assert set(told) == set(vars(report()))
    assert told["untouched"] == [{"start": 0.8, "end": 1.0, "frames": 5, "reason": "no face"}]
    assert told["measured"]["lag_frames"] == -1 and told["measured"]["lip_flicker"] is None
    assert told["warnings"] == ["the mouth – odd"]


def test_text_is_for_a_person() -> None:
    measured = seen_in(25, -1, 0.714, 1.1, 1.234, 41.52)
    lines = report(measured=measured, warnings=["look here"]).to_text().splitlines()
    assert lines[0] == "out.mp4: 25 frames, 0:00:01.000; 20 edited, 5 left as they were"
    assert lines[1] == "engine: embedded (a preview); mouth from signal"
    assert "faces seen: 2" in lines
    assert "left as it was: 0:00:00.800 to 0:00:01.000 (5 frames): no face" in lines
    (told,) = [line for line in lines if line.startswith("measured")]
    for part in ("r = 0.71 at -1 frames", "1.10 of the source", "1.23 of the source", "41.5 dB"):
        assert part in told
    assert "note: look here" in lines
    assert lines[-1] == "time: track 1.2 s"


def test_text_says_exact_where_nothing_was_lost() -> None:
    text = report(measured=seen_in(25, None, None, None, None, None)).to_text()
    assert "measured: outside the edit exact" in text and "None" not in text


def test_text_stays_short_when_a_face_comes_and_goes() -> None:
    many = [Stretch(i, i + 0.5, 12, "no face") for i in range(40)]
    lines = report(untouched=many).to_text().splitlines()
    assert sum(line.startswith("left as it was") for line in lines) == 13
    assert "left as it was: 28 more stretches" in lines


# Doubts


def doubt(frames: int) -> Doubt:
    return Doubt("covered", "serious", frames, ((0.2, 0.6),), 2.0, "no lips are to be seen", "mask it")


def test_a_dub_without_doubts_has_no_last_word() -> None:
    for doubts in (None, []):
        text = report(doubts=doubts).to_text()
        assert "doubt" not in text.lower()
    assert report().last_word == ""


def test_doubts_are_told_and_have_the_last_word() -> None:
    told = report(doubts=[doubt(5)], frames_doubtful=5)
    lines = told.to_text().splitlines()
    assert lines[0].startswith("out.mp4: ")
    assert "doubt, serious: no lips are to be seen in 5 frames (0:00:00.200 to 0:00:00.600); mask it" in lines
    assert lines[-1].startswith("done, with doubts: 5 of 20 edited frames")
    stored = json.loads(told.to_json())
    assert stored["frames_doubtful"] == 5
    assert stored["doubts"][0]["kind"] == "covered" and stored["doubts"][0]["ranges"] == [[0.2, 0.6]]


def test_what_was_done_comes_first_then_doubts_then_what_was_measured() -> None:
    told = report(doubts=[doubt(5)], frames_doubtful=5, measured=seen_in(25, -1, 0.714, 1.1, 1.234, 41.52))
    lines = told.to_text("embedded preview").splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["out.mp4:", "engine:", "doubt,", "measured:", "faces"]
    assert lines[1].startswith("engine: embedded preview (")


def test_a_dub_that_is_mostly_doubtful_says_so_first() -> None:
    lines = report(doubts=[doubt(11)], frames_doubtful=11).to_text().splitlines()
    assert lines[0].startswith("DOUBTFUL: most of this dub looks wrong (11 of 20 edited frames)")
    assert not report(doubts=[doubt(10)], frames_doubtful=10).to_text().startswith("DOUBTFUL")
