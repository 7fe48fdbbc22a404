"""When each sound of known words is said: forced alignment by pocketsphinx."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..phones import HEARD_LATE, as_recognised
from ..signal import RATE
from ..targets import TARGETS, Phone
from .words import Word

_PAD = 0.1  # seconds of silence put before and after, for the recogniser to begin and end in
_ANY = 1e-3  # how likely any one sound is within a word that nobody can read
_MOST_LEARNT = 20_000  # words that a recogniser learns before it is replaced by a fresh one


class FoundWords(NamedTuple):
    """Words found in a piece of sound."""

    phones: list[Phone]  # in seconds from the sound's beginning
    first: int  # the first word that was said
    stop: int  # the first after those that were said


class Aligner:
    """Finds words in pieces of sound."""

    def __init__(self) -> None:
        self._decoder = _decoder()
        self._learnt: set[str] = set()

    def align(
        self, sound: np.ndarray, words: Sequence[Word], begins: Sequence[int], ends: Sequence[int]
    ) -> FoundWords | None:
        """Find which words a piece of sound says, all of them in a row, and when.

        sound:   (n,) mono at 16 kHz
        words:   those that may be said
        begins:  which of them may be the first
        ends:    which of them may be the last
        returns: None where no row of them can be heard
        """
        if len(self._learnt) > _MOST_LEARNT:
            self._decoder, self._learnt = _decoder(), set()
        grammar = list(self._grammar(words, set(begins), set(ends)))
        decoder = self._decoder
        decoder.add_fsg("words", decoder.create_fsg("words", 0, len(words) + 1, grammar))
        decoder.activate_search("words")
        samples = as_recognised(np.pad(sound, int(_PAD * 16_000)))
        _listen(decoder, samples)
        if decoder.hyp() is None:
            return None
        said = [int(part.word.split("_")[0]) for part in decoder.seg() if part.word[0].isdigit()]
        if not said:
            return None
        decoder.set_alignment()  # of what was found; a second look tells the sounds within the words
        _listen(decoder, samples)
        found = decoder.get_alignment()
        phones = [_phone(entry) for word in found or () for entry in word]
        return FoundWords([phone for phone in phones if phone.name in TARGETS], said[0], said[-1] + 1)

    def _grammar(
        self, words: Sequence[Word], begins: set[int], ends: set[int]
    ) -> Iterator[tuple[int, int, float, str]]:
        """From state to state by words: before the i-th word the state is i, at the end one beyond the last.

        A state without a word between it and the next can't be aligned: leaps are words too.
        """
        last = len(words) + 1
        for i, word in enumerate(words):
            ways = word.ways or tuple((sound,) for sound in TARGETS if sound != "SIL")
            chance = 1.0 if word.ways else _ANY
            sources = ({i} if i else set()) | ({0} if i in begins else set())
            for number, way in enumerate(ways):
                name = self._learn(f"{i}_{number}_{'.'.join(way)}", way)
                for source in sorted(sources):
                    yield source, i + 1, chance, name
                    if i in ends:
                        yield source, last, chance, name
                if not word.ways:  # as many sounds as it takes
                    yield i + 1, i + 1, chance, name

    def _learn(self, name: str, sounds: Sequence[str]) -> str:
        if name not in self._learnt:
            self._decoder.add_word(name, " ".join(sounds), False)
            self._learnt.add(name)
        return name


def _decoder() -> Any:  # noqa: ANN401 - pocketsphinx has no types
    from pocketsphinx import Decoder, get_model_path

    return Decoder(
        hmm=f"{get_model_path()}/en-us/en-us",
        lm=None,
        dict=None,
        bestpath=False,
        beam=0.0,  # nothing is given up: a word that is said otherwise than it is spelt would end the row
        wbeam=0.0,
        pbeam=0.0,
        loglevel="FATAL",
    )


def _listen(decoder: Any, samples: bytes) -> None:  # noqa: ANN401
    decoder.start_utt()
    decoder.process_raw(samples, no_search=False, full_utt=True)
    decoder.end_utt()


def _phone(entry: Any) -> Phone:  # noqa: ANN401
    start = entry.start / RATE - _PAD + HEARD_LATE
    return Phone(entry.name, start, start + entry.duration / RATE)
