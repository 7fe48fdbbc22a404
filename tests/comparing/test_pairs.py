"""Clips get the voices of others, evenly, and the same ones for the same seed."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.comparing.pairs import (
    ClipAndVoice,
    Talking,
    draw_pairs,
    find_talking,
    read_pairs,
    write_pairs,
)
from retalk_nodes.retalk_core.comparing.paper import PROTOCOLS
from retalk_nodes.retalk_core.errors import InputError, OptionError
from scenes import talking, write_clip
from videos import speaking_clip

MANY = [Talking(Path(f"{i}.mp4"), Fraction(21 + i)) for i in range(30)]


def test_a_pair_is_of_two_clips_and_none_comes_twice() -> None:
    pairs = draw_pairs(MANY, 100, Fraction(20))
    assert len(pairs) == 100 == len({(pair.video, pair.voice) for pair in pairs})
    assert all(pair.video != pair.voice for pair in pairs)
    for which in ("video", "voice"):
        times = Counter(getattr(pair, which) for pair in pairs)
        assert len(times) == 30 and max(times.values()) - min(times.values()) <= 1


def test_stretches_lie_inside_both_clips_at_whole_frames() -> None:
    ends = {each.path: each.seconds for each in MANY}
    for pair in draw_pairs(MANY, 100, Fraction(20), seed=4):
        assert pair.seconds == 20
        assert 0 <= pair.start <= ends[pair.video] - 20 and (pair.start * 25).denominator == 1
        assert 0 <= pair.voice_start <= ends[pair.voice] - 20


def test_the_seed_decides_and_nothing_else() -> None:
    assert draw_pairs(MANY, 50, Fraction(20), 7) == draw_pairs(MANY, 50, Fraction(20), 7)
    assert draw_pairs(MANY, 50, Fraction(20), 7) != draw_pairs(MANY, 50, Fraction(20), 8)


def test_few_clips_make_all_their_pairs_and_no_more() -> None:
    pairs = draw_pairs(MANY[:3], PROTOCOLS["lrs2"].pairs, None)
    assert len(pairs) == 6 and {pair.seconds for pair in pairs} == {None}


def test_clips_that_are_too_short_are_left_out() -> None:
    pairs = draw_pairs(MANY, 1000, Fraction(49))
    assert {pair.video for pair in pairs} == {MANY[28].path, MANY[29].path}
    with pytest.raises(OptionError, match="0 of 30 videos last 99 s"):
        draw_pairs(MANY, 10, Fraction(99))


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "of_x.mp4"):
        (tmp_path / name).write_bytes(b"-")
    inside = tmp_path / "tables"
    inside.mkdir()
    given = [
        ClipAndVoice(tmp_path / "a.mp4", tmp_path / "b.mp4", Fraction("1.04"), Fraction(2), Fraction("0.6")),
        ClipAndVoice(tmp_path / "b.mp4", tmp_path / "a.mp4", finished={"X": tmp_path / "of_x.mp4"}),
    ]
    write_pairs(inside / "pairs.csv", given)

    assert "../a.mp4,../b.mp4,1.04,2,0.6," in (inside / "pairs.csv").read_text()
    read = read_pairs(inside / "pairs.csv")
    assert [(each.start, each.voice_start, each.seconds) for each in read] == [
        (Fraction("1.04"), 2, Fraction("0.6")),
        (0, 0, None),
    ]
    assert [each.video.resolve() for each in read] == [each.video for each in given]
    assert {name: path.resolve() for name, path in read[1].finished.items()} == given[1].finished


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("film,voice\na,b\n", "columns video and voice"),
        ("video,voice\n", "holds no pair"),
        ("video,voice\na.mp4,\n", "line 2, names no video"),
        ("video,voice\na.mp4,c.mp4\n", "line 2: there is no file c.mp4"),
        ("video,voice,seconds\na.mp4,a.mp4,0\n", "0 seconds"),
        ("video,voice,start\na.mp4,a.mp4,soon\n", "is not a time"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"-")
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises((InputError, OptionError), match=words):
        read_pairs(tmp_path / "pairs.csv")


def test_the_command_draws_pairs_from_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "clips"
    (folder / "deeper").mkdir(parents=True)
    for name in ("one.mkv", "deeper/two.mkv", "three.mkv"):
        speaking_clip(folder / name, talking(8, 96))
    write_clip(folder / "silent.mkv", talking(3, 96))
    (folder / "broken.mp4").write_bytes(b"nothing")
    table = tmp_path / "pairs.csv"

    assert main(["eval", "pairs", str(folder), "-o", str(table), "--protocol", "lrs2", "-q"]) == 0

    said = capsys.readouterr().out
    assert "6 pairs of 3 videos" in said and "14,000" in said
    assert "silent.mkv: it has no sound" in said and "broken.mp4" in said
    assert len(read_pairs(table)) == 6
    assert main(["eval", "pairs", str(folder), "-o", str(table), "-q"]) == 1
    assert "--seconds" in capsys.readouterr().err
    assert (
        main(["eval", "pairs", str(folder), "-o", str(table), "-q", "--seconds", "0.2", "--count", "4"]) == 0
    )
    assert {pair.seconds for pair in read_pairs(table)} == {Fraction("0.2")}


def test_a_folder_of_one_video_makes_no_pairs(tmp_path: Path) -> None:
    speaking_clip(tmp_path / "one.mkv", talking(4, 96))
    with pytest.raises(InputError, match="1 talking videos"):
        find_talking(tmp_path)
