"""How right the mouth's shapes are: `python benchmarks/visemes.py [--only LANGUAGE ...] [--bare] [--fps 25]`.

espeak-ng's library speaks sentences and tells which sound it says when: that is the truth. The drive is
sampled as for a clip, with a transcript and without; --bare keeps espeak-ng from reading the transcript, so
that dictionary and letters do. A mouth of 0.14 eye distances at full opening and 16 % of swing in width is
assumed. Figures, by language and of all:

closure  share of p, b and m in which the gap is below 0.02 eye distances, within 40 ms of them
false    share of open and mid vowels, at their middle, in which it is
bite     share of f and v in which the gap is below 0.05
round    how surely a rounded sound is narrower than a spread or open one: 2 AUC - 1
narrower by how much of the width, on average
opening  rank correlation of gaps with: open > mid > close vowels > tongue > lip to teeth > lip to lip
shut     milliseconds with the gap below 0.03 about a closure, median
r        correlation of opening and loudness
"""

from __future__ import annotations

import argparse
import ctypes
import unicodedata
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import this_pack  # noqa: F401, brings the pack
from retalk_nodes.retalk_core.visemes.drive import MouthDrive, mouth_drive, sample_drive
from retalk_nodes.retalk_core.visemes.text import words as words_module
from scipy.signal import resample_poly
from scipy.stats import rankdata

SAID = {  # voice, what it is given, and the transcript where that is written otherwise
    "en": (
        "en-us",
        "My brother brought a big blue umbrella. Maybe we should move before the summer rain comes. "
        "Five people have paid for the boat, and few of them can swim. Who would have thought that "
        "the old museum opens at noon? In about forty minutes the number seven bus will arrive. The "
        "problem is simple: nobody bought bread. My father prefers the window open. Two huge robots "
        "grew roses for a movie.",
    ),
    "de": (
        "de",
        "Mein Bruder möchte im Sommer mit dem Boot nach Hamburg fahren. Fünf Pferde laufen über die "
        "Wiese. Bitte gib mir ein paar Äpfel und Pflaumen. Die Blumen blühen im Mai, und abends "
        "wird es kühl. Warum wollten wir das Wetter prüfen? Der Bäcker verkauft frische Brötchen. "
        "Oben auf dem Berg wohnt ein fauler Wolf.",
    ),
    "es": (
        "es",
        "Mi hermano compró un barco pequeño en Bilbao. Por favor, trae pan, mantequilla y un buen "
        "vino. La familia vive cerca del puerto y sube al monte los domingos. ¿Puedes abrir la "
        "puerta? El profesor enfermo no fumaba nunca.",
    ),
    "fr": (
        "fr",
        "Mon frère aime beaucoup les pommes et le pain frais. Nous avons vu un film fabuleux à "
        "Bordeaux. Peux-tu m'apporter une bouteille d'eau pour ma femme? Le bateau blanc part "
        "demain matin.",
    ),
    "it": (
        "it",
        "La mamma ha comprato pane e burro. Mio fratello vive a Firenze e suona il pianoforte. "
        "Domani pomeriggio proviamo una nuova bicicletta. Il fumo usciva da una finestra buia.",
    ),
    "ru": (
        "ru",
        "Мой брат купил большую машину. Мы обедали в парке и пили молоко. Пожалуйста, передай "
        "бабушке пирог. Вечером фонари освещают мост над рекой. Утром упал туман.",
    ),
    "zh": (
        "cmn-latn-pinyin",
        "wo de ba ba ma ma ming tian zuo fei ji qu bei jing. qing ba ping guo he mian bao fang zai "
        "zhuo zi shang. peng you men fei chang xi huan pao bu, bu pa xia yu. mu tou fang wu pang "
        "bian you wu ke shu.",
        "我的爸爸妈妈明天坐飞机去北京。请把苹果和面包放在桌子上。朋友们非常喜欢跑步，不怕"
        "下雨。木头房屋旁边有五棵树。",
    ),
    "hi": (
        "hi",
        "मेरे पिताजी बाज़ार से फल और सब्ज़ी लाए। बारिश में बच्चे बाहर भागते हैं। माँ ने पीले फूल "
        "मेज़ पर रखे। भाई और बहन मुंबई में रहते हैं। कृपया मुझे पानी का बड़ा प्याला दीजिए।",
    ),
    "ja": (
        "ja",
        "ぼくの ともだちは ぱんと みかんが だいすきです。ふゆの あさは さむいので ぼうしを かぶります。",
    ),
}
FULL, REST, SWING = 0.14, 0.004, 0.16  # eye distances, and share of the width
SHUT, BITTEN, NEARLY_SHUT = 0.02, 0.05, 0.03  # eye distances
SLACK = 0.04  # seconds
STOP = 0.05  # seconds before a stop's event, its burst, in which the lips are together
KINDS = {"lips": "pbm", "teeth": "fvʋɱ", "open": "aɑæɐɒ", "mid": "ɛeəʌɔoɜɚœøɵɘɤ", "close": "iɪuʊyʏɨᵻɯ",
         "tongue": "szʃʒtdnθðlɹrɾɕʂʐc"}  # fmt: skip
RANKS = {"open": 5, "mid": 4, "close": 3, "tongue": 2, "teeth": 1, "lips": 0}
ROUND, SPREAD = set("uʊoɔwyʏøœɥ"), set("iɪeɛæaɑʌəɐᵻj")
COLUMNS = ("closure", "false", "bite", "round", "narrower", "opening", "shut", "r")


class Sound(NamedTuple):
    """What is said, and when."""

    sign: str  # of the International Phonetic Alphabet, without marks
    kind: str  # a key of KINDS, or ""
    start: float  # seconds
    stop: float


class Mouth(NamedTuple):
    """T frames of a mouth."""

    times: np.ndarray  # (T,) seconds, their middles
    gap: np.ndarray  # (T,) eye distances
    width: np.ndarray  # (T,) of its width at rest

    def mean(self, sound: Sound, values: np.ndarray, margin: float) -> float:
        """A track's mean in a sound, but for so much of it at either end."""
        aside = margin * (sound.stop - sound.start)
        moments = np.linspace(sound.start + aside, sound.stop - aside, 9)
        return float(np.interp(moments, self.times, values).mean())


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--only", nargs="+", choices=SAID, default=list(SAID))
    words.add_argument("--bare", action="store_true", help="without espeak-ng for the transcript")
    words.add_argument("--fps", type=float, default=25)
    args = words.parse_args()
    if args.bare:
        words_module.speak_words = lambda texts, language: None
    synthesiser = _Synthesiser()
    speech = {language: speak(synthesiser, *SAID[language][:2]) for language in args.only}
    for told in (True, False):
        print(f"| {'with' if told else 'without'} the text | n | {' | '.join(COLUMNS)} | from |")
        print("| --- " * (len(COLUMNS) + 3) + "|")
        rows = []
        for language, (voice, sounds) in speech.items():
            drive = mouth_drive(voice, transcript=SAID[language][-1] if told else "", language=language)
            row = judge(drive, len(voice) / 16_000, sounds, args.fps)
            rows.append(row)
            print(_line(language, row, f"{drive.source} {' '.join(drive.notes)}"), flush=True)
        if len(rows) > 1:
            print(_line("all", {name: _pooled(rows, name) for name in rows[0]}, ""))


def _line(name: str, row: dict[str, float], source: str) -> str:
    shown = [f"{row[column]:.0f}" if column == "shut" else f"{row[column]:.2f}" for column in COLUMNS]
    return f"| {name} | {row['n']:.0f} | {' | '.join(shown)} | {source} |"


def _pooled(rows: list[dict[str, float]], name: str) -> float:
    """A sum of counts; shares of closures by their counts; else a mean over languages."""
    values = np.array([row[name] for row in rows])
    if name == "n":
        return float(values.sum())
    weights = np.array([row["n"] for row in rows]) if name == "closure" else np.ones(len(rows))
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weights[known]))


def judge(drive: MouthDrive, seconds: float, sounds: list[Sound], fps: float) -> dict[str, float]:
    """The figures of one voice."""
    starts = np.arange(int(seconds * fps)) / fps
    opening, width, loudness, _ = sample_drive(drive, starts.tolist())
    mouth = Mouth(starts + 0.5 / fps, REST + opening * (FULL - REST), 1 + SWING * width)
    lips = [sound for sound in sounds if sound.kind == "lips"]
    least = [_least(mouth, sound, STOP if sound.sign in "pb" else 0.0) for sound in lips]
    lasting = [_lasting(mouth, moment) for gap, moment in least if gap < SHUT]
    vowels = [sound for sound in sounds if sound.kind in ("open", "mid") and sound.stop - sound.start > 0.06]
    falses = [np.interp((each.start + each.stop) / 2, mouth.times, mouth.gap) < SHUT for each in vowels]
    bites = [_least(mouth, sound, 0.0)[0] < BITTEN for sound in sounds if sound.kind == "teeth"]
    rounded, spread = ([mouth.mean(each, mouth.width, 1 / 8) for each in part] for part in _sides(sounds))
    ranked = [
        each for each in sounds if each.kind and (RANKS[each.kind] < 3 or each.stop - each.start > 0.05)
    ]
    gaps = [mouth.mean(_before(each), mouth.gap, 1 / 4) for each in ranked]
    wins = np.subtract.outer(spread, rounded)
    return {
        "n": len(lips),
        "closure": float(np.mean([gap < SHUT for gap, _ in least])),
        "false": float(np.mean(falses)),
        "bite": float(np.mean(bites)) if bites else np.nan,
        "round": 2 * float((wins > 0).mean() + 0.5 * (wins == 0).mean()) - 1,
        "narrower": 1 - float(np.mean(rounded) / np.mean(spread)),
        "opening": float(np.corrcoef(rankdata(gaps), rankdata([RANKS[each.kind] for each in ranked]))[0, 1]),
        "shut": float(np.median(lasting)) if lasting else np.nan,
        "r": float(np.corrcoef(opening, loudness)[0, 1]),
    }


def _before(sound: Sound) -> Sound:
    """A stop of the lips is heard when it ends."""
    return sound._replace(start=sound.start - STOP, stop=sound.start) if sound.sign in ("p", "b") else sound


def _least(mouth: Mouth, sound: Sound, before: float) -> tuple[float, float]:
    """The least gap about a sound, and when."""
    inside = (mouth.times >= sound.start - SLACK - before) & (mouth.times <= sound.stop + SLACK)
    best = int(np.where(inside, mouth.gap, np.inf).argmin())
    return float(mouth.gap[best]), float(mouth.times[best])


def _lasting(mouth: Mouth, moment: float) -> float:
    """Milliseconds in which the lips are nearly together about a moment."""
    fine = np.arange(mouth.times[0], mouth.times[-1], 0.005)
    apart = fine[np.interp(fine, mouth.times, mouth.gap) >= NEARLY_SHUT]
    before, after = apart[apart < moment], apart[apart > moment]
    return 1000 * (min(after, default=fine[-1]) - max(before, default=fine[0]))


def _sides(sounds: list[Sound]) -> tuple[list[Sound], list[Sound]]:
    """Rounded sounds, and spread or open ones; diphthongs that are both are neither."""
    sides: tuple[list[Sound], list[Sound]] = ([], [])
    for sound in sounds:
        signs = set(sound.sign)
        if sound.kind in ("lips", "teeth") or sound.stop - sound.start <= 0.04:
            continue
        if bool(signs & ROUND) != bool(signs & SPREAD):
            sides[0 if signs & ROUND else 1].append(sound)
    return sides


def _sound(name: str, start: float, stop: float) -> Sound:
    plain = "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))
    sign = plain.lstrip("ˈˌ'_")
    first = "f" if sign.startswith("pf") else sign[:1]
    kind = next((kind for kind, signs in KINDS.items() if first and first in signs), "")
    return Sound(sign, kind, start, stop)


def _ratio(wanted: int, given: int) -> tuple[int, int]:
    ratio = Fraction(wanted, given)
    return ratio.numerator, ratio.denominator


def speak(synthesiser: _Synthesiser, voice: str, text: str) -> tuple[np.ndarray, list[Sound]]:
    """What is said, (n,) at 16 kHz, and its sounds, but for the first 20 ms."""
    samples, events = synthesiser.say(voice, text)
    ends = [start for _, start in events[1:]] + [len(samples) / synthesiser.rate]
    sounds = [_sound(name, start, stop) for (name, start), stop in zip(events, ends, strict=True)]
    said = [sound for sound in sounds if sound.sign and sound.sign[0] not in "(|" and sound.start > 0.02]
    return resample_poly(samples, *_ratio(16_000, synthesiser.rate)).astype(np.float32), said


class _Event(ctypes.Structure):
    """What espeak-ng's library tells beside the sound; of its union only the first 8 bytes matter."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("place", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


class _Synthesiser:
    """espeak-ng's library; there is one in a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(
            1, 200, None, 3
        )  # hands sound over and tells sounds in IPA
        self._library.espeak_SetParameter(1, 155, 0)
        self._parts: list[np.ndarray] = []
        self._events: list[tuple[str, float]] = []
        told = ctypes.POINTER(_Event)
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, told)
        self._callback = kind(self._hear)  # must live as long as the library
        self._library.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: Any, count: int, told: Any) -> int:  # noqa: ANN401, pointers
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while told[index].type:
            if told[index].type == 7:
                self._events.append(
                    (told[index].name.decode("utf-8", "replace"), told[index].sample / self.rate)
                )
            index += 1
        return 0

    def say(self, voice: str, text: str) -> tuple[np.ndarray, list[tuple[str, float]]]:
        """Samples in [-1, 1], and its sounds with the seconds in which they begin."""
        self._parts.clear()
        self._events.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise SystemExit(f"espeak-ng has no voice {voice}")
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._parts).astype(np.float64) / 32768, list(self._events)


if __name__ == "__main__":
    main()
