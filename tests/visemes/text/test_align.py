"""Words are found in a piece of sound, and when each of their sounds is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.visemes.text.align import Aligner
from retalk_nodes.retalk_core.visemes.text.transcript import Cue
from retalk_nodes.retalk_core.visemes.text.words import Word, words_of
from voices import needs_recogniser, needs_voice, spoken

pytestmark = [needs_recogniser, needs_voice]


@pytest.fixture
def voice(tmp_path: Path):  # noqa: ANN201 - an array
    return spoken(tmp_path, "Bob may move the piano before summer.", "en-us")


def test_sounds_come_in_order_and_say_the_words(voice) -> None:  # noqa: ANN001
    words = words_of([Cue("Bob may move the piano before summer")], "en")
    found = Aligner().align(voice, words, [0], [len(words) - 1])
    assert found is not None and (found.first, found.stop) == (0, 7)
    names = [phone.name for phone in found.phones if phone.name != "SIL"]
    assert names[:5] == ["B", "AA", "B", "M", "EY"]
    assert all(phone.start < phone.stop for phone in found.phones)
    assert found.phones == sorted(found.phones, key=lambda phone: phone.start)


def test_the_end_is_found_where_more_words_are_offered(voice) -> None:  # noqa: ANN001
    words = words_of([Cue("Bob may move the piano before summer when every tulip is in flower")], "en")
    found = Aligner().align(voice, words, [0], range(3, len(words)))
    assert found is not None and found.stop == 7


def test_the_beginning_is_found_where_words_were_said_before(voice) -> None:  # noqa: ANN001
    words = words_of([Cue("every tulip is in flower Bob may move the piano before summer")], "en")
    found = Aligner().align(voice, words, range(7), [len(words) - 1])
    assert found is not None and found.first == 5


def test_a_word_that_nobody_can_read_takes_what_is_left(voice) -> None:  # noqa: ANN001
    known = words_of([Cue("Bob may move the piano before summer")], "en")
    found = Aligner().align(voice, [*known[:4], Word(()), *known[5:]], [0], [6])
    assert found is not None
    after = [phone.start for phone in found.phones if phone.name == "B"]
    whole = Aligner().align(voice, known, [0], [6])
    assert whole is not None
    assert after[-1] == pytest.approx([each.start for each in whole.phones if each.name == "B"][-1], abs=0.06)
