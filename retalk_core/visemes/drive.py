"""How a mouth would move to a voice: its opening and its width, a hundred times a second.

The level of the voice says how far the mouth opens, the speech sounds (where they can be recognised)
say which shape it takes: open for an A, rounded for an O, shut for a B. Sounds colour their
neighbours as in Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993). The
figures below are hand-set: tuned on half of a set of real and synthetic voices in a dozen languages
and checked on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..types import Progress, Samples, silent
from .closures import shut_by
from .listener import HeardLips
from .phones import have_recogniser
from .signal import HOP, RATE, Signal, find_speech, judge_loudness, locally, measure_signal
from .sources import Heard, Source, SourceName, Unheard, Wanted
from .text.languages import AUTO
from .text.source import Told
from .text.transcript import parse_transcript, shifted

_KNEE = 0.15  # loudness that parts the lips
_CURVE = 0.9  # below 1: middling sounds open the mouth further; half the time beyond half, as people do

_NEARLY = 0.01  # seconds; a frame so near a closure is within it, so that it shows on two at 25 a second


@dataclass(frozen=True, eq=False)
class MouthDrive:
    """What a mouth does while a voice speaks: N steps, `RATE` to the second."""

    opening: np.ndarray  # (N,) float32 in 0..1; 0 is shut, 1 as far as this voice usually opens
    width: np.ndarray  # (N,) float32 in -1..1; -1 is rounded, 0 at rest, +1 spread
    loudness: np.ndarray  # (N,) float32 in 0..1; the voice's level between its pauses and its peaks
    speaking: np.ndarray  # (N,) bool; False in pauses
    closures: np.ndarray  # (K, 2) float64 seconds, rising; from when to when the lips are together
    source: SourceName  # what told the shapes; "signal": the level alone
    notes: tuple[str, ...] = ()  # why a better source wasn't used

    def __len__(self) -> int:
        return len(self.opening)


def mouth_drive(
    samples: Samples,
    *,
    transcript: str = "",
    language: str = AUTO,
    within: tuple[float, float] | None = None,
    phones: bool | None = None,
    progress: Progress = silent,
) -> MouthDrive:
    """Work out how a mouth moves to a voice.

    samples:  (n,) mono at 16 kHz, in [-1, 1]; at least one. What isn't a number counts as silence. They are
              read in blocks, in rising order.
    transcript: what the voice says: plain text, or the content of an SRT or VTT file, whose times count from
              the first sample. Pocketsphinx finds its words in the voice; where it can't, `notes` says so.
    within:   where in the voice that the transcript is of the samples begin, and how long that voice is, in
              seconds. None: they are all of it
    language: of the transcript, one of `text.languages.LANGUAGES`, or "auto"
    phones:   listen for speech sounds, and let pocketsphinx confirm them, which takes 5 % of the voice's
              length. None: where it is installed. False: the opening follows the level, and the width
              the balance of the spectrum.
    progress: told how many of the voice's seconds are done; may raise to stop the work
    returns:  one step for each hundredth of a second that the voice touches

    The same samples always give the same result. Silence, steady noise and hum keep the mouth shut.
    """
    shape = samples.shape if isinstance(samples, np.ndarray) else (len(samples),)
    if len(shape) != 1 or not shape[0]:
        raise ValueError(f"A voice is one row of at least one sample, not {shape}.")
    signal = measure_signal(samples)
    loudness = judge_loudness(signal.level)
    heard = Heard(samples, loudness, find_speech(loudness))
    opening, width = _shape_from_signal(signal, loudness)
    source, wanted, notes = _ask(
        _sources(transcript, language, _Part.of(within, len(samples)), phones), heard, progress
    )
    ceiling, closures = np.ones_like(opening), np.zeros((0, 2))
    if wanted is not None:
        opening, width = _mixed(wanted, opening, width, loudness)
        ceiling, closures = wanted.ceiling, wanted.closures
    opening = np.minimum(_natural_size(opening, heard.speaking), ceiling)
    opening *= 1 - shut_by(closures, len(opening))
    eased = gaussian_filter1d(heard.speaking.astype(float), 2)  # exactly 0 from 80 ms after the last sound
    return MouthDrive(
        opening=(opening * eased).astype(np.float32),
        width=(width * eased).astype(np.float32),
        loudness=loudness.astype(np.float32),
        speaking=heard.speaking,
        closures=closures,
        source=source,
        notes=notes,
    )


class _Part(NamedTuple):
    """Which part of a voice is heard."""

    start: float  # seconds
    shares: tuple[float, float]  # from where to where, in 0..1

    @classmethod
    def of(cls, within: tuple[float, float] | None, samples: int) -> _Part:
        if within is None:
            return cls(0.0, (0.0, 1.0))
        start, whole = within
        end = start + samples / (RATE * HOP)
        return cls(start, (min(start / whole, 1.0), min(end / whole, 1.0)))


def _sources(transcript: str, language: str, part: _Part, phones: bool | None) -> list[Source]:
    """What can tell the shapes, best first; where none can, the level alone does. Raises OptionError."""
    sources: list[Source] = []
    cues = parse_transcript(transcript)
    if cues and phones is not False:
        sources.append(Told(shifted(cues, -part.start), language, part.shares))
    if phones is not False:
        sources.append(HeardLips(phones=have_recogniser(phones)))
    return sources


def _ask(
    sources: Sequence[Source], heard: Heard, progress: Progress
) -> tuple[SourceName, Wanted | None, tuple[str, ...]]:
    """What the best source that can tell wants, its name, and what is to be said of those that can't.

    Where it isn't sure, the next one is asked.
    """
    name: SourceName = "signal"
    found: Wanted | None = None
    notes: list[str] = []
    for source in sources:
        try:
            wanted = source.wanted(heard, progress)
        except Unheard as why:
            notes += [str(why)] if str(why) else []
            continue
        name, found = (source.name, wanted) if found is None else (name, found.where_trusted(wanted))
        if found.trusted is None or found.trusted[heard.speaking].all():
            break
    return name, found, (*notes, *(found.notes if found else ()))


def sample_drive(
    drive: MouthDrive, times: Sequence[Fraction | float], lead: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the mouth does in each frame of a clip.

    times:   T frame times in seconds, when each frame appears, rising; at any rate, also a changing one
    lead:    seconds by which the lips go before the sound
    returns: opening (T,), width (T,), loudness (T,) float32 and speaking (T,) bool

    A frame shows what happens about the middle of its time on screen, and no motion faster than the
    frame rate can show. The lips are wholly shut in every frame within a closure, and in the frame nearest
    to one that would be lost between two frames. Beyond the voice the mouth is at rest.
    """
    if not len(times):
        nothing = np.zeros(0, np.float32)
        return nothing, nothing, nothing, np.zeros(0, bool)
    starts = np.array([float(time) for time in times])
    spans = _time_on_screen(starts)
    middles = starts + spans / 2
    opening = _average(drive.opening, middles + lead, 0.35 * spans)
    opening[_frames_within(drive.closures - lead, middles, spans)] = 0
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


def _frames_within(closures: np.ndarray, middles: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Which frames (T,) are within closures (K, 2), or show one that is within none; bool."""
    within = np.zeros(len(middles), bool)
    for start, stop in closures:
        first, last = np.searchsorted(middles, (start - _NEARLY, stop + _NEARLY))
        if first < last:
            within[first:last] = True
            continue
        away = np.abs(middles - (start + stop) / 2)
        nearest = int(away.argmin())
        within[nearest] |= away[nearest] <= spans[nearest]
    return within


def _shape_from_signal(signal: Signal, loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    low, middle, high = locally(len(frequency), usual)
    return np.clip((frequency - middle) / np.maximum(high - low, 50), -1, 1)


def _natural_size(opening: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    """Stretched so that this voice's wide openings are wide; without it the mouth mumbles."""
    if not speaking.any():
        return np.zeros_like(opening)

    def wide(window: slice) -> tuple[float]:
        spoken = opening[window][speaking[window]]
        return (float(np.percentile(spoken, 92)) if len(spoken) > RATE // 2 else everywhere,)

    everywhere = float(np.percentile(opening[speaking], 92))
    (usual,) = locally(len(opening), wide)
    return np.clip(opening / np.maximum(usual, 0.2), 0, 1) ** _CURVE


def _mixed(
    wanted: Wanted, opening: np.ndarray, width: np.ndarray, loudness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Opening and width (N,): what is said mixed into what was measured."""
    size = np.clip((loudness - 0.1) / 0.7, 0, 1)
    said = wanted.opening * (0.25 + 0.75 * size) * np.clip(3 * size, 0, 1)
    share = wanted.opening_share * wanted.known
    opening = share * said + (1 - share) * opening
    said = 0.9 * wanted.width * np.clip(3 * loudness, 0, 1)
    share = wanted.width_share * wanted.known
    width = share * said + (1 - share) * width
    return opening, np.clip(gaussian_filter1d(width, 3), -1, 1)
