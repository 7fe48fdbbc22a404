"""What speech sounds ask of the lips, step by step: the truth that the viseme listener learns from."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

import numpy as np
from listener_speakers import Speech

RATE = 100  # steps a second
OPEN, MID, CLOSE = "aɑæɐɒ", "ɛeəʌɔoɜɚɝœøɵɘɤɞ", "iɪuʊyʏɨᵻɯʉ"
ROUNDED, SPREAD, UNROUNDED = "uʊoɔwyʏøœɥʉɞɵʍ", "iɪjeᵻ", "ɛæaɑʌəɐɒɨɯɤɘɜ"
HALF_ROUNDED = "ʃʒɹʂʐɚɝ"  # lips come forward a little
TONGUE = "θðlnɾɬɫɲtdɭɳ"
SIBILANTS = "szʃʒɕʑʂʐ"
# What a sound is told apart as while learning; the more it must tell apart, the better it hears
KINDS = (
    *("_", "pb", "m", "fvʋɱ", "θð", "sz", "ʃʒɕʑʂʐ", "td", "nɲŋɴɳ", "kɡgqxhɣχħʔ", "lrɾɹɭʎ"),
    *("wʍɥuʊʉ", "oɔɵøœyʏ", "iɪjɨᵻ", "eɛæ", "aɑɐɒ", "əʌɜɚɝɤɘɯ"),
)
LONGEST_HOLD = 0.07  # seconds that lips are looked for before a burst


class Truth(NamedTuple):
    """What lips do in each of N steps."""

    answers: np.ndarray  # (N, 6) in 0..1, in the order of the listener's ANSWERS
    weights: np.ndarray  # (N, 6); 0 where lips are free to do as they like
    kinds: np.ndarray  # (N,) index into KINDS; -1: none of them


def bare(name: str) -> str:
    """A sound without tones, stress and lengths."""
    letters = (c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return "".join(letters).lstrip("ˈˌ'")


def truth(speech: Speech) -> Truth:
    """Write down what lips do while a synthesiser speaks."""
    steps = -(-len(speech.samples) // (16_000 // RATE))
    answers = np.zeros((steps, 6), np.float32)
    answers[:, 2:4] = 0.5
    weights = np.tile(np.float32([1, 1, 0.1, 0.1, 1, 1]), (steps, 1))
    kinds = np.full(steps, -1, np.int64)
    for name, start, stop in speech.phones:
        letters = [c for c in bare(name) if c.isalpha() or c == "_"] or ["_"]
        vowels = [c for c in letters if c in OPEN + MID + CLOSE]
        parts = vowels if len(vowels) > 1 else letters[:1]
        for index, letter in enumerate(parts):
            length = (stop - start) / len(parts)
            _write(
                speech,
                letter,
                start + index * length,
                start + (index + 1) * length,
                (answers, weights, kinds),
            )
    return Truth(_softened(answers), weights, kinds)


def _write(speech: Speech, c: str, start: float, stop: float, into: tuple[np.ndarray, ...]) -> None:
    answers, weights, kinds = into
    here = slice(round(start * RATE), max(round(stop * RATE), round(start * RATE) + 1))
    answers[here] = 0, 0, 0.5, 0.5, c in TONGUE, _opening(c)
    if c in ROUNDED:
        answers[here, 2:4], weights[here, 2:4] = (1, 0), 1
    elif c in SPREAD or c in UNROUNDED:
        answers[here, 2:4], weights[here, 2:4] = (0, 1 if c in SPREAD else 0.4), 1
    elif c in HALF_ROUNDED:
        answers[here, 2:4], weights[here, 2:4] = (0.5, 0.2), 0.3
    kinds[here] = next((index for index, kind in enumerate(KINDS) if c in kind), -1)
    if c in "fvʋɱ":
        answers[here, 1] = 1
    if c in "ɸβ":  # both lips come near, but don't meet
        answers[here, :2], weights[here, :2] = 0.3, 0.1
    if c in "pbmɓ":
        first, last = _hold(speech, c, start, stop)
        held = slice(round(first * RATE), max(round(last * RATE), round(first * RATE) + 2))
        answers[held, 0], answers[held, 5] = 1, 0
        if speech.bursts:
            kinds[held] = kinds[here].flat[0] if kinds[here].size else -1


def _hold(speech: Speech, c: str, start: float, stop: float) -> tuple[float, float]:
    """From when to when the lips are together."""
    if c == "m":
        return start, stop
    if not speech.bursts:
        return start, start + 0.75 * (stop - start)
    first, floor = start, start - LONGEST_HOLD  # espeak-ng's stops begin with the burst: the hold is before
    while first - 0.005 > floor and _soft(speech.samples, first - 0.005):
        first -= 0.005
    voiced = c in "bɓ" and first > start - 0.02
    return (first, stop - 0.01) if voiced else (first, start + 0.01)


def _soft(samples: np.ndarray, moment: float) -> bool:
    at = int(moment * 16_000)
    return bool(
        np.abs(samples[max(at - 40, 0) : at + 40]).max(initial=0) < 0.02 * max(np.abs(samples).max(), 1e-6)
    )


def _opening(c: str) -> float:
    for letters, opening in ((OPEN, 1.0), (MID, 0.7), (CLOSE, 0.4), ("fvʋɱɸβ", 0.1), ("wʍɥ", 0.25)):
        if c in letters:
            return opening
    return 0.0 if c in "pbmɓ_" else 0.2 if c in SIBILANTS + "tdθðnlɹrɾc" else 0.3


def _softened(answers: np.ndarray) -> np.ndarray:
    """Lips move; nothing jumps."""
    padded = np.pad(answers, ((1, 1), (0, 0)), mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
