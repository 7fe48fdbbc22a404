"""Make a study: a folder to hand out, with a page and nameless videos, and a key that stays at home."""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..dub.session import StageProgress, quiet
from ..errors import InputError, OptionError
from ..files import write_file
from ..places import check_place
from ..types import Progress
from .orders import draw_sheets
from .page import PAGE_NAME, write_page
from .results import RatedClip, Results
from .stimuli import Change, asking, common_end, spoiled, write_stimulus

MEDIA_FOLDER = "videos"
HIDDEN_REFERENCE, BAD_ANCHOR, ATTENTION_CHECK = "reference", "anchor", "check"
MOST_CHECKS = 20
STUDY_FORM = "retalk study 1"
_NAME_BYTES = 6


@dataclass(frozen=True)
class Stimulus:
    """One video of a study."""

    name: str  # of its file, without a meaning
    clip: str
    system: str  # its name, or "reference", "anchor" or "check"
    expected: Mapping[str, int]  # of a check: the answers to be chosen


@dataclass(frozen=True)
class Study:
    """A study that was made."""

    folder: Path
    key: Path
    stimuli: tuple[Stimulus, ...]
    seconds: float  # that one person looks at


def make_study(
    results: Results,
    folder: Path,
    key: Path,
    *,
    checks: int = 2,
    seed: int = 0,
    progress: StageProgress = quiet,
) -> Study:
    """Write a study's page and videos, and its key.

    folder: to be handed out; it must be empty, or not there yet
    key:    which video is whose; outside of the folder
    checks: videos that say which answers to choose
    raises: InputError, OptionError

    Besides the systems' videos each clip comes as it is with its own voice (the hidden reference) and blurred
    with the other voice (the bad anchor). Names of files are drawn anew each time.
    """
    _refuse(folder, key, checks)
    (folder / MEDIA_FOLDER).mkdir(parents=True, exist_ok=True)
    stimuli, seconds = list[Stimulus](), 0.0
    planned = [*_versions(results), *_checks(results, checks, random.Random(seed))]
    for number, (clip, system, asked) in enumerate(planned, 1):
        stimulus = Stimulus(secrets.token_hex(_NAME_BYTES), clip.name, system, asked)
        path = folder / MEDIA_FOLDER / f"{stimulus.name}.mp4"
        end = common_end(clip)
        _write(clip, stimulus, end, path, progress(f"video {number} of {len(planned)}"))
        os.utime(path, (0, 0))  # which was made when tells nothing
        stimuli.append(stimulus)
        seconds += float(end)
    name = secrets.token_hex(4)
    sheets = draw_sheets(len(results.clips), len(results.titles) + 2, checks, seed)
    write_page(folder / PAGE_NAME, name, [each.name for each in stimuli], sheets, seconds)
    write_file(key, _key(name, results, stimuli).encode())
    return Study(folder, key, tuple(stimuli), seconds)


def _refuse(folder: Path, key: Path, checks: int) -> None:
    if not 0 <= checks <= MOST_CHECKS:
        raise OptionError(f"{checks} checks can't be made: choose from 0 to {MOST_CHECKS}.")
    if folder.resolve() in key.resolve().parents:
        raise OptionError(f"The key {key} lies in the folder that is handed out: keep it elsewhere.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already and isn't an empty folder: choose another.")
    check_place(key, "the key", (".json",))


def _versions(results: Results) -> Iterator[tuple[RatedClip, str, Mapping[str, int]]]:
    """All videos that are rated, clip by clip; the versions stand in the same order for each."""
    for clip in results.clips:
        yield from ((clip, system, {}) for system in (*results.titles, HIDDEN_REFERENCE, BAD_ANCHOR))


def _checks(
    results: Results, count: int, chance: random.Random
) -> Iterator[tuple[RatedClip, str, Mapping[str, int]]]:
    for number in range(count):
        wanted = dict(zip(("quality", "sync"), chance.sample(range(1, 6), 2), strict=True))
        yield results.clips[number % len(results.clips)], ATTENTION_CHECK, wanted


def _write(clip: RatedClip, stimulus: Stimulus, end: Fraction, path: Path, progress: Progress) -> None:
    change: Change | None = None
    video, sound = clip.videos.get(stimulus.system, clip.source), clip.voice
    if stimulus.system == HIDDEN_REFERENCE:
        sound = clip.source
    elif stimulus.system == BAD_ANCHOR:
        change = spoiled
    elif stimulus.system == ATTENTION_CHECK:
        change = asking(stimulus.expected["quality"], stimulus.expected["sync"])
    write_stimulus(video, sound, end, path, change, progress)


def _key(name: str, results: Results, stimuli: Sequence[Stimulus]) -> str:
    told = {
        "form": STUDY_FORM,
        "study": name,
        "systems": dict(results.titles),
        "clips": [clip.name for clip in results.clips],
        "videos": {
            each.name: {"clip": each.clip, "system": each.system, "expected": dict(each.expected)}
            for each in stimuli
        },
    }
    return f"{json.dumps(told, indent=2, ensure_ascii=False)}\n"
