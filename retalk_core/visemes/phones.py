"""Which speech sounds a voice makes, where they can be recognised, and what each wants of the lips."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from ..errors import OptionError
from ..runs import true_runs
from ..types import Progress, Samples
from .signal import HOP, PAUSE, RATE, finite

_LONGEST_PART = 20 * RATE  # steps recognised in one go, at most
_DITHER = 1e-4  # noise for the recogniser, which mishears speech that stands in digital silence
_HEARD_LATE = 0.0078  # seconds from a recogniser's frame to the middle of the 25.6 ms it looked at
_OPENING_REACH = 0.04  # seconds over which a sound's opening colours its neighbours
_WIDTH_REACH = 0.08  # the same for its width: lips round early and stay round


class Target(NamedTuple):
    """What the lips want during one speech sound."""

    opening: float
    width: float
    opening_weight: float = 1.0  # against the sounds before and after it
    width_weight: float = 1.0
    ceiling: float = 1.0  # however loud the voice, no wider


# fmt: off
_TARGETS: dict[str, tuple[Target, ...]] = {  # diphthongs go from one target to another
    "AA": (Target(1, .1),), "AE": (Target(.9, .5),), "AH": (Target(.6, 0),),
    "AO": (Target(.8, -.5, 1, 1.5),), "EH": (Target(.7, .4),), "ER": (Target(.4, -.4),),
    "IH": (Target(.45, .4),), "IY": (Target(.4, .8),), "UH": (Target(.4, -.6, 1, 1.5, .8),),
    "UW": (Target(.3, -1, 1.5, 3, .45),),
    "AW": (Target(.95, .2), Target(.4, -.8, 1, 2, .7)), "AY": (Target(.95, .1), Target(.4, .6)),
    "EY": (Target(.6, .5), Target(.4, .7)),
    "OW": (Target(.6, -.7, 1, 2, .85), Target(.35, -.95, 1.5, 2.5, .65)),
    "OY": (Target(.65, -.7, 1, 2), Target(.45, .5)),
    "B": (Target(0, 0, 4, .5),), "P": (Target(0, 0, 4, .5),), "M": (Target(0, 0, 4, .5),),
    "F": (Target(.08, .15, 2.5, 1, .25),), "V": (Target(.08, .15, 2.5, 1, .25),),
    "S": (Target(.2, .4),), "Z": (Target(.2, .4),),
    "SH": (Target(.27, -.45),), "ZH": (Target(.27, -.45),),
    "CH": (Target(.27, -.45),), "JH": (Target(.27, -.45),),
    "TH": (Target(.28, .1),), "DH": (Target(.28, .1),),
    "T": (Target(.26, .1, .6, .6),), "D": (Target(.26, .1, .6, .6),), "N": (Target(.26, .1, .6, .6),),
    "L": (Target(.4, .1),), "K": (Target(.3, 0, .4, .4),), "G": (Target(.3, 0, .4, .4),),
    "NG": (Target(.3, 0, .4, .4),), "R": (Target(.3, -.5),), "W": (Target(.15, -1, 1.5, 3, .45),),
    "Y": (Target(.3, .6),), "HH": (Target(.4, 0, .2, .1),), "SIL": (Target(0, 0),),
}
# fmt: on


class Phone(NamedTuple):
    """A speech sound that was heard."""

    name: str  # a key of _TARGETS
    start: float  # seconds
    stop: float


class Wanted(NamedTuple):
    """What the lips want in each of N steps."""

    opening: np.ndarray  # (N,) 0..1
    width: np.ndarray  # (N,) -1..1
    ceiling: np.ndarray  # (N,) 0..1
    known: np.ndarray  # (N,) 0..1; 0 where nothing was recognised nearby


def have_recogniser(wanted: bool | None) -> bool:
    """Whether speech sounds can be recognised, if that is wanted; None: if it can be. Raises OptionError."""
    if wanted is False:
        return False
    installed = find_spec("pocketsphinx") is not None
    if wanted and not installed:
        raise OptionError(
            "Speech sounds were to be recognised, but pocketsphinx isn't installed. Install it, or leave the "
            "choice open: the mouth then follows the voice's level."
        )
    return installed


def recognise(samples: Samples, speaking: np.ndarray, progress: Progress) -> Iterator[Phone]:
    """Hear the speech sounds, a part of the speech at a time.

    samples:  (n,) mono at 16 kHz, in [-1, 1]
    speaking: (N,) bool; what is no speech isn't looked at
    """
    from pocketsphinx import Decoder, get_model_path

    model = f"{get_model_path()}/en-us"
    decoder = Decoder(
        hmm=f"{model}/en-us",
        allphone=f"{model}/en-us-phone.lm.bin",
        lm=None,
        dict=None,
        lw=2.0,
        beam=1e-20,
        pbeam=1e-20,
        loglevel="FATAL",
    )
    rng = np.random.default_rng(0)
    seconds = -(-len(speaking) // RATE)
    for start, stop in speech_parts(speaking):
        progress(start // RATE, seconds)
        sound = finite(samples[start * HOP : stop * HOP]).astype(np.float32)
        sound *= 0.7 / max(float(np.abs(sound).max()), 1e-6)
        sound += rng.normal(scale=_DITHER, size=len(sound))
        decoder.start_utt()
        decoder.process_raw((sound * 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        begin = start / RATE + _HEARD_LATE
        for heard in decoder.seg() or ():
            if heard.word in _TARGETS:  # the rest are noises
                yield Phone(heard.word, begin + heard.start_frame / 100, begin + (heard.end_frame + 1) / 100)
    progress(seconds, seconds)


def speech_parts(speaking: np.ndarray) -> Iterator[tuple[int, int]]:
    """Steps [start, stop) that hold all the speech, none too long, cut in pauses where there are any."""
    margin = PAUSE // 2  # a recogniser wants to hear a little silence about the words
    joined: tuple[int, int] | None = None
    for start, stop in true_runs(speaking):
        start, stop = max(start - margin, 0), min(stop + margin, len(speaking))
        if joined and stop - joined[0] <= _LONGEST_PART:
            joined = (joined[0], stop)
            continue
        if joined:
            yield joined
        for cut in range(start, stop - _LONGEST_PART, _LONGEST_PART):  # speech that never pauses
            yield cut, cut + _LONGEST_PART
            start = cut + _LONGEST_PART
        joined = (start, stop)
    if joined:
        yield joined


def blend_targets(heard: list[Phone], steps: int) -> Wanted:
    """Each sound pulls at the lips, hardest while it lasts and ever less before and after."""
    pull = np.zeros((2, steps))  # on opening and on width
    pulled = np.zeros((3, steps))  # opening, width and what is taken off the ceiling
    for phone in heard:
        targets = _TARGETS[phone.name]
        half = (phone.stop - phone.start) / len(targets) / 2
        for index, target in enumerate(targets):
            middle = phone.start + (2 * index + 1) * half
            first = max(int((middle - half - 0.4) * RATE), 0)
            last = min(int((middle + half + 0.4) * RATE) + 1, steps)
            time = (np.arange(first, last) + 0.5) / RATE
            distance = np.maximum(np.abs(time - middle) - 0.6 * half, 0)
            on_opening = target.opening_weight * np.exp(-distance / _OPENING_REACH)
            on_width = target.width_weight * np.exp(-distance / _WIDTH_REACH)
            pull[:, first:last] += on_opening, on_width
            pulled[0, first:last] += on_opening * target.opening
            pulled[1, first:last] += on_width * target.width
            pulled[2, first:last] += on_opening * (1 - target.ceiling)
    opening, width, lowered = pulled / np.maximum(pull[[0, 1, 0]], 1e-3)
    return Wanted(opening, width, 1 - lowered, pull[0].clip(0, 1))
