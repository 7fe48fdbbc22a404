"""Save Dub in a real ComfyUI: every encoder is saved whole, and refused before the work where it can't be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from comfy_server import ComfyServer, checkouts, messages
from scenes import babble, talking, write_clip, write_voice

pytestmark = pytest.mark.comfy
FOUND = checkouts() or [None]
SAVED = [  # encoder, clip, codec in the file, ending, browsers play it
    ("auto", "talking.mp4", "h264", ".mp4", True),
    ("auto", "deep.mp4", "hevc", ".mp4", True),
    ("hevc", "talking.mp4", "hevc", ".mp4", True),
    ("prores", "talking.mp4", "prores", ".mov", False),
    ("ffv1", "deep.mp4", "ffv1", ".mkv", False),
]


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def comfy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[ComfyServer]:
    """A server with a clip of 8 bit, one of 10 bit, and a voice."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    base = tmp_path_factory.mktemp("comfy") / "base"
    server = ComfyServer(*request.param, base, root)
    try:
        folder = base / "input"
        write_clip(folder / "talking.mp4", talking(10, 256), codec="libx264")
        write_clip(
            folder / "deep.mp4", talking(10, 256), codec="libx265", pixel_format="yuv420p10le", given="rgb24"
        )
        write_voice(folder / "voice.wav", babble(0.4))
        yield server
    finally:
        server.stop()


def node(comfy: ComfyServer, kind: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401
    """A node in API form, with what its widgets show where nothing else is given."""
    asked = comfy.nodes[kind]["input"]
    values = {}
    for name, (type_, *about) in {**asked.get("required", {}), **asked.get("optional", {})}.items():
        told = about[0] if about else {}
        if "default" in told:
            values[name] = told["default"]
        elif isinstance(type_, list):
            values[name] = type_[0]
    return {"class_type": kind, "inputs": {**values, **given}, "_meta": {"title": f"My {kind}"}}


def prompt(comfy: ComfyServer, clip: str, encoder: str, saver: str, **more: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": clip}},
        "2": {"class_type": "LoadAudio", "inputs": {"audio": "voice.wav"}},
        "3": node(comfy, "ReTalkDubOptions", encoder=encoder, check=False),
        "4": node(
            comfy,
            "ReTalkDubVideo",
            video=["1", 0],
            voice=["2", 0],
            options=["3", 0],
            engine="embedded preview",
        ),
        "5": {
            "class_type": saver,
            "inputs": {"video": ["4", 0], "filename_prefix": f"{encoder}/%date:yyyy%/dub", **more},
            "_meta": {"title": "My Saver"},
        },
    }


@pytest.mark.parametrize(("encoder", "clip", "codec", "ending", "played"), SAVED)
def test_every_encoder_is_saved_whole(
    comfy: ComfyServer, encoder: str, clip: str, codec: str, ending: str, played: bool
) -> None:
    done = comfy.run(prompt(comfy, clip, encoder, "ReTalkSaveDub"))
    assert done["status"]["status_str"] == "success", messages(done, "execution_error")
    (saved,) = done["outputs"]["5"]["images" if played else "files"]
    path = comfy.base / "output" / saved["subfolder"] / saved["filename"]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (path.suffix, stream.codec_context.codec.canonical_name) == (ending, codec)
        assert sum(1 for _ in container.decode(stream)) == 10 and len(container.streams.audio) == 1
        words = {name.lower(): value for name, value in container.metadata.items()}
    assert json.loads(words["prompt"])["5"]["class_type"] == "ReTalkSaveDub" and "retalk" in words


@pytest.mark.parametrize("encoder", ["prores", "ffv1"])
def test_what_save_video_cant_save_is_refused_before_the_work(comfy: ComfyServer, encoder: str) -> None:
    choice = {"format": "auto", "codec": "auto"}
    (error,) = messages(
        comfy.run(prompt(comfy, "talking.mp4", encoder, "SaveVideo", **choice)), "execution_error"
    )
    assert error["node_id"] == "4"
    assert error["exception_message"].startswith(f"My Saver can't save {encoder}: put Save Dub in its place")


def test_save_video_takes_hevc_of_ten_bits(comfy: ComfyServer) -> None:
    choice = {"format": "auto", "codec": "auto"}
    done = comfy.run(prompt(comfy, "deep.mp4", "auto", "SaveVideo", **choice))
    assert done["status"]["status_str"] == "success", messages(done, "execution_error")
    (saved,) = done["outputs"]["5"]["images"]
    path = comfy.base / "output" / saved["subfolder"] / saved["filename"]
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p10le"
