"""How well the viseme listener hears lips, beside free phone recognition and the level alone.

    python benchmarks/listener.py [--spoilt] [--sentences N]

Voices that nothing was learnt from speak: espeak-ng's in languages that were learnt, in Spanish and Hindi,
which never were, and flite's and festival's slt. Truth is the synthesisers' own. Needs what
scripts/listener_speakers.py names, and pocketsphinx for the comparison. For each set of voices:

closure   share of p, b, m near which the lips are together, and how many there are
false     share of the closures near which no p, b, m is said
bite      the same for f, v, and in brackets the share of bites near which there is none
round     2 AUC - 1 of the width in rounded sounds against all other vowels
opening   rank correlation of the opening with open > mid > close > consonants > p, b, m
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import mannwhitneyu, spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from listener_lips import CLOSE, LONGEST_HOLD, MID, OPEN, ROUNDED, SPREAD, TONGUE, UNROUNDED, bare
from listener_sounds import spoil
from listener_speakers import Speech, espeak, festival, flite
from listener_texts import draw_sentence
from retalk_nodes.retalk_core.visemes.closures import BITE_LENGTHS, LENGTHS, bites_of, closures_of
from retalk_nodes.retalk_core.visemes.listener import BITES, CLOSURES, find_spans, listen, named
from retalk_nodes.retalk_core.visemes.phones import recognise
from retalk_nodes.retalk_core.visemes.signal import RATE, find_speech, judge_loudness, measure_signal
from retalk_nodes.retalk_core.visemes.targets import Phone, blend_targets

RANKS = ((OPEN, 3.0), (MID, 2.5), (CLOSE, 2.0), (TONGUE + "sz", 1.0))  # the others 0
NEAR = 0.04  # seconds that a closure or a bite may be off
SAID = {
    "es": (
        "Mi mamá me compra pan y vino bueno. El hombre fuma en la ventana, pero no habla. "
        "Buenos días, amigo, muchas gracias por la información. Pablo vive en un pueblo pequeño. "
        "Mañana vamos a comer paella con mi familia. El problema es importante, pero podemos empezar. "
        "Una mujer famosa bebe café y come fruta. Nunca vi un mapa tan bonito, me voy a la fiesta."
    ),
    "hi": (
        "मेरी माँ बाज़ार में फल और सब्ज़ी बेचती है। मुझे पानी पीना बहुत पसंद है। "
        "आप कब भारत आए थे, मेरे प्रिय मित्र? बच्चे बगीचे में फुटबॉल खेल रहे हैं। "
        "यह पुस्तक मुझे बहुत अच्छी लगी। हम सब मिलकर काम करेंगे और विजय पाएंगे। "
        "पिताजी सुबह अखबार पढ़ते हैं और माताजी भोजन बनाती हैं। मौसम बहुत ठंडा है।"
    ),
}
SETS: dict[str, tuple[str, ...]] = {
    "voices held back": ("en-us+m7", "en+f5", "de+f5", "fr+klatt4", "it+m8", "pl+m7", "cmn-latn-pinyin+f5"),
    "Spanish": ("es", "es+f5", "es-419+m7"),
    "Hindi": ("hi", "hi+f5", "hi+m7"),
    "slt (flite, festival)": ("flite", "festival"),
}


class Guess(NamedTuple):
    """What something believes of a voice."""

    closures: np.ndarray  # (K, 2) seconds
    bites: np.ndarray  # (K, 2) seconds
    width: np.ndarray  # (N,)
    opening: np.ndarray  # (N,)


class Tally(NamedTuple):
    """What was counted over some voices."""

    closed: list[bool]
    closures: list[bool]  # whether a closure was right
    bitten: list[bool]
    bites: list[bool]
    rounded: list[float]
    others: list[float]
    ranks: list[tuple[float, float]]


def by_listener(samples: np.ndarray) -> Guess:
    return _listened(samples, None)


def by_both(samples: np.ndarray) -> Guess:
    return _listened(samples, _recognised(samples)[1])


def by_phones(samples: np.ndarray) -> Guess:
    loudness, heard = _recognised(samples)
    blend = blend_targets(heard, len(loudness))
    return Guess(closures_of(heard, loudness, certain=False), bites_of(heard), blend.width, blend.opening)


def _listened(samples: np.ndarray, heard: list[Phone] | None) -> Guess:
    lips, speaking = listen(samples), find_speech(judge_loudness(measure_signal(samples).level))
    closures = find_spans(lips.closure, speaking, CLOSURES, named(heard, "BPM"), LENGTHS)
    bites = find_spans(lips.bite, speaking, BITES, named(heard, "FV"), BITE_LENGTHS)
    return Guess(closures, bites, lips.spread - lips.round, lips.opening)


def _recognised(samples: np.ndarray) -> tuple[np.ndarray, list[Phone]]:
    """The voice's loudness, and the sounds that pocketsphinx recognises."""
    loudness = judge_loudness(measure_signal(samples).level)
    return loudness, list(recognise(samples, find_speech(loudness), lambda done, total: None))


def by_level(samples: np.ndarray) -> Guess:
    signal = measure_signal(samples)
    none = np.zeros((0, 2))
    return Guess(none, none, signal.spread, judge_loudness(signal.level))


def count(tally: Tally, speech: Speech, guess: Guess) -> None:
    """Compare a guess with the truth."""
    lips, teeth = [], []
    for name, start, stop in speech.phones:
        letter = (bare(name) or "_")[0]
        if letter in "pbmɓ":
            lips.append((start - (LONGEST_HOLD if speech.bursts and letter != "m" else 0), stop))
        if letter in "fvʋɱ":
            teeth.append((start, stop))
        _count_shape(tally, letter, bare(name), guess, slice(round(start * RATE), round(stop * RATE)))
    for said, found, hits, rights in (
        (lips, guess.closures, tally.closed, tally.closures),
        (teeth, guess.bites, tally.bitten, tally.bites),
    ):
        hits += [any(_meet(one, other) for other in found) for one in said]
        rights += [any(_meet(one, other) for one in said) for other in found]


def _count_shape(tally: Tally, letter: str, name: str, guess: Guess, here: slice) -> None:
    if here.stop - here.start < 3 or letter == "_":
        return
    vowels = OPEN + MID + CLOSE
    opening = float(guess.opening[here].mean())
    rank = next((each for letters, each in RANKS if letter in letters), 0.0)
    if letter in vowels + TONGUE + "szpbmɓ":
        tally.ranks.append((rank, opening))
    sides = {c in ROUNDED for c in name if c in ROUNDED + SPREAD + UNROUNDED}
    if len(sides) == 1 and letter in vowels + "wj":
        (tally.rounded if sides.pop() else tally.others).append(float(guess.width[here].mean()))


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return other[0] - NEAR <= one[1] and one[0] - NEAR <= other[1]


def voices(names: tuple[str, ...], sentences: int) -> Iterator[Speech]:
    """What each voice says."""
    for name in names:
        rng = np.random.default_rng(sum(map(ord, name)))
        language = name.partition("+")[0]
        if name in ("flite", "festival"):
            said = [draw_sentence(rng, "en-us", known=0.9) for _ in range(3 * sentences)]
            yield from (
                festival(said, "cmu_us_slt_arctic_hts")
                if name == "festival"
                else (flite(each, "slt") for each in said)
            )
        elif language[:2] in SAID:
            yield espeak().speak(SAID[language[:2]], name, 160)
        else:
            yield espeak().speak(
                " ".join(draw_sentence(rng, language, 0.7) for _ in range(sentences)), name, 155
            )


def figures(tally: Tally) -> str:
    """One line."""
    share = lambda flags: float(np.mean(flags)) if flags else float("nan")  # noqa: E731
    auc = mannwhitneyu(tally.others, tally.rounded).statistic / (len(tally.others) * len(tally.rounded))
    rank = spearmanr(*zip(*tally.ranks, strict=True)).statistic
    wrong = 1 - share(tally.closures), 1 - share(tally.bites)
    return (
        f"closure {share(tally.closed):.2f} of {len(tally.closed)}, false {wrong[0]:.2f}, "
        f"bite {share(tally.bitten):.2f} of {len(tally.bitten)} ({wrong[1]:.2f}), "
        f"round {2 * auc - 1:.2f}, opening {rank:.2f}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--spoilt", action="store_true", help="in rooms, noise and codecs")
    arguments.add_argument("--sentences", type=int, default=6)
    arguments.add_argument("--listener-only", action="store_true")
    given = arguments.parse_args()
    guessers: dict[str, Callable[[np.ndarray], Guess]] = {"listener": by_listener}
    if not given.listener_only:
        guessers |= {"both": by_both, "phones": by_phones, "level": by_level}
    for title, names in SETS.items():
        tallies = {name: Tally([], [], [], [], [], [], []) for name in guessers}
        spent = dict.fromkeys(guessers, 0.0)
        seconds = 0.0
        for index, speech in enumerate(voices(names, given.sentences)):
            samples = speech.samples
            if given.spoilt:
                samples = spoil(np.random.default_rng(index), samples)
            seconds += len(samples) / 16_000
            for name, guess in guessers.items():
                began = time.process_time()
                count(tallies[name], speech, guess(samples))
                spent[name] += time.process_time() - began
        for name in guessers:
            cost = 100 * spent[name] / seconds
            print(f"{title}, {name}: {figures(tallies[name])}; {cost:.1f} % of real time", flush=True)


if __name__ == "__main__":
    main()
