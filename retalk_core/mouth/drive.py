"""How a mouth would move to a voice: its opening and its width, a hundred times a second.

The level of the voice says how far the mouth opens, the speech sounds (where they can be recognised)
say which shape it takes: open for an A, rounded for an O, shut for a B. Sounds colour their
neighbours as in Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993). The
figures below are hand-set: tuned on half of a set of real and synthetic voices in a dozen languages
and checked on the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..errors import OptionError
from ..speech import SAMPLE_RATE
from ..types import Progress, silent

RATE = 100  # steps per second; step i stands for the hundredth that begins at i / RATE

_HOP = SAMPLE_RATE // RATE  # samples
_WINDOW = 400  # samples, 25 ms
_FFT = 512
_BLOCK = 20 * RATE  # steps analysed at a time, so that hours of sound need little memory
_SILENT_LEVEL = -110.0  # dB, stands for digital silence

_LOCAL = 30 * RATE  # steps: what is loud for this voice is judged within as long a window ...
_LOCAL_HOP = 5 * RATE  # ... that moves by this much, so that a change of speaker or of distance is followed
_GATE = -78.0  # dB; a sound that never gets louder is silence
_RANGE = 41.0  # dB from loud speech down to what counts as silent, at most
_NARROWEST = 20.0  # dB, at least, so that a monotonous voice doesn't gape
_SPEECH = 0.12  # the loudness from which on something is said
_PAUSE = 20  # steps without speech that make a pause
_WORD = 8  # steps; a shorter burst is a click

_KNEE = 0.15  # loudness that parts the lips
_CURVE = 0.75  # below 1: middling sounds open the mouth nearly as far as loud ones, as people do
_PHONES_SHARE = 0.4  # of the opening; more looks livelier but loses the beat of the voice
_STRETCH = 20 * RATE  # steps recognised in one go, at most
_DITHER = 1e-4  # noise for the recogniser, which mishears speech that stands in digital silence
_HEARD_LATE = 0.0078  # seconds from a recogniser's frame to the middle of the 25.6 ms it looked at
_OPENING_REACH = 0.04  # seconds over which a sound's opening colours its neighbours
_WIDTH_REACH = 0.08  # the same for its width: lips round early and stay round
_SHUT, _PARTING = 0.015, 0.03  # seconds: half the time lips stay together, and the time they take to part
_DIP = {"B": 0.25, "P": 0.25, "M": 0.15}  # how much softer than its neighbours a closure must be


@dataclass(frozen=True, eq=False)
class MouthDrive:
    """What a mouth does while a voice speaks: N steps, `RATE` to the second."""

    opening: np.ndarray  # (N,) float32 in 0..1; 0 is shut, 1 as far as this voice usually opens
    width: np.ndarray  # (N,) float32 in -1..1; -1 is rounded, 0 at rest, +1 spread
    loudness: np.ndarray  # (N,) float32 in 0..1; the voice's level between its pauses and its peaks
    speaking: np.ndarray  # (N,) bool; False in pauses
    closures: np.ndarray  # (K,) float64 seconds, rising, at which the lips meet for a B, P or M
    source: Literal["phones", "signal"]  # whether speech sounds were recognised, or only levels used

    def __len__(self) -> int:
        return len(self.opening)


def mouth_drive(
    samples: np.ndarray, *, phones: bool | None = None, progress: Progress = silent
) -> MouthDrive:
    """Work out how a mouth moves to a voice.

    samples:  (n,) mono at 16 kHz, in [-1, 1]; at least one. What isn't a number counts as silence.
    phones:   recognise speech sounds, which needs pocketsphinx and takes 5 % of the voice's length;
              it knows English sounds, which serve other languages too. None: where it is installed.
              Without them the opening follows the level, and the width the balance of the spectrum.
    progress: told how many of the voice's seconds are done; may raise to stop the work
    returns:  one step for each hundredth of a second that the voice touches

    The same samples always give the same result. Silence, steady noise and hum keep the mouth shut.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"A voice is one row of at least one sample, not {samples.shape}.")
    phones = _have_recogniser(phones)
    signal = _measure(samples)
    loudness = _loudness(signal.level)
    speaking = _speaking(loudness)
    opening, width = _shape_from_signal(signal, loudness)
    ceiling, shut, closures = np.ones_like(opening), np.zeros_like(opening), np.zeros(0)
    if phones:
        heard = list(_recognise(samples, speaking, progress))
        closures, lengths = _closures(heard, loudness)
        shut = _shut(closures, lengths, len(loudness))
        opening, width, ceiling = _shape_from_phones(heard, opening, width, loudness)
    opening = np.minimum(_natural_size(opening, speaking), ceiling) * (1 - shut)
    eased = gaussian_filter1d(speaking.astype(float), 2)  # exactly 0 from 80 ms after the last sound
    return MouthDrive(
        opening=(opening * eased).astype(np.float32),
        width=(width * eased).astype(np.float32),
        loudness=loudness.astype(np.float32),
        speaking=speaking,
        closures=closures,
        source="phones" if phones else "signal",
    )


def sample_drive(
    drive: MouthDrive, times: Sequence[Fraction | float], lead: float = 0.01
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the mouth does in each frame of a clip.

    times:   T frame times in seconds, when each frame appears, rising; at any rate, also a changing one
    lead:    seconds by which the lips go before the sound
    returns: opening (T,), width (T,), loudness (T,) float32 and speaking (T,) bool

    A frame shows what happens about the middle of its time on screen, and no motion faster than the
    frame rate can show. No closure of the lips is lost between two frames: the frame nearest to it is
    shut. Beyond the voice the mouth is at rest.
    """
    if not len(times):
        nothing = np.zeros(0, np.float32)
        return nothing, nothing, nothing, np.zeros(0, bool)
    starts = np.array([float(time) for time in times])
    spans = _time_on_screen(starts)
    middles = starts + spans / 2
    opening = _average(drive.opening, middles + lead, 0.35 * spans)
    opening[_nearest_frames(drive.closures - lead, middles, spans)] = 0
    width = _average(drive.width, middles + lead, 0.5 * spans)
    loudness = _average(drive.loudness, middles, 0.35 * spans)
    steps = np.floor(middles * RATE).astype(int)
    inside = (steps >= 0) & (steps < len(drive))
    speaking = inside & drive.speaking[steps.clip(0, len(drive) - 1)]
    return opening, width, loudness, speaking


def _time_on_screen(starts: np.ndarray) -> np.ndarray:
    """How long each frame is shown, (T,) seconds; a lone frame is taken for one of 25 a second."""
    if len(starts) == 1:
        return np.full(1, 0.04)
    gaps = np.diff(starts)
    return np.append(gaps, gaps[-1]).clip(0.008, 0.08)  # a picture held for long shows its first moment


def _average(values: np.ndarray, centres: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Gaussian means (T,) of a track of steps about moments in seconds; the track is 0 beyond its ends."""
    reach = int(np.ceil(3 * sigmas.max() * RATE)) + 1
    steps = np.floor(centres * RATE).astype(int)[:, None] + np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (((steps + 0.5) / RATE - centres[:, None]) / sigmas[:, None]) ** 2)
    inside = (steps >= 0) & (steps < len(values))
    around = np.where(inside, values[steps.clip(0, len(values) - 1)], 0)
    return ((weights * around).sum(1) / weights.sum(1)).astype(np.float32)


def _nearest_frames(moments: np.ndarray, middles: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """The indices of the frames that show these moments; none for a moment that no frame shows."""
    after = np.searchsorted(middles, moments).clip(0, len(middles) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(moments - middles[before] < middles[after] - moments, before, after)
    return nearest[np.abs(middles[nearest] - moments) <= spans[nearest]]


# --- what can be measured


class _Signal(NamedTuple):
    level: np.ndarray  # (N,) dB of the power between 125 and 4000 Hz; -3 for the loudest possible sine
    jaw: np.ndarray  # (N,) Hz, centroid about the first formant: high when the jaw is low
    spread: np.ndarray  # (N,) Hz, centroid about the second formant: low when the lips are rounded


def _measure(samples: np.ndarray) -> _Signal:
    """Level and spectral balance of each step."""
    steps = -(-len(samples) // _HOP)
    window = np.hanning(_WINDOW + 1)[:-1]
    frequency = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    level, jaw, spread = np.empty((3, steps))
    for start in range(0, steps, _BLOCK):
        stop = min(start + _BLOCK, steps)
        power = np.abs(np.fft.rfft(_windows(samples, start, stop) * window, _FFT)) ** 2
        power *= 2 / (_FFT * np.square(window).sum())  # now its sum is the samples' mean square
        speech = power[:, (frequency >= 125) & (frequency <= 4000)].sum(1)
        level[start:stop] = 10 * np.log10(speech + 10 ** (_SILENT_LEVEL / 10))
        jaw[start:stop] = _centroid(power, frequency, 200, 1100)
        spread[start:stop] = _centroid(power, frequency, 900, 2800)
    return _Signal(level, jaw, spread)


def _windows(samples: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The 25 ms (stop - start, 400) about the middle of each step; silence beyond the ends."""
    left = start * _HOP + (_HOP - _WINDOW) // 2
    right = left + (stop - 1 - start) * _HOP + _WINDOW
    inside = _finite(samples[max(left, 0) : right]).astype(np.float64)
    padded = np.pad(inside, (max(-left, 0), max(right - len(samples), 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]


def _finite(samples: np.ndarray) -> np.ndarray:
    return np.nan_to_num(samples, nan=0, posinf=1, neginf=-1)


def _centroid(power: np.ndarray, frequency: np.ndarray, low: float, high: float) -> np.ndarray:
    """The mean frequency (N,) in Hz of a band of power spectra (N, bins); its middle for silence."""
    band = (frequency >= low) & (frequency <= high)
    inside = power[:, band] + 1e-14
    return inside @ frequency[band] / inside.sum(1)


def _locally(steps: int, judge: Callable[[slice], tuple[float, ...]]) -> tuple[np.ndarray, ...]:
    """Figures judged within windows of half a minute, as tracks (N,) that change slowly in between."""
    starts = range(0, max(steps - _LOCAL, 0) + _LOCAL_HOP, _LOCAL_HOP)
    windows = [slice(start, min(start + _LOCAL, steps)) for start in starts]
    middles = [(window.start + window.stop) / 2 for window in windows]
    figures = zip(*(judge(window) for window in windows), strict=True)
    return tuple(np.interp(np.arange(steps), middles, figure) for figure in figures)


def _loudness(level: np.ndarray) -> np.ndarray:
    """How loud each step is for this voice, (N,) in 0..1; 0 in silence and in steady noise."""
    high, floor, flutter = _locally(len(level), lambda window: _usual_levels(level[window]))
    # Noise flutters by 0.5 dB, rustling by 1 and speech by 3 to 10. The quieter, the more is asked for.
    least = np.interp(high, (-60, -45), (3.0, 1.5))
    alive = np.clip((flutter - least) / 0.7, 0, 1) * (high > _GATE)
    high = np.maximum(high, high.max() - 20)  # half a minute of pause isn't a soft voice
    low = np.maximum(high - _RANGE, 0.9 * floor + 0.1 * high)
    low = np.minimum(low, high - _NARROWEST)
    low = np.maximum(low, np.minimum(floor + 3, high - 4))  # noise under the voice stays below
    loudness = np.clip((level - low) / (high - low), 0, 1) * alive
    return gaussian_filter1d(loudness, 1.2)


def _usual_levels(level: np.ndarray) -> tuple[float, float, float]:
    """The level of loud speech, that of the background, and how much the level flutters, in dB."""
    top = float(np.percentile(level, 99.5))
    sounding = level >= top - 50
    soft = float(np.percentile(level[sounding], 4))
    high = float(np.percentile(level[level >= max(top - 25, soft)], 90))
    heard = np.maximum(level, top - 50)
    flutter = np.abs(heard - gaussian_filter1d(heard, 25))
    peaks = level >= max(top - 25, (top + soft) / 2)
    nearby = maximum_filter1d(peaks.astype(np.uint8), 31).astype(bool)
    return high, float(np.percentile(level, 4)), float(np.median(flutter[nearby & sounding]))


def _speaking(loudness: np.ndarray) -> np.ndarray:
    """Where something is said, (N,) bool: gaps within words and clicks are bridged."""
    speaking = np.zeros(len(loudness), bool)
    runs = _runs(loudness > _SPEECH)
    for (_, stop), (start, _) in pairwise(runs):
        speaking[stop:start] = start - stop < _PAUSE
    speaking |= loudness > _SPEECH
    for start, stop in _runs(speaking):
        speaking[start:stop] = stop - start >= min(_WORD, len(loudness))
    return speaking


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of True."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _shape_from_signal(signal: _Signal, loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opening and width (N,) from level and spectral balance alone."""
    jaw = _relative(gaussian_filter1d(signal.jaw, 2), loudness)
    spread = _relative(gaussian_filter1d(signal.spread, 4), loudness)
    opening = np.clip((loudness - _KNEE) / (1 - _KNEE), 0, 1) * (0.9 + 0.1 * jaw)
    width = 0.6 * spread * np.clip(2 * loudness - 0.5, 0, 1)
    return opening, gaussian_filter1d(width, 4)


def _relative(frequency: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Frequencies against what is usual for this voice, (N,) in -1..1."""

    def usual(window: slice) -> tuple[float, ...]:
        voiced = frequency[window][loudness[window] > 0.3]
        return tuple(np.percentile(voiced, (10, 50, 90))) if len(voiced) > RATE // 2 else everywhere

    voiced = frequency[loudness > 0.3]
    everywhere = tuple(np.percentile(voiced if len(voiced) else frequency, (10, 50, 90)))
    low, middle, high = _locally(len(frequency), usual)
    return np.clip((frequency - middle) / np.maximum(high - low, 50), -1, 1)


def _natural_size(opening: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    """Stretched so that this voice's wide openings are wide; without it the mouth mumbles."""
    if not speaking.any():
        return np.zeros_like(opening)

    def wide(window: slice) -> tuple[float]:
        spoken = opening[window][speaking[window]]
        return (float(np.percentile(spoken, 92)) if len(spoken) > RATE // 2 else everywhere,)

    everywhere = float(np.percentile(opening[speaking], 92))
    (usual,) = _locally(len(opening), wide)
    return np.clip(opening / np.maximum(usual, 0.2), 0, 1) ** _CURVE


# --- what can be recognised


class _Target(NamedTuple):
    """What the lips want during one speech sound."""

    opening: float
    width: float
    opening_weight: float = 1.0  # against the sounds before and after it
    width_weight: float = 1.0
    ceiling: float = 1.0  # however loud the voice, no wider


# fmt: off
_TARGETS: dict[str, tuple[_Target, ...]] = {  # diphthongs go from one target to another
    "AA": (_Target(1, .1),), "AE": (_Target(.9, .5),), "AH": (_Target(.6, 0),),
    "AO": (_Target(.8, -.5, 1, 1.5),), "EH": (_Target(.7, .4),), "ER": (_Target(.4, -.4),),
    "IH": (_Target(.45, .4),), "IY": (_Target(.4, .8),), "UH": (_Target(.4, -.6, 1, 1.5, .8),),
    "UW": (_Target(.3, -1, 1.5, 3, .45),),
    "AW": (_Target(.95, .2), _Target(.4, -.8, 1, 2, .7)), "AY": (_Target(.95, .1), _Target(.4, .6)),
    "EY": (_Target(.6, .5), _Target(.4, .7)),
    "OW": (_Target(.6, -.7, 1, 2, .85), _Target(.35, -.95, 1.5, 2.5, .65)),
    "OY": (_Target(.65, -.7, 1, 2), _Target(.45, .5)),
    "B": (_Target(0, 0, 4, .5),), "P": (_Target(0, 0, 4, .5),), "M": (_Target(0, 0, 4, .5),),
    "F": (_Target(.08, .15, 2.5, 1, .25),), "V": (_Target(.08, .15, 2.5, 1, .25),),
    "S": (_Target(.2, .4),), "Z": (_Target(.2, .4),),
    "SH": (_Target(.27, -.45),), "ZH": (_Target(.27, -.45),),
    "CH": (_Target(.27, -.45),), "JH": (_Target(.27, -.45),),
    "TH": (_Target(.28, .1),), "DH": (_Target(.28, .1),),
    "T": (_Target(.26, .1, .6, .6),), "D": (_Target(.26, .1, .6, .6),), "N": (_Target(.26, .1, .6, .6),),
    "L": (_Target(.4, .1),), "K": (_Target(.3, 0, .4, .4),), "G": (_Target(.3, 0, .4, .4),),
    "NG": (_Target(.3, 0, .4, .4),), "R": (_Target(.3, -.5),), "W": (_Target(.15, -1, 1.5, 3, .45),),
    "Y": (_Target(.3, .6),), "HH": (_Target(.4, 0, .2, .1),), "SIL": (_Target(0, 0),),
}
# fmt: on


class _Phone(NamedTuple):
    name: str  # a key of _TARGETS
    start: float  # seconds
    stop: float


def _have_recogniser(wanted: bool | None) -> bool:
    if wanted is False:
        return False
    installed = find_spec("pocketsphinx") is not None
    if wanted and not installed:
        raise OptionError(
            "Speech sounds were to be recognised, but pocketsphinx isn't installed. Install it, or leave the "
            "choice open: the mouth then follows the voice's level."
        )
    return installed


def _recognise(samples: np.ndarray, speaking: np.ndarray, progress: Progress) -> Iterator[_Phone]:
    """Hear the speech sounds, a stretch of speech at a time."""
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
    for start, stop in _stretches(speaking):
        progress(start // RATE, seconds)
        sound = _finite(samples[start * _HOP : stop * _HOP]).astype(np.float32)
        sound *= 0.7 / max(float(np.abs(sound).max()), 1e-6)
        sound += rng.normal(scale=_DITHER, size=len(sound))
        decoder.start_utt()
        decoder.process_raw((sound * 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        begin = start / RATE + _HEARD_LATE
        for heard in decoder.seg() or ():
            if heard.word in _TARGETS:  # the rest are noises
                yield _Phone(heard.word, begin + heard.start_frame / 100, begin + (heard.end_frame + 1) / 100)
    progress(seconds, seconds)


def _stretches(speaking: np.ndarray) -> Iterator[tuple[int, int]]:
    """Steps [start, stop) that hold all the speech, none too long, cut in pauses where there are any."""
    margin = _PAUSE // 2  # a recogniser wants to hear a little silence about the words
    joined: tuple[int, int] | None = None
    for start, stop in _runs(speaking):
        start, stop = max(start - margin, 0), min(stop + margin, len(speaking))
        if joined and stop - joined[0] <= _STRETCH:
            joined = (joined[0], stop)
            continue
        if joined:
            yield joined
        for cut in range(start, stop - _STRETCH, _STRETCH):  # speech that never pauses
            yield cut, cut + _STRETCH
            start = cut + _STRETCH
        joined = (start, stop)
    if joined:
        yield joined


def _shape_from_phones(
    heard: list[_Phone], opening: np.ndarray, width: np.ndarray, loudness: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Opening, width and the ceiling of the opening (N,): what was heard mixed into what was measured."""
    wanted = _blend_targets(heard, len(loudness))
    size = np.clip((loudness - 0.1) / 0.7, 0, 1)
    said = wanted.opening * (0.25 + 0.75 * size) * np.clip(3 * size, 0, 1)
    share = _PHONES_SHARE * wanted.known
    opening = share * said + (1 - share) * opening
    said = 0.9 * wanted.width * np.clip(3 * loudness, 0, 1)
    width = 0.8 * wanted.known * said + (1 - 0.8 * wanted.known) * width
    return opening, np.clip(gaussian_filter1d(width, 3), -1, 1), wanted.ceiling


class _Wanted(NamedTuple):
    opening: np.ndarray  # (N,) 0..1
    width: np.ndarray  # (N,) -1..1
    ceiling: np.ndarray  # (N,) 0..1
    known: np.ndarray  # (N,) 0..1; 0 where nothing was recognised nearby


def _blend_targets(heard: list[_Phone], steps: int) -> _Wanted:
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
    return _Wanted(opening, width, 1 - lowered, pull[0].clip(0, 1))


def _closures(heard: list[_Phone], loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When the lips meet, where the voice is softest during a B, P or M, and how long that sound is.

    Both are (K,) in seconds.
    """
    moments, lengths = [], []
    for phone in heard:
        first, last = int(phone.start * RATE), min(int(phone.stop * RATE), len(loudness))
        if phone.name not in _DIP or first >= last:
            continue
        softest = first + int(loudness[first:last].argmin())
        around = loudness[max(first - 8, 0) : last + 8]
        if loudness[softest] <= around.max() - _DIP[phone.name]:  # else it was misheard: lips muffle
            moments.append((softest + 0.5) / RATE)
            lengths.append(phone.stop - phone.start)
    return np.array(moments, np.float64), np.array(lengths, np.float64)


def _shut(closures: np.ndarray, lengths: np.ndarray, steps: int) -> np.ndarray:
    """How far closures keep the lips together, (N,) in 0..1; in hurried speech they part sooner."""
    if not len(closures):
        return np.zeros(steps)
    time = (np.arange(steps) + 0.5) / RATE
    pace = np.clip(lengths / 0.1, 0.4, 1)
    after = np.searchsorted(closures, time).clip(0, len(closures) - 1)
    before = (after - 1).clip(0)
    distance = np.minimum(*(np.abs(closures[index] - time) / pace[index] for index in (before, after)))
    return np.clip(1 - (distance - _SHUT) / _PARTING, 0, 1)
