"""What every system of a comparison is given: the same stretch of clip and voice, as files."""

from __future__ import annotations

import os
import wave
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, RetalkError
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
    seconds: Fraction  # of the source

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
        source = _source(pair, name, folder, kept)
        voice = _voice(pair, folder / "inputs" / f"{name}.wav", kept)
        about = look_at_clip(f"{name}_source", source, kept)
        cases.append(Case(name, UNPAIRED, source, voice, pair, about.seconds))
        shown = (pair.video, pair.start, pair.seconds)
        if own_voice and shown not in own and about.has_sound:
            own[shown] = Case(name, PAIRED, source, source, pair, about.seconds)
        progress(number, len(pairs))
    return [*cases, *own.values()]


class AboutClip(NamedTuple):
    """What is asked about a clip again and again."""

    seconds: Fraction
    has_sound: bool
    moves: bool  # it isn't a single picture


def look_at_clip(name: str, path: Path, kept: Kept) -> AboutClip:
    """Open a clip, or remember what was seen when it was opened. Raises InputError where it can't be read.

    name: of the note, beside the file's own
    """

    def look() -> Mapping[str, Any]:
        clip = open_clip(path)
        return {"seconds": str(clip.end), "has_sound": clip.has_sound, "moves": not clip.is_still}

    found = kept.look(f"clips/{name}", path, look)
    return AboutClip(Fraction(found["seconds"]), bool(found["has_sound"]), bool(found["moves"]))


def shows_pictures(name: str, voice: Path, kept: Kept) -> bool:
    """Whether a voice comes with pictures that move."""
    try:
        return look_at_clip(name, voice, kept).moves
    except RetalkError:
        return False


def silent_case(case: Case, folder: Path) -> Case:
    """The same clip, and a voice that says nothing."""
    seconds = min(SILENCE, case.seconds)
    silence = SoundArray(np.zeros((1, round(16_000 * seconds)), np.float32), 16_000)
    path = folder / "inputs" / f"{case.name}_silence.wav"
    key = {"silence": str(seconds)}
    Kept(folder).make(f"inputs/{path.name}", path, key, lambda: write_wav(path, silence, seconds))
    return replace(case, protocol=SILENT, voice=path)


def _source(pair: ClipAndVoice, name: str, folder: Path, kept: Kept) -> Path:
    """The stretch of the clip: the file itself where that is all of it."""
    whole = look_at_clip(name, pair.video, kept).seconds
    if not pair.start and (pair.seconds is None or pair.seconds >= whole):
        return pair.video
    path = folder / "inputs" / f"{name}.mkv"
    key = {"of": stamp(pair.video), "from": str(pair.start), "for": str(pair.seconds)}

    def cut() -> None:
        cut_clip(open_clip(pair.video), pair.start, pair.seconds, path)

    kept.make(f"inputs/{path.name}", path, key, cut)
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
    kept.make(
        f"inputs/{path.name}", path, key, lambda: write_wav(path, pair.voice, seconds, pair.voice_start)
    )
    return path


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
