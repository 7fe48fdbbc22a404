"""Where a file keeps its frames and when they are shown, whatever its container says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.media.reader import open_clip
from videos import NTSC, make, shown


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), NTSC, Fraction(30), Fraction(60000, 1001), Fraction(60)]
)
def test_the_milliseconds_of_matroska_become_the_exact_rate(tmp_path: Path, rate: Fraction) -> None:
    clip = open_clip(make(tmp_path / "clip.mkv", range(40), tick=1 / rate, rate=rate))
    assert clip.rate == rate
    assert clip.times == tuple(i / rate for i in range(40))
    assert clip.end == 40 / rate


def test_uneven_times_are_kept_as_they_are(tmp_path: Path) -> None:
    stamps = [0, 2, 3, 5, 8, 9]
    path = make(tmp_path / "clip.mp4", stamps, tick=Fraction(1, 30), options={"bf": "0"})
    clip = open_clip(path)
    assert clip.rate is None
    assert clip.times == tuple(Fraction(stamp, 30) for stamp in stamps)
    assert shown(clip) == list(range(6))


def test_frames_stored_out_of_order_are_listed_in_the_order_of_showing(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4", range(30), options={"bf": "3", "b-adapt": "0"}))
    assert clip.times == tuple(Fraction(i, 25) for i in range(30))
    assert shown(clip) == list(range(30))


def test_a_stream_without_time_stamps_is_counted(tmp_path: Path) -> None:
    make(tmp_path / "clip.h264", range(12), options={"bf": "0"})
    clip = open_clip(tmp_path / "clip.h264")
    assert clip.rate == 25 and clip.end == Fraction(12, 25)
    assert shown(clip, [0, 5, 4, 3, 11, 2]) == [0, 5, 4, 3, 11, 2]


def test_a_clip_that_begins_late_begins_at_zero(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mkv", range(7, 17)))
    assert clip.times[0] == 0
    assert shown(clip) == list(range(10))


def test_a_clip_of_one_frame_is_no_still_picture(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4", [0]))
    assert (len(clip), clip.end, clip.is_still) == (1, Fraction(1, 25), False)
    assert shown(clip) == [0]
