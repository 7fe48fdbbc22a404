"""The transcript as a source: the words that are said, found in the voice one stretch of speech at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from ...times import timecode
from ...types import Progress, Samples, silent
from ..closures import bites_of, closures_of, lowered_by
from ..phones import Recogniser, have_recogniser, speech_parts
from ..signal import HOP, RATE, find_speech, finite, judge_loudness, measure_signal
from ..sources import Heard, SourceName, Unheard, Wanted
from ..targets import SOUNDS_LIKE, Phone, blend_targets
from .align import Aligner, FoundWords
from .languages import AUTO
from .transcript import Cue, parse_transcript
from .words import Word, words_of

_OPENING_SHARE = 0.5
_WIDTH_SHARE = 0.95
_WIDTH_GAIN = 1.25  # sounds that are known are shaped more clearly than those that are guessed
# Share of the time with like sounds heard: 0.55 to 0.7 where the text is the voice's, else 0.08 to 0.27.
_FITS = 0.4
_SLACK = 0.7  # seconds by which a subtitle may come early or stay late
_FEWEST, _MOST = 0.5, 1.6  # words of a stretch against how many are expected there
_MARGIN = 6  # words beyond
_HOPELESS = 3  # stretches, of which none fits: neither will the rest
_NEAR = 0.2  # the same where more freedom leads astray


class _Span(NamedTuple):
    """The words that a stretch of speech may hold."""

    first: int  # in the transcript
    words: Sequence[Word]
    begins: Sequence[int]  # counted from `first`
    ends: Sequence[int]
    expected: int  # words, where the pace tells; else all


class Told:
    """What is said, as a transcript tells it; closures of the lips are certain then."""

    name: SourceName = "text"

    def __init__(self, cues: Sequence[Cue], language: str, part: tuple[float, float] = (0, 1)) -> None:
        """Read the words, which may take a second.

        language: one of `languages.LANGUAGES`, or "auto"
        part:     what part of the transcript's voice is heard, from where to where in 0..1
        raises:   OptionError for what letters can't speak
        """
        self._words = words_of(cues, language) if have_recogniser(None) else []
        self._timed = any(word.stop < np.inf for word in self._words)
        self._begin, self._end = (round(share * len(self._words)) for share in part)
        if self._timed:  # a subtitle that began before what is heard is said in part
            self._begin, self._end = sum(word.middle < 0 for word in self._words), len(self._words)

    def wanted(self, heard: Heard, progress: Progress) -> Wanted:
        """What the words want of the lips; see `Source`. Parts where they don't fit aren't trusted."""
        if not have_recogniser(None):
            raise Unheard(
                "the transcript isn't heeded: pocketsphinx finds words in a voice, and it isn't installed"
            )
        if not self._words:
            raise Unheard("the transcript isn't heeded: it holds no words")
        phones: list[Phone] = []
        trusted = np.ones(heard.steps, bool)
        for start, stop, found in self._aligned(heard, progress):
            trusted[start:stop] = found is not None
            phones += found or []
        if not phones:
            raise Unheard(
                "the transcript doesn't fit the voice, so the mouth follows what is heard: check that it is "
                "this voice's, and the language that was chosen for it"
            )
        blend = blend_targets(phones, heard.steps)
        return Wanted(
            opening=blend.opening,
            width=np.clip(_WIDTH_GAIN * blend.width, -1, 1),
            ceiling=np.minimum(blend.ceiling, lowered_by(bites_of(phones), heard.steps)),
            known=blend.known,
            closures=closures_of(phones, heard.loudness, certain=True),
            opening_share=_OPENING_SHARE,
            width_share=_WIDTH_SHARE,
            trusted=trusted,
            notes=_notes(trusted & heard.speaking, heard.speaking),
        )

    def phones(self, heard: Heard, progress: Progress = silent) -> tuple[list[Phone], tuple[str, ...]]:
        """Which sounds the words are made of and when they are said, and what to say of parts that don't fit.

        Nothing where pocketsphinx isn't installed, which finds them.
        """
        if not have_recogniser(None):
            return [], ("pocketsphinx finds words in a voice, and it isn't installed",)
        trusted = np.ones(heard.steps, bool)
        said: list[Phone] = []
        for start, stop, found in self._aligned(heard, progress):
            trusted[start:stop] = found is not None
            said += found or []
        return said, _notes(trusted & heard.speaking, heard.speaking)

    def _aligned(self, heard: Heard, progress: Progress) -> Iterator[tuple[int, int, list[Phone] | None]]:
        """Each stretch of speech, in steps, and the sounds said in it; None where the words don't fit."""
        aligner, recogniser = Aligner(), Recogniser()
        position = self._begin  # the next word; how many before it may be said yet:
        lost = min(position, position // 3 + _MARGIN)
        fitted, failed = False, 0
        left = int(heard.speaking.sum())
        for start, stop in speech_parts(heard.speaking):
            progress(start // RATE, -(-heard.steps // RATE))
            spoken = int(heard.speaking[start:stop].sum())
            sound = finite(heard.samples[start * HOP : stop * HOP]).astype(np.float32)
            span = self._span(start / RATE, stop / RATE, position, lost, spoken / max(left, 1))
            left -= spoken
            found = None
            if fitted or failed < _HOPELESS:
                found = _best(aligner, sound, span, recogniser.hear(sound))
            if found is None:
                failed += 1
                lost = max(lost, span.expected // 2)
                position = min(position + span.expected, len(self._words))
                yield start, stop, None
                continue
            position, lost, fitted = span.first + found.stop, 0, True
            begin = start / RATE
            yield (
                start,
                stop,
                [Phone(name, begin + since, begin + till) for name, since, till in found.phones],
            )
        progress(-(-heard.steps // RATE), -(-heard.steps // RATE))

    def _span(self, start: float, stop: float, position: int, lost: int, share: float) -> _Span:
        """Which words may be said between two moments.

        position: the first word that wasn't found yet
        lost:     how many before it may still be said
        share:    of the speech that is left, how much is between the two moments
        """
        words = self._words
        first = max(position - lost, 0)
        while first < len(words) and words[first].stop + _SLACK < start:
            first += 1
        position = max(position, first)
        if self._timed:
            expected = sum(1 for _ in takewhile(lambda word: word.middle < stop, words[position:]))
        else:
            expected = max(round(max(self._end - position, 0) * share), 1) if position < len(words) else 0
        most = first + round(_MOST * expected) + _MARGIN + position - first
        inside = list(takewhile(lambda word: word.start - _SLACK < stop, words[first:most]))
        begins = range(max(min(2 * (position - first) + 1, len(inside)), 1))
        fewest = max(min(round(_FEWEST * expected), len(inside) - 1), 0)
        return _Span(first, inside, begins, range(fewest, len(inside)), expected)


def spoken_phones(
    samples: Samples, transcript: str, language: str = AUTO, progress: Progress = silent
) -> tuple[list[Phone], tuple[str, ...]]:
    """The sounds that a transcript's words are made of, found in a voice; see `Told.phones`.

    samples:    (n,) mono at 16 kHz, in [-1, 1]
    transcript: plain text, SRT or VTT
    raises:     OptionError for what letters can't speak
    """
    loudness = judge_loudness(measure_signal(samples).level)
    told = Told(parse_transcript(transcript), language)
    return told.phones(Heard(samples, loudness, find_speech(loudness)), progress)


def _best(aligner: Aligner, sound: np.ndarray, span: _Span, heard: Sequence[Phone]) -> FoundWords | None:
    """The words of a stretch, where what is heard agrees with them. The less freedom, the surer."""
    count = len(span.words)
    if not count:
        return None
    last = min(span.begins[len(span.begins) // 2] + span.expected, count) - 1
    near = max(round(_NEAR * span.expected), 3)
    attempts = [span.ends, [end for end in span.ends if abs(end - last) <= near], [count - 1]]
    if span.expected == count:  # all that is left
        attempts.reverse()
    for ends in attempts:
        found = aligner.align(sound, span.words, span.begins, ends) if ends else None
        if found and _likeness(found.phones, heard, len(sound) / HOP) > _FITS:
            return found
    return None


def _likeness(said: Sequence[Phone], heard: Sequence[Phone], steps: float) -> float:
    """For how much of what is heard the words have a like sound at the same time, 0..1."""
    tracks = np.full((2, int(steps) + 1), -1)
    for track, phones in zip(tracks, (said, heard), strict=True):
        for phone in phones:
            track[max(int(phone.start * RATE), 0) : max(int(phone.stop * RATE), 0)] = SOUNDS_LIKE[phone.name]
    sounding = tracks[1] > 0
    return float((tracks[0] == tracks[1])[sounding].mean()) if sounding.any() else 0.0


def _notes(trusted: np.ndarray, speaking: np.ndarray) -> tuple[str, ...]:
    """Where the transcript doesn't fit the speech, and how much of it that is."""
    amiss = speaking & ~trusted
    if not amiss.any():
        return ()
    first = int(amiss.argmax()) / RATE
    share = amiss.sum() / speaking.sum()
    return (
        f"the transcript doesn't fit {share:.0%} of the speech, the first of it at {timecode(first)}: there "
        "the mouth follows what is heard",
    )
