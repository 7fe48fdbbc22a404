"""What is said, as a user has it: plain text, or subtitles (SRT, VTT) with times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError

_MOST_BYTES = 20_000_000  # a day of speech has one
_CLOCK = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}|\[[^\]]*\]|[♪♫]")  # tags, placements, sounds that aren't speech
_ASIDE = re.compile(r"\([^)]*\)")  # in subtitles a sound or who speaks


class Cue(NamedTuple):
    """A piece of what is said, and when, where that is known."""

    text: str
    start: float | None = None  # seconds
    stop: float | None = None


def read_transcript(path: Path) -> str:
    """A transcript's text, to be parsed by `parse_transcript`. Raises InputError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path} is too large for a transcript: choose a text, SRT or VTT file.")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}). Check the path.") from error
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} isn't UTF-8 text: save the transcript as UTF-8.") from error
    if "\0" in text:
        raise InputError(f"{path} is no text: choose a text, SRT or VTT file.")
    if not any(character.isalnum() for character in text):
        raise InputError(
            f"{path} holds no words: write down what the voice says, or leave the transcript out."
        )
    return text


def parse_transcript(text: str) -> tuple[Cue, ...]:
    """Cues in the order of their times; plain text is one cue without times.

    text: plain text, or the content of an SRT or a VTT file; told apart by lines with two times and an arrow
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff").split("\n")
    starts = [index for index, line in enumerate(lines) if _TIMES.match(line)]
    if not starts:
        return (Cue(_MARKUP.sub(" ", text)),) if text.strip() else ()
    cues = []
    for start, following in zip(starts, [*starts[1:], len(lines) + 1], strict=True):
        spoken = _words_below(lines[start + 1 : following - 1])
        if spoken:
            begin, end = _times_of(lines[start])
            cues.append(Cue(spoken, begin, max(begin, end)))
    return tuple(sorted(cues, key=lambda cue: cue.start or 0.0))


def shifted(cues: Iterable[Cue], seconds: float) -> tuple[Cue, ...]:
    """Cues whose times are later by some seconds; those that end before 0 are left out."""
    moved = (
        cue
        if cue.start is None or cue.stop is None
        else Cue(cue.text, cue.start + seconds, cue.stop + seconds)
        for cue in cues
    )
    return tuple(cue for cue in moved if cue.stop is None or cue.stop > 0)


def _words_below(lines: list[str]) -> str:
    """A cue's words: the lines up to an empty one; what follows is a note, a style or the next one's name."""
    spoken: list[str] = []
    for line in lines:
        if not line.strip():
            break
        spoken.append(line)
    return _ASIDE.sub(" ", _MARKUP.sub(" ", " ".join(spoken))).strip()


def _times_of(line: str) -> tuple[float, float]:
    found = _TIMES.match(line)
    assert found is not None
    parts = found.groups(default="0")
    return _seconds(parts[:4]), _seconds(parts[4:])


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds, thousandths = parts
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds) + int(thousandths.ljust(3, "0")) / 1000
