"""The node-by-node workflow cut down or extended to each of the presets of Dub Frames."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

Prompt = dict[str, dict[str, Any]]
ROOT = Path(__file__).resolve().parents[2]


def api_workflow(name: str) -> Prompt:
    """A workflow as programs queue it."""
    prompt: Prompt = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))
    return prompt


def find(prompt: Prompt, kind: str, title: str = "") -> str:
    """The id of the one node of a kind, or of a kind and title."""
    found = [
        key
        for key, node in prompt.items()
        if node["class_type"] == kind and (not title or node["_meta"]["title"] == title)
    ]
    assert len(found) == 1, (kind, title, found)
    return found[0]


def stages_of(preset: str) -> tuple[Prompt, str]:
    """The paper's pipeline node by node, without the saving of a video; and the node with the frames."""
    prompt = api_workflow("paper_stage_by_stage")
    for kind in ("SaveVideo", "CreateVideo"):
        del prompt[find(prompt, kind)]
    if preset == "original":
        _restore_reference(prompt)
    last = find(prompt, "ReTalkPasteBack", "Paste Back" if preset == "fast" else "Paste Back the Mouth")
    return _only(prompt, last), last


def _restore_reference(prompt: Prompt) -> None:
    """Put GPEN between D-Net and the face framing, as the released program does."""
    old = find(prompt, "ReTalkReframeFaces", "Reference in the Face Framing")
    reframe = prompt[old]["inputs"]
    close = find(prompt, "ReTalkCropFaces", "Crop Faces")

    def add(key: str, kind: str, **inputs: object) -> None:
        prompt[key] = {"class_type": kind, "inputs": inputs, "_meta": {"title": key}}

    wide = {**prompt[close]["inputs"], "framing": "gpen"}
    add("wide", "ReTalkCropFaces", **wide)
    add("gpen", "ReTalkLoadRestorer", file="GPEN-BFR-512.pth")
    add(
        "sharp",
        "ReTalkReframeFaces",
        faces=reframe["faces"],
        crops_from=reframe["crops_from"],
        crops_to=["wide", 1],
        base=["wide", 0],
        size=0,
    )
    add("better", "ReTalkRestoreFace", faces=["sharp", 0], restorer=["gpen", 0], strength=1.0, batch_size=0)
    reframe |= {"faces": ["better", 0], "crops_from": ["wide", 1]}


def _only(prompt: Prompt, last: str) -> Prompt:
    """What a node needs, and nothing else."""
    needed, waiting = set(), [last]
    while waiting:
        key = waiting.pop()
        if key not in needed:
            needed.add(key)
            waiting += [given[0] for given in prompt[key]["inputs"].values() if isinstance(given, list)]
    return copy.deepcopy({key: node for key, node in prompt.items() if key in needed})


def dub_frames_beside(prompt: Prompt, preset: str) -> Prompt:
    """Dub Frames on the frames that the stages see, named "dub": as long as the voice, by Fit Length."""
    fitted = find(prompt, "ReTalkFitLength")
    inputs = {
        **{"images": [fitted, 0], "voice": [fitted, 1], "fps": [fitted, 3]},
        **{"engine": "retalk", "preset": preset, "face": "largest"},
        **{"voice_longer": "bounce", "voice_shorter": "keep_clip", "pauses": "close"},
        **{"start": 0.0, "duration": 0.0},
    }
    return {"dub": {"class_type": "ReTalkDubFrames", "inputs": inputs, "_meta": {"title": "dub"}}}
