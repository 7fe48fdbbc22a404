"""A transcript's words, each with the ways in which it may sound."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.visemes.text import words as words_module
from retalk_nodes.retalk_core.visemes.text.transcript import Cue
from retalk_nodes.retalk_core.visemes.text.words import words_of
from voices import needs_recogniser

pytestmark = needs_recogniser


@pytest.fixture
def no_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "speak_words", lambda texts, language: None)


def test_english_words_are_looked_up_and_names_are_read() -> None:
    the, map_, blompy = words_of([Cue("The map, Blompy!")], "auto")
    assert ("DH", "AH") in the.ways and ("DH", "IY") in the.ways
    assert map_.ways == (("M", "AE", "P"),)
    assert blompy.ways == (("B", "L", "AA", "M", "P", "IY"),)


def test_words_are_spread_over_their_cue() -> None:
    first, second = words_of([Cue("one two", 2.0, 4.0)], "en")
    assert (first.start, first.stop, first.middle, second.middle) == (2.0, 4.0, 2.5, 3.5)


@pytest.mark.usefixtures("no_espeak")
def test_a_number_in_a_language_without_spelt_numbers_may_sound_any_way() -> None:
    ein, number = words_of([Cue("ein 12")], "de")
    assert ein.ways and number.ways == ()


@pytest.mark.usefixtures("no_espeak")
def test_every_han_character_is_a_word_and_latin_ones_are_english() -> None:
    ways = [word.ways[0] for word in words_of([Cue("我爱book")], "zh")]
    assert ways[0] == ("W", "AO") and ways[2] == ("B", "UH", "K")


def test_kanji_and_unknown_languages_are_refused_in_words() -> None:
    with pytest.raises(OptionError, match="kana"):
        words_of([Cue("学校へ いきます")], "auto")
    with pytest.raises(OptionError, match="klingon"):
        words_of([Cue("nuqneH")], "klingon")
