"""A finished comparison of tiny videos, and people who answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
from retalk_nodes.retalk_core.study.answers import Key, Opinion, Rater
from retalk_nodes.retalk_core.study.make import BAD_ANCHOR, HIDDEN_REFERENCE, Stimulus
from scenes import babble, talking, write_clip, write_voice
from videos import speaking_clip

TITLES = {"lnet-own": "VideoReTalking", "wav2lip-own": "Wav2Lip"}
FRAMES, SIDE = 8, 96


def write_comparison(folder: Path, clips: int = 2) -> Path:
    """A comparison's folder: two methods and a part on some pairs; the last one failed at by one method."""
    pictures = talking(FRAMES, SIDE)
    cases = []
    for number in range(clips + 1):
        name = f"{number + 1:05d}"
        (folder / "inputs").mkdir(parents=True, exist_ok=True)
        speaking_clip(folder / "inputs" / f"{name}.mkv", pictures)
        write_voice(folder / "inputs" / f"{name}.wav", 0.5 * babble(FRAMES / 25)[::-1])
        entries: dict[str, Any] = {"source": {"video": f"inputs/{name}.mkv"}}
        for place, system in enumerate((*TITLES, "part-l")):
            path = folder / "videos" / system / f"{name}.mkv"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_clip(path, [cv2.GaussianBlur(each, (0, 0), 0.5 + place) for each in pictures])
            failed = number == clips and place == 0
            entries[system] = {"video": None if failed else path.relative_to(folder).as_posix()}
        cases.append(
            {
                "name": name,
                "protocol": "another's voice",
                "source": f"inputs/{name}.mkv",
                "voice": f"inputs/{name}.wav",
                "entries": entries,
            }
        )
    systems = [
        {"name": name, "title": title, "finish": "", "roles": ["method"]} for name, title in TITLES.items()
    ]
    systems.append({"name": "part-l", "title": "L-Net", "finish": "", "roles": ["part"]})
    (folder / "comparison.json").write_text(json.dumps({"systems": systems, "cases": cases}))
    return folder


def people(
    scores: Mapping[str, Mapping[str, int]], clips: int = 3, count: int = 1, first: int = 0
) -> list[Rater]:
    """People who all say the same of a system, whatever the clip: by the system's name, by the question."""
    opinions = tuple(
        Opinion(Stimulus(f"{clip}{system}", f"clip{clip}", system, {}), said)
        for clip in range(clips)
        for system, said in scores.items()
    )
    return [Rater(f"r{first + i}", f"r{first + i}.json", opinions, ()) for i in range(count)]


def both(points: int) -> dict[str, int]:
    """The same answer to both questions."""
    return {"quality": points, "sync": points}


def small_key(clips: int = 2) -> Key:
    """A key of two systems, reference and anchor on some clips, and one check."""
    stimuli = {
        f"{system}{clip}": Stimulus(f"{system}{clip}", f"clip{clip}", system, {})
        for clip in range(clips)
        for system in (*TITLES, HIDDEN_REFERENCE, BAD_ANCHOR)
    }
    stimuli["check0"] = Stimulus("check0", "clip0", "check", {"quality": 2, "sync": 5})
    return Key("abc", TITLES, stimuli)
