"""What every system of a comparison is given: the same stretch of clip and voice, as files."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import written_whole
from ..media.clip import Clip, part_of, written_as
from ..media.reader import open_clip, prefetch
from ..media.sound import SoundArray, SoundSource, SoundStream
from ..media.writer import VideoWriter
from ..times import exact_tick
from ..types import Progress, silent
from .kept import Kept, stamp
from .pairs import ClipAndVoice

SILENCE = Fraction(2)  # seconds, at most, of a silent voice


@dataclass(frozen=True, eq=False)
class Case:
    """One clip with one voice, as all systems are asked for it."""

    name: str
    protocol: str  # "another's voice", "own voice" or "silence"
    source: Path
    voice: Path
    pair: ClipAndVoice

    @property
    def folder(self) -> str:
        """Of the videos made for its protocol."""
        return self.protocol.replace("'", "").replace(" ", "_")


UNPAIRED, PAIRED, SILENT = "another's voice", "own voice", "silence"


def prepare_cases(
    pairs: list[ClipAndVoice], folder: Path, *, own_voice: bool, progress: Progress = silent
) -> list[Case]:
    """Cut what the pairs ask for, each stretch once. Raises InputError, OptionError.

    own_voice: also give each stretch of a clip its own voice
    """
    kept, cases, own = Kept(folder), list[Case](), dict[tuple[Any, ...], Case]()
    for number, pair in enumerate(pairs, 1):
        name = f"{number:05d}"
        source = _source(pair, folder / "inputs" / f"{name}.mkv", kept)
        voice = _voice(pair, folder / "inputs" / f"{name}.wav", kept)
        cases.append(Case(name, UNPAIRED, source, voice, pair))
        shown = (pair.video, pair.start, pair.seconds)
        if own_voice and shown not in own and open_clip(source).has_sound:
            own[shown] = Case(name, PAIRED, source, source, pair)
        progress(number, len(pairs))
    return [*cases, *own.values()]


def silent_case(case: Case, folder: Path) -> Case:
    """The same clip, and a voice that says nothing."""
    seconds = min(SILENCE, open_clip(case.source).end)
    silence = SoundArray(np.zeros((1, round(16_000 * seconds)), np.float32), 16_000)
    path = folder / "inputs" / f"{case.name}_silence.wav"
    _cut_once(path, Kept(folder), {"silence": str(seconds)}, lambda: write_wav(path, silence, seconds))
    return Case(case.name, SILENT, case.source, path, case.pair)


def _source(pair: ClipAndVoice, path: Path, kept: Kept) -> Path:
    """The stretch of the clip: the file itself where that is all of it."""
    clip = open_clip(pair.video)
    if not pair.start and (pair.seconds is None or pair.seconds >= clip.end):
        return pair.video
    key = {"of": stamp(pair.video), "from": str(pair.start), "for": str(pair.seconds)}
    _cut_once(path, kept, key, lambda: cut_clip(clip, pair.start, pair.seconds, path))
    return path


def _voice(pair: ClipAndVoice, path: Path, kept: Kept) -> Path:
    if not pair.voice_start and pair.seconds is None:
        return pair.voice
    seconds = pair.seconds
    if seconds is None:
        raise InputError(
            f"The pair of {pair.video.name} and {pair.voice.name} begins within the voice but has no length: "
            "give it seconds."
        )
    key = {"of": stamp(pair.voice), "from": str(pair.voice_start), "for": str(seconds)}
    _cut_once(path, kept, key, lambda: write_wav(path, pair.voice, seconds, pair.voice_start))
    return path


def _cut_once(path: Path, kept: Kept, key: Mapping[str, Any], cut: Callable[[], None]) -> None:
    """Cut an input, unless it lies there, cut from just this."""
    name = f"inputs/{path.name}"
    if kept.find(name, path, key) is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        cut()
        kept.keep(name, path, key, {})


def cut_clip(clip: Clip, start: Fraction, seconds: Fraction | None, output: Path) -> None:
    """Write a part of a clip losslessly, with its own sound where it has any.

    start, seconds: which frames, as `part_of` has it; the sound begins with the first of them
    """
    part = part_of(clip, start, seconds)
    begin = clip.times[part.first - clip.first]
    with VideoWriter(
        output,
        part.size,
        rate=part.rate,
        tick=exact_tick(part.times, part.end),
        codec="ffv1",
        bit_depth=part.bit_depth,
        color=part.color,
        sound=SoundStream(clip.path, begin, part.end) if clip.has_sound else None,
        pixel_aspect=part.pixel_aspect,
        interlacing=written_as(part),
        light=part.light,
    ) as writer:
        for frame, time, duration in zip(prefetch(part.frames()), part.times, part.durations, strict=True):
            writer.write(frame.pixels, time, duration)


def write_wav(path: Path, source: SoundSource, seconds: Fraction, start: Fraction = Fraction(0)) -> None:
    """Write a part of a sound as 16-bit WAV; where it ends earlier, silence follows. Raises InputError."""
    sound = SoundStream(source, start, seconds)
    with written_whole(path) as temporary, wave.open(os.fspath(temporary), "wb") as file:
        file.setnchannels(sound.channels)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        for chunk in sound:
            file.writeframes(np.rint(chunk * 32767).astype("<i2").T.tobytes())
