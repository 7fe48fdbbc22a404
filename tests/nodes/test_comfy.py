"""The pack in a real ComfyUI: it loads, dubs, stops, remembers, and errs where the mistake is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfy_server import ComfyServer, checkouts, messages
from recipe import recipe_weights
from scenes import babble, portrait, scenery, talking, write_clip, write_voice

pytestmark = pytest.mark.comfy
FOUND = checkouts() or [None]
PLACES = ("face3d", "dnet", "lnet", "enet", "gfpgan", "gpen", "parser", "ganimation", "expression")
FACE = {"engine": "embedded preview", "preset": "paper", "face": "largest", "voice_longer": "bounce"}
SOON = 15.0  # seconds: under 1 where nothing else runs, for ever where Python stands still
FACE |= {"voice_shorter": "keep_clip", "pauses": "close"}


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def comfy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[ComfyServer]:
    """A server with a talking clip, one without a face, and a voice."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    base = tmp_path_factory.mktemp("comfy") / "base"
    server = ComfyServer(*request.param, base, root)
    try:
        write_clip(base / "input" / "talking.mp4", talking(50, 256), codec="libx264")
        write_clip(base / "input" / "nobody.mp4", scenery(5), codec="libx264")
        write_voice(base / "input" / "voice.wav", babble(2.0))
        yield server
    finally:
        server.stop()


def quick_dub(clip: str = "talking.mp4", **changed: object) -> dict[str, Any]:
    """A workflow in API form: load, dub, save."""
    inputs = {"video": ["1", 0], "voice": ["2", 0], **FACE, "start": 0.0, "duration": 0.0, **changed}
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": clip}},
        "2": {"class_type": "LoadAudio", "inputs": {"audio": "voice.wav"}},
        "3": {"class_type": "ReTalkDubVideo", "inputs": inputs},
        "4": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["3", 0], "filename_prefix": "dub", "format": "auto", "codec": "auto"},
        },
    }


def test_the_pack_loads_without_a_word(comfy: ComfyServer, nodes: dict[str, Any]) -> None:
    ours = {name for name, node in comfy.nodes.items() if name.startswith("ReTalk")}
    assert ours == set(nodes)
    named = [line for line in comfy.log().splitlines() if "any name" in line or "ReTalk" in line]
    assert len(named) == 1, named  # the line with the seconds that importing took
    seconds = re.search(r"([\d.]+) seconds", named[0])
    assert seconds is not None and float(seconds[1]) < 0.5
    for name in ours:
        assert comfy.nodes[name]["category"].startswith("ReTalk/") and comfy.nodes[name]["description"]


def test_a_clip_is_dubbed_and_run_again_for_nothing(comfy: ComfyServer) -> None:
    done = comfy.run(quick_dub())
    assert done["status"]["status_str"] == "success"
    (text,) = done["outputs"]["3"]["text"]
    assert "50 frames" in text and "engine: embedded" in text
    (saved,) = done["outputs"]["4"]["images"]
    assert (comfy.base / "output" / saved["filename"]).stat().st_size > 10_000
    again = comfy.run(quick_dub())
    (cached,) = messages(again, "execution_cached")
    assert {"1", "2", "3"} <= set(cached["nodes"])


def test_the_same_dub_gives_the_same_file(comfy: ComfyServer) -> None:
    files = []
    for start in (0.2, 0.4, 0.2):  # the other one in between, so that nothing is taken from the cache
        done = comfy.run(quick_dub(start=start, duration=0.4, pauses="keep_original"))
        files.append(comfy.base / "output" / done["outputs"]["4"]["images"][0]["filename"])
    sizes = [path.stat().st_size for path in files]
    assert abs(sizes[0] - sizes[2]) < 64  # but for the names in the metadata


def test_a_mistake_shows_on_the_node_that_has_it(comfy: ComfyServer) -> None:
    for prompt, words in (
        (quick_dub("nobody.mp4"), "No face was found in any of the 5 frames"),
        (quick_dub(start=60.0), "The start is at"),
        (quick_dub(engine="retalk"), "needs files that were not found"),
    ):
        (error,) = messages(comfy.run(prompt), "execution_error")
        assert error["node_id"] == "3" and words in error["exception_message"]


@pytest.mark.parametrize(
    ("node", "inputs", "words"),
    [
        ("ReTalkLoadDNet", {"file": "DNet.pt"}, "D-Net was not found"),
        (
            "ReTalkLoadModels",
            {**dict.fromkeys(PLACES, "auto"), "lnet": "gone.pth"},
            "lnet: 'gone.pth' not in",
        ),
    ],
)
def test_a_missing_file_is_told_on_its_loader(
    comfy: ComfyServer, node: str, inputs: dict[str, str], words: str
) -> None:
    prompt = {
        "1": {"class_type": node, "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    answer = comfy.post("/prompt", {"prompt": prompt})
    if "1" in answer["node_errors"]:
        (problem,) = answer["node_errors"]["1"]["errors"]
        assert words in problem["details"]
    else:  # versions that let any text through
        (error,) = messages(comfy.wait(answer["prompt_id"]), "execution_error")
        assert error["node_id"] == "1" and "gone.pth is in none" in error["exception_message"]


def test_a_dub_is_stopped_soon_and_the_next_one_runs(comfy: ComfyServer) -> None:
    prompt_id = comfy.queue(quick_dub(start=0.1))
    while not any(comfy.base.glob("temp/.retalk-*")):  # it writes: the second pass has begun
        assert comfy.running()
        time.sleep(0.02)
    begun = time.monotonic()
    comfy.post("/interrupt", {})
    stopped = comfy.wait(prompt_id)
    assert time.monotonic() - begun < SOON
    assert messages(stopped, "execution_interrupted") and not any(comfy.base.glob("temp/.retalk-*"))
    assert comfy.run(quick_dub(duration=0.2))["status"]["status_str"] == "success"


def test_a_long_network_is_stopped_between_its_layers(comfy: ComfyServer, made_weights: Path) -> None:
    weights = recipe_weights("gfpgan", 0, made_weights)
    folder = comfy.base / "models" / "retalk"
    folder.mkdir()
    (folder / weights.name).symlink_to(weights)
    from PIL import Image

    Image.fromarray(portrait(512)).save(comfy.base / "input" / "face.png")
    prompt_id = comfy.queue(
        {
            "1": {"class_type": "LoadImage", "inputs": {"image": "face.png"}},
            "2": {"class_type": "RepeatImageBatch", "inputs": {"image": ["1", 0], "amount": 8}},
            "3": {"class_type": "ReTalkLoadRestorer", "inputs": {"file": weights.name}},
            "4": {
                "class_type": "ReTalkRestoreFace",
                "inputs": {"faces": ["2", 0], "restorer": ["3", 0], "strength": 1.0, "batch_size": 1},
            },
            "5": {"class_type": "PreviewImage", "inputs": {"images": ["4", 0]}},
        }
    )
    time.sleep(5)
    assert comfy.running()
    begun = time.monotonic()
    comfy.post("/interrupt", {})
    stopped = comfy.wait(prompt_id)
    assert messages(stopped, "execution_interrupted") and time.monotonic() - begun < SOON


def test_everything_that_needs_no_checkpoint_works_together(comfy: ComfyServer) -> None:
    inputs = {"action": "strength", "ranges": "", "strength": 0.9}
    done = comfy.run(
        {
            "1": {"class_type": "LoadVideo", "inputs": {"file": "talking.mp4"}},
            "2": {"class_type": "LoadAudio", "inputs": {"audio": "voice.wav"}},
            "3": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
            "4": {
                "class_type": "ReTalkFitLength",
                "inputs": {
                    "images": ["3", 0],
                    "voice": ["2", 0],
                    "fps": ["3", 2],
                    "voice_longer": "bounce",
                    "voice_shorter": "keep_clip",
                },
            },
            "5": {
                "class_type": "ReTalkDetectFaces",
                "inputs": {"clip": ["4", 0], "face": "largest", "index": 0, "x": 0, "y": 0, "fps": ["4", 3]}
                | {"smooth": True},
            },
            "6": {"class_type": "ReTalkEditTrack", "inputs": {"face_track": ["5", 0], **inputs}},
            "7": {
                "class_type": "ReTalkPreviewTrack",
                "inputs": {"clip": ["1", 0], "face_track": ["6", 0], "fps": 25.0},
            },
            "8": {
                "class_type": "ReTalkLipSyncPreview",
                "inputs": {"images": ["4", 0], "face_track": ["6", 0], "voice": ["4", 1], "fps": ["4", 3]},
            },
            "9": {
                "class_type": "ReTalkLaplacianBlend",
                "inputs": {"base": ["4", 0], "layer": ["8", 0], "mask": ["5", 1]}
                | {"levels": 0, "colour_match": 0.0},
            },
            "10": {
                "class_type": "ReTalkDubFrames",
                "inputs": {"images": ["9", 0], "voice": ["4", 1], "fps": ["4", 3], **FACE}
                | {"start": 0.0, "duration": 0.0, "face_track": ["6", 0]},
            },
            "11": {"class_type": "PreviewImage", "inputs": {"images": ["10", 0]}},
            "12": {"class_type": "PreviewImage", "inputs": {"images": ["5", 2]}},
            "13": {
                "class_type": "SaveVideo",
                "inputs": {"video": ["7", 0], "filename_prefix": "track", "format": "auto", "codec": "auto"},
            },
            "14": {"class_type": "ReTalkCheckModels", "inputs": {}},
        }
    )
    assert done["status"]["status_str"] == "success", messages(done, "execution_error")
    assert len(done["outputs"]["11"]["images"]) == 50
    assert "faces seen: 1" in done["outputs"]["5"]["text"][0]
    assert "MISSING" in done["outputs"]["14"]["text"][0]
