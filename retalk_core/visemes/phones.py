"""Which speech sounds a voice makes, heard freely: without being told what is said."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np

from ..errors import OptionError
from ..runs import true_runs
from ..types import Progress, Samples
from .closures import bites_of, closures_of, lowered_by
from .signal import HOP, PAUSE, RATE, finite
from .sources import Heard, SourceName, Wanted
from .targets import TARGETS, Phone, blend_targets

_LONGEST_PART = 20 * RATE  # steps recognised in one go, at most
_DITHER = 1e-4  # noise for the recogniser, which mishears speech that stands in digital silence
HEARD_LATE = 0.0078  # seconds from a recogniser's frame to the middle of the 25.6 ms it looked at
_OPENING_SHARE = 0.4  # more looks livelier but loses the beat of the voice
_WIDTH_SHARE = 0.8


class HeardPhones:
    """Speech sounds as pocketsphinx recognises them; English ones serve other languages too."""

    name: SourceName = "phones"

    def wanted(self, heard: Heard, progress: Progress) -> Wanted:
        """What the recognised sounds want of the lips; see `Source`."""
        sounds = list(recognise(heard.samples, heard.speaking, progress))
        blend = blend_targets(sounds, heard.steps)
        return Wanted(
            opening=blend.opening,
            width=blend.width,
            ceiling=np.minimum(blend.ceiling, lowered_by(bites_of(sounds), heard.steps)),
            known=blend.known,
            closures=closures_of(sounds, heard.loudness, certain=False),
            opening_share=_OPENING_SHARE,
            width_share=_WIDTH_SHARE,
        )


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


class Recogniser:
    """Hears speech sounds in a piece of sound, freely."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder, get_model_path

        model = f"{get_model_path()}/en-us"
        self._decoder = Decoder(
            hmm=f"{model}/en-us",
            allphone=f"{model}/en-us-phone.lm.bin",
            lm=None,
            dict=None,
            lw=2.0,
            beam=1e-20,
            pbeam=1e-20,
            loglevel="FATAL",
        )

    def hear(self, sound: np.ndarray) -> list[Phone]:
        """The sounds in a piece of sound (n,), mono at 16 kHz; seconds from its beginning."""
        self._decoder.start_utt()
        self._decoder.process_raw(as_recognised(sound), no_search=False, full_utt=True)
        self._decoder.end_utt()
        return [
            Phone(part.word, HEARD_LATE + part.start_frame / 100, HEARD_LATE + (part.end_frame + 1) / 100)
            for part in self._decoder.seg() or ()
            if part.word in TARGETS  # the rest are noises
        ]


def recognise(samples: Samples, speaking: np.ndarray, progress: Progress) -> Iterator[Phone]:
    """Hear the speech sounds, a part of the speech at a time.

    samples:  (n,) mono at 16 kHz, in [-1, 1]
    speaking: (N,) bool; what is no speech isn't looked at
    """
    recogniser = Recogniser()
    seconds = -(-len(speaking) // RATE)
    for start, stop in speech_parts(speaking):
        progress(start // RATE, seconds)
        begin = start / RATE
        for name, since, till in recogniser.hear(samples[start * HOP : stop * HOP]):
            yield Phone(name, begin + since, begin + till)
    progress(seconds, seconds)


def as_recognised(sound: np.ndarray) -> bytes:
    """Sound (n,) as loud as a recogniser likes it, in 16 bits; the same always gives the same."""
    sound = finite(sound).astype(np.float32)
    sound *= 0.7 / max(float(np.abs(sound).max()), 1e-6)
    sound += np.random.default_rng(0).normal(scale=_DITHER, size=len(sound))
    return (sound * 32767).astype("<i2").tobytes()


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
