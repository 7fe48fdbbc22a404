"""What a comparison's folder has for a study: pairs that every chosen system has a video of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..comparing.compare import JSON_FILE
from ..comparing.inputs import UNPAIRED
from ..comparing.work import SOURCE
from ..errors import InputError, OptionError
from ..media.reader import open_clip

MOST_CLIPS = 100


@dataclass(frozen=True)
class RatedClip:
    """One clip with one voice, and who made videos of it."""

    name: str
    source: Path
    voice: Path
    videos: Mapping[str, Path]  # by the system's name


@dataclass(frozen=True)
class Results:
    """What people are to be asked about."""

    clips: tuple[RatedClip, ...]
    titles: Mapping[str, str]  # of the systems, by name


def read_results(folder: Path, systems: Sequence[str] = (), count: int = 10) -> Results:
    """Read a comparison's JSON.

    systems: by their names there; none: all that have a video of every pair that any has
    count:   of pairs, evenly spread over those that all chosen systems have
    raises:  InputError, OptionError
    """
    if not 1 <= count <= MOST_CLIPS:
        raise OptionError(f"A study of {count} pairs can't be made: choose from 1 to {MOST_CLIPS}.")
    told = _read(folder / JSON_FILE)
    titles = {each["name"]: _title(each) for each in told["systems"]}
    unknown = [name for name in systems if name not in titles]
    if unknown:
        raise OptionError(f"The comparison has no system {unknown[0]}: choose from {', '.join(titles)}.")
    clips = [_clip(folder, case, titles) for case in told["cases"] if case["protocol"] == UNPAIRED]
    if not clips or not any(clip.videos for clip in clips):
        raise InputError(f"{folder} holds no finished video: run the comparison first.")
    wanted = tuple(systems) or _usual(told["systems"], clips)
    complete = [
        clip for clip in clips if set(wanted) <= set(clip.videos) and open_clip(clip.source).has_sound
    ]
    if not complete:
        raise InputError(
            f"No pair in {folder} has a video of each of {', '.join(wanted)}, and a clip with a voice of its "
            "own, which is the hidden reference: name fewer systems, or other pairs."
        )
    chosen = sorted({round((i + 0.5) * len(complete) / count - 0.5) for i in range(count)})
    return Results(
        tuple(_only(complete[i], wanted) for i in chosen if 0 <= i < len(complete)),
        {name: titles[name] for name in wanted},
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
        return {"systems": list(told["systems"]), "cases": list(told["cases"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} can't be read as a comparison: name the folder that eval compare wrote."
        ) from error


def _title(system: Mapping[str, Any]) -> str:
    return f"{system['title']}, {system['finish']}" if system["finish"] else str(system["title"])


def _clip(folder: Path, case: Mapping[str, Any], titles: Mapping[str, str]) -> RatedClip:
    videos = {
        name: folder / entry["video"]
        for name, entry in case["entries"].items()
        if name != SOURCE.name and name in titles and entry["video"]
    }
    return RatedClip(case["name"], folder / case["source"], folder / case["voice"], videos)


def _usual(systems: Sequence[Mapping[str, Any]], clips: Sequence[RatedClip]) -> tuple[str, ...]:
    """The methods, and not their parts, that have as many videos as any."""
    shown = [each["name"] for each in systems if {"method", "reference"} & set(each["roles"])]
    counts = {name: sum(name in clip.videos for clip in clips) for name in shown}
    most = max(counts.values(), default=0)
    return tuple(name for name in shown if counts[name] == most and most)


def _only(clip: RatedClip, names: Sequence[str]) -> RatedClip:
    return RatedClip(clip.name, clip.source, clip.voice, {name: clip.videos[name] for name in names})
