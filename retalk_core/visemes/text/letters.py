"""From spelling to speech sounds, by rules: for words in no dictionary, and for other languages and scripts.

Sounds are those of the recogniser, English ones in ARPAbet: the nearest for the lips, then for the ear.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from ..targets import VOWELS
from .spellings import ENGLISH_LETTERS, PLAIN, RULES

_VOWELLESS = ("ar", "fa", "ur", "he")  # short vowels aren't written
_INDIC = re.compile(
    r"(?:DEVANAGARI|BENGALI|GUJARATI|GURMUKHI|ORIYA|TAMIL|TELUGU|KANNADA|MALAYALAM|SINHALA) (.*)"
)
_LASTING = ("hi", "mr", "gu", "pa", "bn")  # in the others a word's last short a is spoken
_BESIDE = re.compile(r"\(\?[^)]*\)|\\b|(?<=\[)[^\]]*(?=\])|\[")  # in a rule, what isn't read but looked at
_SMALL = {"ゃ": "ya", "ゅ": "yu", "ょ": "yo", "ャ": "ya", "ュ": "yu", "ョ": "yo"}


def read_letters(word: str, language: str) -> tuple[str, ...]:
    """How a word sounds, as far as its letters tell; empty where they tell nothing.

    word:     one word, without spaces, in any script
    language: one of `LANGUAGES`
    """
    word = unicodedata.normalize("NFC", word.lower())
    sounds = _apply(_respelt(word, language), language)
    if language in _VOWELLESS:
        sounds = _with_vowels(sounds)
    return tuple(_once(sounds))


def _respelt(word: str, language: str) -> str:
    """Scripts that write syllables, as Latin letters; others as they are."""
    if any(_INDIC.match(unicodedata.name(letter, "")) for letter in word):
        return _indic(word, language)
    if language == "ja":
        return _kana(word)
    if language == "vi":  # tones don't matter to lips
        plain = "".join(
            mark
            for mark in unicodedata.normalize("NFD", word)
            if mark not in "\u0300\u0301\u0303\u0309\u0323"
        )
        return unicodedata.normalize("NFC", plain)
    return word


def _apply(word: str, language: str) -> list[str]:
    rules, sounds = _compiled(language), list[str]()
    for spelling in (word, _romanised(word)):
        place = 0
        sounds.clear()
        while place < len(spelling):
            found = rules[0].match(spelling, place)
            if found is None:
                break
            sounds += rules[1][found.lastindex - 1] if found.lastindex else ()
            place = found.end()
        else:
            return sounds
    return sounds


def _romanised(word: str) -> str:
    """In plain Latin letters; what isn't spoken is left out."""
    from anyascii import anyascii

    return re.sub(r"[^a-z]", "", anyascii(word).lower())


@functools.lru_cache(maxsize=64)
def _compiled(language: str) -> tuple[re.Pattern[str], tuple[tuple[str, ...], ...]]:
    """A pattern with a group for each rule, longer spellings first, and the sounds of each."""
    own = RULES.get(language, "") if language != "en" else ENGLISH_LETTERS
    rules = [rule.rsplit("=", 1) for rule in f"{own} {PLAIN}".split()]
    rules.sort(key=lambda rule: (-len(_BESIDE.sub("", rule[0])), -len(rule[0])))
    pattern = re.compile("|".join(f"({spelling})" for spelling, _ in rules))
    return pattern, tuple(tuple(sounds.split(".")) if sounds else () for _, sounds in rules)


def _once(sounds: list[str]) -> list[str]:
    """Doubled consonants are one sound."""
    return [sound for i, sound in enumerate(sounds) if not i or sound != sounds[i - 1] or sound in VOWELS]


def _with_vowels(sounds: list[str]) -> list[str]:
    """Something between any two consonants, as a reader would put it there."""
    full: list[str] = []
    for sound in sounds:
        if full and full[-1] not in VOWELS and sound not in VOWELS:
            full.append("AH")
        full.append(sound)
    return full


def _indic(word: str, language: str) -> str:
    """Syllables of an Indian script in Latin letters, by the names that Unicode gives their signs."""
    parts: list[str] = []
    for letter in word:
        found = _INDIC.match(unicodedata.name(letter, ""))
        kind, _, sign = found.group(1).rpartition(" ") if found else ("", "", "")
        if kind.startswith("VOWEL SIGN") or sign in ("VIRAMA", "PULLI"):
            if parts and parts[-1].endswith("*"):  # the vowel that a consonant has by itself
                parts[-1] = parts[-1][:-2]
            parts += [_vowel(sign)] if kind.startswith("VOWEL SIGN") else []
        elif sign in ("ANUSVARA", "CANDRABINDU", "BINDI", "TIPPI"):
            parts.append("n~")
        elif kind.startswith("LETTER") or kind == "":
            vowel = not sign.endswith("A") or sign in ("A", "AA") or sign.startswith("VOCALIC")
            parts.append(_vowel(sign) if vowel else sign[:-1].lower() + "a*")
    spelt = "".join(parts)
    if language in _LASTING:  # a word's last short a is silent, and one between two syllables
        spelt = re.sub(r"(?<=[aeioun~*])([a-z]+)a\*$", r"\1", spelt)
        spelt = re.sub(
            r"(?<=[aeiou])([bcdghjklmnprstvy]+)a\*(?=[bcdghjklmnprstvy]h?[aeiou](?!\*))", r"\1", spelt
        )
    spelt = re.sub(r"n~(?=[pbm])", "m", spelt.replace("*", ""))
    return spelt.replace("n~", "n")


def _vowel(sign: str) -> str:
    """A vowel's name as letters: AA, II, UU, E, AI, O, AU, VOCALIC R."""
    return "ri" if sign.endswith("R") else sign.lower().replace("candra ", "")


def _kana(word: str) -> str:
    """Kana in Latin letters; a small ya, yu or yo melts into what it follows."""
    latin = ""
    for letter in word:
        if letter in _SMALL and latin.endswith("i"):
            latin = latin[:-1] + (
                _SMALL[letter][1:] if latin[-3:-1] in ("sh", "ch") or latin[-2] == "j" else _SMALL[letter]
            )
        elif letter not in "っッー":
            latin += _romanised(letter) or letter
    if len(latin) > 2:  # the particle
        latin = re.sub("ha$", "wa", latin)
    return re.sub(r"n(?=[pbm])", "m", latin)
