"""Which videos a folder holds, and who speaks in them: any folder, and three that are laid out in known ways.

Nothing is downloaded: who has such a set, has it by its owners' leave.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
TABLE = "talks.csv"  # file, speaker, voice, split
SPLITS = ("train", "held", "")


@dataclass(frozen=True)
class Video:
    """One video of a set that is to be prepared."""

    path: Path
    name: str  # of its own, with folders
    speaker: str
    voice: str
    split: str = ""  # train or held; "": the set decides


def find_videos(folder: Path, layout: str = "any") -> list[Video]:
    """The videos of a folder, by name. Raises InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one that holds talking videos.")
    paths = [
        path for path in sorted(folder.rglob("*")) if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    ]
    if not paths:
        raise InputError(f"{folder} holds no video ({', '.join(VIDEO_SUFFIXES)}): name a folder that does.")
    found = list(LAYOUTS[layout](folder, paths))
    if not found:
        raise InputError(f"No video in {folder} is named as in {layout}: choose --layout any.")
    return found


def _any(folder: Path, paths: list[Path]) -> Iterator[Video]:
    """A speaker is a subfolder, or else a file; `talks.csv` knows better."""
    told = _told(folder / TABLE)
    for path in paths:
        inside = path.relative_to(folder)
        speaker = inside.parts[0] if len(inside.parts) > 1 else path.stem
        video = Video(path, inside.as_posix(), speaker, speaker)
        row = told.get(inside.as_posix(), {})
        known = {name: row[name].strip() for name in ("speaker", "voice", "split") if row.get(name)}
        if "speaker" in known:
            known.setdefault("voice", known["speaker"])
        yield replace(video, **known)  # type: ignore[arg-type]


def _told(table: Path) -> Mapping[str, Mapping[str, str]]:
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        known = {row["file"]: row for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise InputError(
            f"{table} can't be read ({error}): it needs a first line with file, speaker, voice, split."
        ) from error
    wrong = next((row for row in rows if (row.get("split") or "") not in SPLITS), None)
    if wrong is not None:
        raise InputError(f"{table} says split {wrong['split']!r} for {wrong['file']}: say train or held.")
    return known


def _lrs2(folder: Path, paths: list[Path]) -> Iterator[Video]:
    """main/<programme>/<clip>.mp4 and pretrain/…; lists such as train.txt say what is for what."""
    splits: dict[str, str] = {}
    for split, names in (("train", ("train.txt", "pretrain.txt")), ("held", ("val.txt", "test.txt"))):
        for name in names:
            if (folder / name).is_file():
                lines = (folder / name).read_text(encoding="utf-8").split("\n")
                splits |= {line.split()[0]: split for line in lines if line.strip()}
    for path in paths:
        inside = path.relative_to(folder)
        if len(inside.parts) >= 2:
            programme, key = inside.parts[-2], "/".join((inside.parts[-2], path.stem))
            split = "train" if "pretrain" in inside.parts[:-2] else splits.get(key, "")
            yield Video(path, inside.as_posix(), programme, programme, split)


def _voxceleb(folder: Path, paths: list[Path]) -> Iterator[Video]:
    """person#video#utterance#nnn.mp4, perhaps in train/ and test/."""
    for path in paths:
        inside, parts = path.relative_to(folder), path.stem.split("#")
        if len(parts) >= 3:
            split = {"train": "train", "test": "held"}.get(inside.parts[0], "")
            yield Video(path, inside.as_posix(), parts[0], parts[0], split)


def _hdtf(folder: Path, paths: list[Path]) -> Iterator[Video]:
    """RD_Radio11_000.mp4, WDA_Name_001.mp4: a person, then the number of a cut."""
    for path in paths:
        named = re.fullmatch(r"((?:RD|WDA|WRA)_\w+?)(?:_(\d{1,4}))?", path.stem)
        if named:
            inside = path.relative_to(folder).as_posix()
            yield Video(path, inside, named[1], named[1], "held")


LAYOUTS: Mapping[str, Callable[[Path, list[Path]], Iterator[Video]]] = {
    "any": _any,
    "lrs2": _lrs2,
    "voxceleb": _voxceleb,
    "hdtf": _hdtf,
}
