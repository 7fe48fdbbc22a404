"""Which clip speaks with which voice: drawn from a folder of talking videos, kept as a table."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..errors import InputError, OptionError, RetalkError
from ..files import write_file
from ..judging.corpus.features import VIDEOS
from ..media.reader import open_clip
from ..times import parse_time
from ..types import Progress, silent

_COLUMNS = ("video", "voice", "start", "voice_start", "seconds")
_GRID = 25  # stretches begin at whole frames of this rate
_NO_TABLE = "is no table of pairs: give it the columns video and voice, one pair a line."


@dataclass(frozen=True)
class ClipAndVoice:
    """What is shown, and what it shall say."""

    video: Path
    voice: Path  # a sound, or a video whose sound is taken
    start: Fraction = Fraction(0)  # seconds, in the video
    voice_start: Fraction = Fraction(0)  # seconds, in the voice
    seconds: Fraction | None = None  # of both; None: all of the voice, the picture going to and fro
    # Finished videos of systems that don't run here, by the system's name
    finished: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Talking:
    """A video in which somebody talks."""

    path: Path
    seconds: Fraction


@dataclass(frozen=True)
class TalkingFolder:
    """What a folder has for pairs."""

    talking: tuple[Talking, ...]
    left_out: tuple[str, ...]  # which videos aren't taken, and why


def find_talking(folder: Path, progress: Progress = silent) -> TalkingFolder:
    """The videos with sound in a folder and in those below it. Raises InputError where there are no two."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one that holds talking videos.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEOS)
    talking, left_out = list[Talking](), list[str]()
    for number, path in enumerate(paths, 1):
        try:
            clip = open_clip(path)
        except RetalkError as error:
            left_out.append(f"{path.name}: {error}")
        else:
            if clip.has_sound and not clip.is_still:
                talking.append(Talking(path, clip.end))
            else:
                left_out.append(
                    f"{path.name}: it has no {'pictures that move' if clip.is_still else 'sound'}"
                )
        progress(number, len(paths))
    if len(talking) < 2:
        why = f" ({'; '.join(left_out[:3])})" if left_out else ""
        raise InputError(
            f"{folder} holds {len(talking)} talking videos{why}: pairs need at least two, since each speaks "
            "with the voice of another one."
        )
    return TalkingFolder(tuple(talking), tuple(left_out))


def draw_pairs(
    talking: Sequence[Talking], count: int, seconds: Fraction | None, seed: int = 0
) -> list[ClipAndVoice]:
    """Give clips the voices of other clips; no pair comes twice.

    count:   of pairs; where the clips make fewer, all that they make
    seconds: of each pair, from a random place in both; None: clip and voice at their own length
    seed:    the same clips and the same seed give the same pairs
    raises:  OptionError where fewer than two clips are long enough

    Each clip is shown, and heard, as often as any other or once more.
    """
    if count < 1 or (seconds is not None and seconds <= 0):
        raise OptionError("A comparison needs at least one pair, and pairs a length above 0.")
    long_enough = [each for each in talking if seconds is None or each.seconds >= seconds]
    if len(long_enough) < 2:
        assert seconds is not None
        raise OptionError(
            f"{len(long_enough)} of {len(talking)} videos last {float(seconds):g} s or longer, and pairs "
            "need two: ask for a shorter time with --seconds."
        )
    chance = random.Random(seed)
    order = list(long_enough)
    chance.shuffle(order)
    steps = list(range(1, len(order)))  # to whose voice it is; each step gives every clip and voice once
    chance.shuffle(steps)
    chosen = [(place, (place + step) % len(order)) for step in steps for place in range(len(order))][:count]
    return [_paired(order[one], order[other], seconds, chance) for one, other in chosen]


def _paired(shown: Talking, heard: Talking, seconds: Fraction | None, chance: random.Random) -> ClipAndVoice:
    if seconds is None:
        return ClipAndVoice(shown.path, heard.path)
    starts = [
        Fraction(chance.randint(0, int((each.seconds - seconds) * _GRID)), _GRID) for each in (shown, heard)
    ]
    return ClipAndVoice(shown.path, heard.path, starts[0], starts[1], seconds)


def write_pairs(path: Path, pairs: Sequence[ClipAndVoice]) -> None:
    """Write pairs as a table of commas; names of files are told from where the table lies, where they can be.

    Raises InputError.
    """
    systems = list(dict.fromkeys(name for pair in pairs for name in pair.finished))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_COLUMNS, *systems])
    base = path.resolve().parent
    for pair in pairs:
        times = (pair.start, pair.voice_start, pair.seconds)
        files = [_told_from(base, pair.video), _told_from(base, pair.voice)]
        finished = [
            _told_from(base, pair.finished[name]) if name in pair.finished else "" for name in systems
        ]
        table.writerow([*files, *("" if each is None else f"{float(each):.6g}" for each in times), *finished])
    write_file(path, text.getvalue().encode())


def _told_from(base: Path, path: Path) -> str:
    import os

    try:
        return Path(os.path.relpath(path.resolve(), base)).as_posix()
    except ValueError:  # on another drive
        return str(path.resolve())


def read_pairs(path: Path) -> list[ClipAndVoice]:
    """Read a table of pairs; columns beyond the known ones are systems, with finished videos of theirs.

    Raises InputError, OptionError for a time that is none.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read as text: name a table of pairs (CSV).") from error
    lines = list(csv.reader(io.StringIO(text)))
    header = [word.strip() for word in lines[0]] if lines else []
    if not {"video", "voice"} <= set(header) or len(set(header)) < len(header):
        raise InputError(f"{path} {_NO_TABLE}")
    pairs = [
        _read_pair(path, number, dict(zip(header, map(str.strip, line), strict=False)))
        for number, line in enumerate(lines[1:], 2)
        if any(word.strip() for word in line)
    ]
    if not pairs:
        raise InputError(f"{path} holds no pair: give it a line for each, with a video and a voice.")
    return pairs


def _read_pair(table: Path, number: int, words: Mapping[str, str]) -> ClipAndVoice:
    if not words.get("video") or not words.get("voice"):
        raise InputError(f"{table}, line {number}, names no video or no voice: give both.")
    times = {name: parse_time(words[name]) for name in _COLUMNS[2:] if words.get(name)}
    seconds = times.get("seconds")
    if seconds is not None and seconds <= 0:
        raise OptionError(
            f"{table}, line {number}: a pair of 0 seconds shows nothing. Leave it empty for all."
        )
    return ClipAndVoice(
        video=_existing(table, number, words["video"]),
        voice=_existing(table, number, words["voice"]),
        start=times.get("start", Fraction(0)),
        voice_start=times.get("voice_start", Fraction(0)),
        seconds=seconds,
        finished={name: _existing(table, number, each) for name, each in _systems(words) if each},
    )


def _systems(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, each) for name, each in words.items() if name and name not in _COLUMNS)


def _existing(table: Path, number: int, word: str) -> Path:
    found = table.parent / word  # an absolute name stays what it is
    if not found.is_file():
        raise InputError(
            f"{table}, line {number}: there is no file {word}. Names are told from the table's folder."
        )
    return found
