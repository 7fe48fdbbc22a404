"""Letters of many languages and scripts, as sounds."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.visemes.targets import TARGETS
from retalk_nodes.retalk_core.visemes.text.languages import LANGUAGES
from retalk_nodes.retalk_core.visemes.text.letters import read_letters
from retalk_nodes.retalk_core.visemes.text.spellings import ENGLISH_LETTERS, PLAIN, RULES


@pytest.mark.parametrize(
    ("language", "word", "sounds"),
    [
        ("en", "blape", "B L EY P"),
        ("en", "Phumby", "F AH M B IY"),
        ("de", "Pferd", "P F EH R D"),
        ("de", "schwimmen", "SH V IH M AH N"),
        ("es", "llave", "Y AA V EH"),
        ("fr", "beau", "B OW"),
        ("fr", "pomme", "P AO M"),
        ("fr", "pompe", "P OW P"),
        ("it", "giovane", "JH OW V AA N EH"),
        ("pl", "szczypta", "SH CH IH P T AA"),
        ("ru", "мама", "M AA M AA"),
        ("uk", "їжак", "Y IY ZH AA K"),
        ("el", "μπάλα", "B AA L AA"),
        ("zh", "跑", "P AW"),
        ("zh", "女", "N UW"),
        ("ja", "しんぶん", "SH IY M B UH N"),
        ("ja", "きょう", "K Y OW"),
        ("ko", "밥", "B AA B"),
        ("hi", "फल", "P AH L"),
        ("hi", "मेरे", "M EY R EY"),
        ("ta", "அம்மா", "AH M AA"),
        ("ar", "باب", "B AA B"),
    ],
)
def test_a_word_is_read(language: str, word: str, sounds: str) -> None:
    assert read_letters(word, language) == tuple(sounds.split())


def test_a_dumb_m_of_french_and_portuguese_does_not_close_the_lips() -> None:
    assert "M" not in read_letters("champs", "fr") and "M" not in read_letters("bom", "pt")
    assert "M" in read_letters("femme", "fr") and "M" in read_letters("mãe", "pt")


@pytest.mark.parametrize("word", ["", "'", "1", "…", "🙂", "\u0301", "x" * 40])
@pytest.mark.parametrize("language", ["en", "de", "ja", "hi", "ar", "vi"])
def test_any_word_of_any_language_gives_sounds_that_are_known(language: str, word: str) -> None:
    assert set(read_letters(word, language)) <= set(TARGETS)


def test_rules_speak_of_known_languages_and_sounds() -> None:
    assert set(RULES) <= set(LANGUAGES)
    for rules in (*RULES.values(), PLAIN, ENGLISH_LETTERS):
        for rule in rules.split():
            assert {sound for sound in rule.rsplit("=", 1)[1].split(".") if sound} <= set(TARGETS), rule
