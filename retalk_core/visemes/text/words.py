"""The words of a transcript, and the ways in which each may sound."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import OptionError
from .espeak import speak_words
from .languages import AUTO, LANGUAGES, language_of
from .letters import read_letters
from .numbers import spell_numbers
from .transcript import Cue

_WORD = re.compile(
    r"[^\W_]+(?:['’ʼ\u0300-\u036f\u064b-\u0652\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e]+[^\W_]*)*"
)
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LONGEST_WORD = 40  # letters; what is longer is no word


class Word(NamedTuple):
    """A word that is said."""

    ways: tuple[tuple[str, ...], ...]  # its sounds, in each way it may be said; empty where nobody knows
    start: float = -math.inf  # seconds; between when and when it is said, where the transcript tells
    stop: float = math.inf
    middle: float = 0.0  # seconds; about when


def words_of(cues: Sequence[Cue], language: str) -> list[Word]:
    """The words of cues, and how they sound.

    language: one of `LANGUAGES`, or "auto"
    raises:   OptionError for a script that letters can't speak, such as Japanese kanji

    English words are looked up in pocketsphinx's dictionary. Others are read by espeak-ng, where it is
    installed, or else by the rules of `letters.py`.
    """
    if language == AUTO:
        language = language_of(" ".join(cue.text for cue in cues))
    if language not in LANGUAGES:
        raise OptionError(
            f"There is no language {language!r}: choose one of {', '.join((AUTO, *LANGUAGES))}."
        )
    if language == "ja":
        _refuse_kanji(cues)
    spoken = None
    if language not in ("en", "zh", "ja"):  # where it is no better than the dictionary and the rules
        spoken = speak_words([" ".join(_tokens(cue.text)) for cue in cues], language)
    if spoken is None:
        return [
            word
            for cue in cues
            for word in _timed(cue, [_ways(token, language) for token in _split(cue.text, language)])
        ]
    pairs = zip(cues, spoken, strict=True)
    return [word for cue, said in pairs for word in _timed(cue, [(sounds,) for sounds in said])]


def _timed(cue: Cue, said: Sequence[tuple[tuple[str, ...], ...]]) -> Iterator[Word]:
    """The words of a cue, evenly spread over its time where it has one."""
    for place, ways in enumerate(said):
        if cue.start is None or cue.stop is None:
            yield Word(ways)
        else:
            yield Word(
                ways, cue.start, cue.stop, cue.start + (place + 0.5) / len(said) * (cue.stop - cue.start)
            )


def _refuse_kanji(cues: Sequence[Cue]) -> None:
    found = next((match.group() for cue in cues if (match := _HAN.search(cue.text))), None)
    if found:
        raise OptionError(
            f"The transcript has kanji, such as {found}, whose reading isn't known here. Write the words in "
            "kana, or leave the transcript out: the mouth then follows what is heard."
        )


def _tokens(text: str) -> list[str]:
    return [match.group()[:_LONGEST_WORD] for match in _WORD.finditer(text)]


def _split(text: str, language: str) -> Iterator[str]:
    """A text's words; each Chinese character is one."""
    if language == "en":
        text = spell_numbers(text)
    for token in _tokens(text):
        yield from _HAN.sub(r" \g<0> ", token).split()


def _ways(token: str, language: str) -> tuple[tuple[str, ...], ...]:
    """How a word may sound; English words are looked up also where the language has another script."""
    if token.isdigit():
        return ()
    plain = token.lower().replace("’", "'").replace("ʼ", "'").strip("'")
    foreign = plain.isascii() and language in (
        "zh",
        "ja",
        "ko",
        "ru",
        "uk",
        "bg",
        "el",
        "ar",
        "fa",
        "he",
        "hi",
        "th",
    )
    known = dictionary().get(plain, ()) if language == "en" or foreign else ()
    if known:
        return known
    sounds = read_letters(plain.replace("'", ""), "en" if foreign else language)
    return (sounds,) if sounds else ()


@functools.cache
def dictionary() -> dict[str, tuple[tuple[str, ...], ...]]:
    """English words and how they sound, out of pocketsphinx's dictionary; empty where there is none."""
    from pocketsphinx import get_model_path

    path = Path(get_model_path()) / "en-us" / "cmudict-en-us.dict"
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            word, *sounds = line.split()
            name = word.split("(")[0]
            found[name] = (*found.get(name, ()), tuple(sounds))
    return found
