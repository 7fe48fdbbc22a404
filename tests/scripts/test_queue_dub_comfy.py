"""The headless script on a real ComfyUI, run by ComfyUI's own Python, which lacks this pack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenes import babble, talking, write_clip, write_voice

sys.path.append(str(Path(__file__).parents[1] / "nodes"))
from comfy_server import ComfyServer, checkouts

pytestmark = pytest.mark.comfy
FOUND = checkouts() or [None]


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def comfy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[tuple[ComfyServer, list[str]]]:
    """A server, and the beginning of the script's command line."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    server = ComfyServer(*request.param, tmp_path_factory.mktemp("comfy") / "base", root)
    script = [request.param[1], str(root / "scripts" / "queue_dub.py")]
    yield server, [*script, "--server", f"http://127.0.0.1:{server.port}", "--engine", "embedded"]
    server.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of 2 s, one of 40 s, and a voice."""
    folder = tmp_path_factory.mktemp("files")
    write_clip(folder / "clip.mp4", talking(50, 256), codec="libx264")
    write_clip(folder / "long.mp4", talking(50, 256) * 20, codec="libx264")
    write_voice(folder / "voice.wav", babble(2.0))
    return folder


@pytest.mark.parametrize("copied", [False, True], ids=["uploaded", "copied"])
def test_a_clip_is_dubbed(
    comfy: tuple[ComfyServer, list[str]], files: Path, tmp_path: Path, copied: bool
) -> None:
    server, command = comfy
    words = [str(files / "clip.mp4"), str(files / "voice.wav"), "-o", str(tmp_path / "out.mp4")]
    words += ["--copy-into", str(server.base / "input")] if copied else []
    done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == str(tmp_path / "out.mp4") and "50 frames" in done.stdout, done.stdout
    assert (tmp_path / "out.mp4").stat().st_size > 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_an_error_and_a_refusal_are_told(
    comfy: tuple[ComfyServer, list[str]], files: Path, tmp_path: Path
) -> None:
    _, command = comfy
    words = [str(files / "clip.mp4"), str(files / "voice.wav"), "-o", str(tmp_path / "out.mp4")]
    for change, said in (("3.start=60", "ReTalkDubVideo: "), ("3.preset=slow", "preset")):
        done = subprocess.run(
            [*command, *words, "--set", change], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 1, done.stderr
        assert said in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process there")
def test_ctrl_c_stops_the_server(comfy: tuple[ComfyServer, list[str]], files: Path, tmp_path: Path) -> None:
    server, command = comfy
    words = [str(files / "long.mp4"), str(files / "voice.wav"), "-o", str(tmp_path / "out.mp4")]
    process = subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "ReTalkDubVideo" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    for _ in range(100):
        if not server.running():
            break
        time.sleep(0.1)
    assert not server.running()
    assert list(tmp_path.iterdir()) == []
