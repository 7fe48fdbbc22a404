"""In a real ComfyUI a dub is signed when it is saved, and Detect Origin says what files and frames are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from comfy_server import ComfyServer, checkouts, messages
from retalk_nodes.retalk_core.provenance.certificate import make_certificate
from retalk_nodes.retalk_core.provenance.credentials import read_credentials
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from scenes import babble, talking, write_clip, write_voice

pytestmark = pytest.mark.comfy
FOUND = checkouts() or [None]


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def comfy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    root: Any,  # noqa: ANN401
) -> Iterator[ComfyServer]:
    """A server with a clip, a voice, and a certificate in its user folder."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    base = tmp_path_factory.mktemp("comfy") / "base"
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("RETALK_RECORDS")
        server = ComfyServer(*request.param, base, root, called="retalk")
    try:
        libraries = [request.param[1], "-c", "import c2pa, cryptography"]
        if subprocess.run(libraries, capture_output=True, check=False).returncode:
            pytest.skip("this ComfyUI's Python lacks c2pa-python or cryptography")
        make_certificate(base / "user" / "retalk")
        write_clip(base / "input" / "talking.mp4", talking(50, 256), codec="libx264")
        write_voice(base / "input" / "voice.wav", babble(2.0))
        yield server
    finally:
        server.stop()


def prompt(origin: dict[str, Any], saver: str = "ReTalkSaveDub", encoder: str = "h264") -> dict[str, Any]:
    more = {"format": "auto", "codec": "auto"} if saver == "SaveVideo" else {}
    face = {"engine": "embedded preview", "preset": "paper", "face": "largest", "voice_longer": "bounce"}
    face |= {"voice_shorter": "keep_clip", "pauses": "close", "start": 0.0, "duration": 0.0}
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "talking.mp4"}},
        "2": {"class_type": "LoadAudio", "inputs": {"audio": "voice.wav"}},
        "3": {"class_type": "ReTalkDubVideo", "inputs": {"video": ["1", 0], "voice": ["2", 0], **face}},
        "4": {
            "class_type": saver,
            "inputs": {"video": ["3", 0], "filename_prefix": f"{saver}_{encoder}", **more},
        },
        "5": {"class_type": "ReTalkDetectOrigin", "inputs": origin},
    }


def ran(comfy: ComfyServer, given: dict[str, Any]) -> dict[str, Any]:
    history = comfy.run(given)
    assert history["status"]["status_str"] == "success", messages(history, "execution_error")
    return {key: "\n".join(each["text"]) for key, each in history["outputs"].items() if "text" in each}


def test_a_saved_dub_is_signed_and_known(comfy: ComfyServer) -> None:
    told = ran(comfy, prompt({"clip": ["4", 0]}))
    assert "not signed yet: Save Dub signs" in told["3"] and "signed by" in told["4"]
    assert "signed, unknown signer" in told["5"] and "known file" in told["5"]
    (saved,) = comfy.base.glob("output/ReTalkSaveDub_h264_00001_.mp4")
    records = comfy.base / "user" / "retalk"
    found = read_credentials(saved, b"", records)
    assert found.state == "local" and found.ingredients == 1 and found.statement is not None
    (entry,) = Ledger(records).entries()
    assert entry.statement == found.statement and len(Ledger(records).files_of(entry)) == 2
    by_name = ran(comfy, {"1": prompt({"file": f"{saved.name} [output]"})["5"]})
    assert "signed, unknown signer" in by_name["1"]


def test_save_video_drops_a_signature(comfy: ComfyServer) -> None:
    told = ran(comfy, prompt({"clip": ["3", 0]}, "SaveVideo"))
    assert "signer:" not in told["5"] and "Save Dub" in told["3"]
    (saved,) = comfy.base.glob("output/SaveVideo_h264_00001_.mp4")
    assert read_credentials(saved).state == "none"


def test_a_plain_clip_its_frames_and_its_sound_are_no_dub(comfy: ComfyServer) -> None:
    parts = {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}}
    given = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "talking.mp4"}},
        "2": {"class_type": "LoadAudio", "inputs": {"audio": "voice.wav"}},
        "3": parts,
        "4": {"class_type": "ReTalkDetectOrigin", "inputs": {"clip": ["1", 0]}},
        "5": {"class_type": "ReTalkDetectOrigin", "inputs": {"clip": ["3", 0], "audio": ["2", 0]}},
        "6": {"class_type": "ReTalkDetectOrigin", "inputs": {"audio": ["2", 0]}},
        "7": {"class_type": "PreviewImage", "inputs": {"images": ["4", 4]}},
        "8": {"class_type": "PreviewAny", "inputs": {"source": ["5", 1]}},
    }
    told = ran(comfy, given)
    assert all("does not mean that it is real" in told[node] for node in "456")
    assert json.loads(told["8"])["retalk"] is False


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "nothing to look at"),
        ({"file": "../user/comfyui.db"}, "leads out of ComfyUI's folders"),
        ({"file": "gone.mp4"}, "does not exist"),
    ],
)
def test_a_mistake_is_told_in_words(comfy: ComfyServer, inputs: dict[str, str], words: str) -> None:
    given = {"1": {"class_type": "ReTalkDetectOrigin", "inputs": inputs}}
    (error,) = messages(comfy.run(given), "execution_error")
    assert words in error["exception_message"]
