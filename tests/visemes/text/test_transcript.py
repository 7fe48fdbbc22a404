"""A transcript is plain text or subtitles, told apart by what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.visemes.text.transcript import Cue, parse_transcript, read_transcript, shifted

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Bring me</i> the {\\an8}map.

2
00:01:00,25 --> 01:00:03,500
[door slams]
(sighs) Maybe later.
"""
VTT = """WEBVTT - a title

NOTE this isn't said

intro
00:05.000 --> 00:07.000 align:start
<v Ana>Both of us
"""


def test_plain_text_is_one_cue_without_times() -> None:
    assert parse_transcript("Move it.\nNow!") == (Cue("Move it.\nNow!"),)
    assert parse_transcript(" \n") == ()


def test_subtitles_have_times_and_no_markup() -> None:
    first, second = parse_transcript(SRT)
    assert (first.text.split(), first.start, first.stop) == (["Bring", "me", "the", "map."], 1.0, 2.5)
    assert (second.text, second.start, second.stop) == ("Maybe later.", 60.25, 3603.5)
    assert parse_transcript(VTT) == (Cue("Both of us", 5.0, 7.0),)
    assert parse_transcript(SRT.replace("\n", "\r\n")) == (first, second)


def test_cues_come_in_the_order_of_their_times_and_can_be_moved() -> None:
    late, early = "00:09.000 --> 00:10.000\nlast\n\n", "00:01.000 --> 00:02.000\nfirst\n\n"
    cues = parse_transcript(late + early)
    assert [cue.text for cue in cues] == ["first", "last"]
    assert shifted(cues, -3) == (Cue("last", 6.0, 7.0),)
    assert shifted((Cue("any"),), -3) == (Cue("any"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "said.txt"
    path.write_text("Grüße, мама", encoding=encoding)
    assert read_transcript(path) == "Grüße, мама"


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"M\xfcnchen", "UTF-8"), (b"\x00\x01", "no text"), (b" ...\n", "no words"), (None, "can't be read")],
)
def test_a_file_that_holds_no_words_is_refused_in_words(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "said.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_transcript(path)
